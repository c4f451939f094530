import CEngramKernels

extension Graph {
  /// Links the next row into the graph, or one given again (algorithm 1 of the paper).
  func insert(_ row: UInt32, rows: Rows, contexts: SearchContextPool) {
    let count = max(count, Int(row) + 1)
    let (entry, dropped) = link(
      [row], from: entryPoint, rows: rows, contexts: contexts, threads: 1)
    keepReachable([row] + dropped)
    let insertion = insertions.add(1, ordering: .relaxed).newValue
    if let entry, Self.isTimeToConnect(insertion, rows: count) {
      connect(from: entry, count: count, of: rows)
    }
    publish(count: count, entry: entry)
  }

  /// Links rows batch by batch. A batch searches the graph as it was before the batch, then the
  /// links back to it are added grouped by target, each target by one thread: the result does not
  /// depend on the number of threads (after ParlayANN, arXiv 2305.04359).
  ///
  /// Batches grow with the graph, for rows of one batch do not see each other. The order is a
  /// permutation by hash, so that neighbours that arrived together seldom share a batch.
  ///
  /// - Parameters:
  ///   - before: how many rows it holds now.
  ///   - count: how many rows it counts afterwards, those out of use included.
  func build(
    _ new: [UInt32], before: Int, count: Int, rows: Rows, contexts: SearchContextPool, threads: Int,
    progress: ((Int) -> Void)? = nil
  ) {
    let order = new.sorted {
      (Self.hash(UInt64($0), seed: ~parameters.seed), $0)
        < (Self.hash(UInt64($1), seed: ~parameters.seed), $1)
    }
    var entry = entryPoint
    var done = 0
    while done < order.count {
      let there = before + done
      let size = min(max(1, there / Self.batchShare), Self.largestBatch, order.count - done)
      (entry, _) = link(
        Array(order[done..<done + size]), from: entry, rows: rows, contexts: contexts,
        threads: threads)
      done += size
      progress?(done)
    }
    if let entry { connect(from: entry, count: count, of: rows) }
    publish(count: count, entry: entry)
  }

  /// A batch is at most this part of the graph, and at most this many rows.
  private static var batchShare: Int { 50 }
  private static var largestBatch: Int { 4096 }

  /// Links a batch; the entry point from then on, and the rows that lost a link on level 0.
  private func link(
    _ batch: [UInt32], from entry: Entry?, rows: Rows, contexts: SearchContextPool, threads: Int
  ) -> (Entry?, dropped: [UInt32]) {
    let next = batch.reduce(entry) { better($0, $1) }
    guard let entry else { return (next, []) }
    let found = Self.parallel(batch.count, threads: threads, contexts: contexts) { index, context in
      self.chooseLinks(of: batch[index], from: entry, rows: rows, context: &context)
    }
    let dropped = addBackLinks(
      found.flatMap { $0 }, rows: rows, contexts: contexts, threads: threads)
    return (next, dropped)
  }

  /// A link from `source`, a new row, to `target`.
  private struct Link {
    var level: Int
    var target: UInt32
    var source: Candidate
  }

  /// Finds and stores the links of a new row on each of its levels; nobody links to it yet.
  private func chooseLinks(
    of row: UInt32, from entry: Entry, rows: Rows, context: inout SearchContext
  ) -> [Link] {
    let query = rows.query(row: row)
    let codes = codes
    let own = rows.factors[Int(row)]
    rows.decode(row, into: context.rotated.base)
    let steering = WalkQuery(
      context.rotated.base, rowBias: own.bias, codes, code: context.walkCode.base)
    let top = min(level(row), entry.level)
    var statistics = SearchStatistics()
    var seeds = descend(
      to: top, from: entry, query: steering, codes: codes, limit: rows.count, context: &context,
      statistics: &statistics)
    var links: [Link] = []
    for level in stride(from: top, through: 0, by: -1) {
      var (buffer, _) = walk(
        from: seeds, level: level, query: steering, codes: codes, filter: AnyRow(),
        width: parameters.efConstruction, keeping: parameters.candidates, limit: rows.count,
        excluding: row, context: &context, statistics: &statistics)
      seeds = context.seeds(buffer.candidates.prefix(descentWidth))
      refine(&buffer, below: rows.count, query, rows, &context, &statistics)
      // A dead row is no neighbour, unless there are no others.
      if buffer.contains(where: { rows.isLive($0.row) }) {
        buffer.removeAll { !rows.isLive($0.row) }
      }
      let chosen = select(
        buffer.candidates, of: row, upTo: list(row, level: level).capacity, rows: rows,
        context: &context)
      for neighbour in chosen {
        links.append(
          Link(
            level: level, target: neighbour.row,
            source: Candidate(distance: neighbour.distance, row: row)))
      }
      store(chosen, in: list(row, level: level))
    }
    return links
  }

  /// The select-neighbours heuristic (algorithm 4 of the paper): in order of distance, a candidate
  /// is kept if it is nearer to the row than to every neighbour kept before.
  ///
  /// A candidate with the row's own code would rule out all others. Such twins rule out nobody, and
  /// have a quarter of the places at most.
  ///
  /// - Parameter keeping: links that stay in any case; candidates are compared with them.
  func select(
    _ candidates: some Sequence<Candidate>, keeping: [Candidate] = [], of row: UInt32,
    upTo limit: Int, rows: Rows, context: inout SearchContext
  ) -> [Candidate] {
    let kernels = Kernels.active
    let twinDistance = rows.distance(row, row)
    var kept: [Candidate] = []
    kept.reserveCapacity(limit)
    var twins = 0
    for link in keeping {
      if link.distance <= twinDistance {
        twins += 1
      } else {
        context.rows.base[kept.count - twins] = link.row
      }
      kept.append(link)
    }
    candidates: for candidate in candidates {
      if kept.count == limit { break }
      let distance = candidate.distance
      if distance <= twinDistance {
        if twins < limit / 4 {
          kept.append(candidate)
          twins += 1
        }
        continue
      }
      let query = rows.query(row: candidate.row)
      let others = kept.count - twins
      // Four kept neighbours at a time: most candidates fall to the first few.
      var index = 0
      while index < others {
        let count = min(4, others - index)
        kernels.dot_i8_gather(
          query.code, rows.codes, rows.stride, context.rows.base + index, count, rows.stride,
          context.products.base)
        for offset in 0..<count {
          let other = rows.factors[Int(context.rows.base[index + offset])]
          if query.distance(product: context.products.base[offset], other) <= distance {
            continue candidates
          }
        }
        index += count
      }
      context.rows.base[others] = candidate.row
      kept.append(candidate)
    }
    return kept
  }

  /// Adds the links back from targets to new rows; the rows that lost a link on level 0 thereby.
  private func addBackLinks(
    _ links: [Link], rows: Rows, contexts: SearchContextPool, threads: Int
  ) -> [UInt32] {
    let sorted = links.sorted {
      ($0.level, $0.target, $0.source.bits) < ($1.level, $1.target, $1.source.bits)
    }
    let starts = sorted.indices.filter {
      $0 == 0 || sorted[$0].target != sorted[$0 - 1].target || sorted[$0].level != sorted[$0 - 1].level
    }
    let groups = zip(starts, starts.dropFirst() + [sorted.count]).map { $0..<$1 }
    return Self.parallel(groups.count, threads: threads, contexts: contexts) { index, context in
      let group = sorted[groups[index]]
      let level = group[group.startIndex].level
      let dropped = self.merge(
        group.map(\.source), into: group[group.startIndex].target, level: level, rows: rows,
        context: &context)
      return level == 0 ? dropped : []
    }.flatMap { $0 }
  }

  /// Adds links from `target` to new rows; where they do not fit, the heuristic chooses again.
  /// Returns what it did not choose.
  private func merge(
    _ sources: [Candidate], into target: UInt32, level: Int, rows: Rows,
    context: inout SearchContext
  ) -> [UInt32] {
    let list = list(target, level: level)
    let present = list.rows
    if present.count + sources.count <= list.capacity {
      for (index, source) in sources.enumerated() {
        list.places[present.count + index].store(source.row, ordering: .releasing)
      }
      return []
    }
    let query = rows.query(row: target)
    for (index, row) in present.enumerated() { context.rows.base[index] = row }
    Kernels.active.dot_i8_gather(
      query.code, rows.codes, rows.stride, context.rows.base, present.count, rows.stride,
      context.products.base)
    var candidates = sources
    for (index, row) in present.enumerated() {
      let distance = query.distance(
        product: context.products.base[index], rows.factors[Int(row)])
      candidates.append(Candidate(distance: distance, row: row))
    }
    candidates.sort()
    let chosen = select(
      candidates, of: target, upTo: list.capacity, rows: rows, context: &context)
    store(chosen, in: list)
    return candidates.lazy.map(\.row).filter { row in !chosen.contains { $0.row == row } }
  }

  func store(_ candidates: [Candidate], in list: List) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: candidates.count) { buffer in
      for (index, candidate) in candidates.enumerated() { buffer[index] = candidate.row }
      list.store(UnsafeBufferPointer(buffer))
    }
  }

  /// The results of `body` for each index, on up to `threads` threads, one context a thread.
  static func parallel<Result: Sendable>(
    _ count: Int, threads: Int, contexts: SearchContextPool,
    _ body: @Sendable (Int, inout SearchContext) -> [Result]
  ) -> [[Result]] {
    var results = [[Result]](repeating: [], count: count)
    results.withUnsafeMutableBufferPointer { buffer in
      let results = Disjoint(buffer)
      // Handing work to another thread costs more than a few rows do.
      share(count, among: min(threads, count / 8)) { next in
        contexts.withContext { context in
          while let index = next() { results[index] = body(index, &context) }
        }
      }
    }
    return results
  }
}

/// A buffer whose elements several threads write, each element by one of them: that is the
/// invariant that makes the unchecked conformance sound.
private struct Disjoint<Element>: @unchecked Sendable {
  private let buffer: UnsafeMutableBufferPointer<Element>

  init(_ buffer: UnsafeMutableBufferPointer<Element>) { self.buffer = buffer }

  subscript(_ index: Int) -> Element {
    get { buffer[index] }
    nonmutating set { buffer[index] = newValue }
  }
}
