import CEngramKernels

extension HNSWIndex {
  public func search(
    _ query: [Float], k: Int, ef: Int?, among: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [Neighbour] {
    let width = try width(ef: ef, recall: Self.defaultRecall, k: k)
    return try search(query, k: k, width: width, among: among, statistics: &statistics)
  }

  /// What a search reaches that names neither a recall nor a width.
  public static let defaultRecall = 0.99

  /// The `k` nearest rows to `query`, nearest first, of which a share of `recall` are the true ones
  /// in the mean over queries like the index's own vectors.
  ///
  /// - Parameters:
  ///   - recall: above 0 and at most 1. Searches go as far as `calibration` says it takes, or the
  ///     farthest that it knows; without one, as far as on sentence embeddings. 1 scans.
  ///   - k: 1...10,000.
  ///   - among: the rows that may be results; nil for all.
  ///   - statistics: what the search cost is added to it.
  /// - Throws: `IndexError` for a query of a wrong dimension or that is not finite, and for a `k` or
  ///   a recall out of range.
  public func search(
    _ query: [Float], k: Int, recall: Double, among: RowSet? = nil,
    statistics: inout SearchStatistics
  ) throws(IndexError) -> [Neighbour] {
    let width = try width(ef: nil, recall: recall, k: k)
    return try search(query, k: k, width: width, among: among, statistics: &statistics)
  }

  /// - Parameter width: as `width(ef:recall:k:)` has it.
  package func search(
    _ query: [Float], k: Int, width: Int?, among: RowSet?,
    statistics: inout SearchStatistics
  ) throws(IndexError) -> [Neighbour] {
    let hops = statistics.hops
    return try content.withQuery(query, k: k) { exact, code, context in
      let live = count
      let possible = among.map { min($0.count, live) } ?? live
      let isFiltered = among != nil || content.rows.buriedCount > 0
      if let width, isWalked(possible, isFiltered: isFiltered, width: width) {
        let found: [Neighbour]? =
          if let among {
            walk(
              ChosenRows(rows: content.rows, chosen: among), possible: possible, k: k, width: width,
              exact, code, &context, &statistics)
          } else if isFiltered {
            walk(
              LiveRows(rows: content.rows), possible: possible, k: k, width: width, exact, code,
              &context, &statistics)
          } else {
            walk(
              AnyRow(), possible: possible, k: k, width: width, exact, code, &context, &statistics)
          }
        if let found {
          statistics.plan = isFiltered ? .filteredWalk : .walk
          return found
        }
      }
      statistics.plan = statistics.hops == hops ? .scan : .filteredWalkThenScan
      guard let among else { return scan(nil, k: k, exact, code, &context, &statistics) }
      return scan(content.list(among), k: k, exact, code, &context, &statistics)
    }
  }

  /// The `k` nearest of the rows in a list, exactly, whatever its length.
  package func search(
    _ query: [Float], k: Int, amongRows list: UnsafeBufferPointer<UInt32>,
    statistics: inout SearchStatistics
  ) throws(IndexError) -> [Neighbour] {
    try content.withQuery(query, k: k) { exact, code, context in
      scan(list, k: k, exact, code, &context, &statistics)
    }
  }

  private func scan(
    _ list: [UInt32], k: Int, _ exact: ExactQuery, _ code: CodeQuery,
    _ context: inout SearchContext, _ statistics: inout SearchStatistics
  ) -> [Neighbour] {
    list.withUnsafeBufferPointer { scan($0, k: k, exact, code, &context, &statistics) }
  }

  /// Whether rows that may be results are searched for by a walk.
  func isWalked(_ possible: Int, isFiltered: Bool, width: Int) -> Bool {
    isFiltered ? !isScanCheaper(rows: possible, width: width) : possible > Self.scanLimit
  }

  /// Whether an exact scan of so many rows costs less than a walk that only they may come from.
  ///
  /// A walk scores 37 w^0.75 rows where w candidates steer it (100,000 sentence embeddings,
  /// efConstruction 200, 48 to 630 candidates). Each takes as long as 670 bytes that a scan reads,
  /// which takes as long as 100 bytes for each of its rows beside (Zen 5, 384 and 1,536 components).
  package func isScanCheaper(rows: Int, width: Int) -> Bool {
    if rows <= Self.scanLimit { return true }
    let steering = Graph.steeringWidth(width, passing: rows, of: content.rows.presentCount)
    let root = Double(steering).squareRoot()
    let scored = 37 * root * root.squareRoot()
    return Double(rows * (content.rows.bytesPerCode + 100)) <= 670 * scored
  }

  /// The width of the candidate list that a search takes; nil for an exact scan.
  ///
  /// - Parameter ef: what it is to be, whatever the recall.
  package func width(ef: Int?, recall: Double, k: Int) throws(IndexError) -> Int? {
    guard IndexLimits.k.contains(k) else { throw .kOutOfRange(k) }
    // Twice k at least: the order on walk codes is coarse, and of k alone some would be wrong ones.
    if let ef {
      guard IndexLimits.ef.contains(ef) else { throw .efOutOfRange(ef) }
      return max(ef, 2 * k)
    }
    guard recall > 0, recall <= 1 else { throw .recallOutOfRange(recall) }
    if recall == 1 { return nil }
    guard let width = calibration?.width(recall: recall) else {
      return max(recall <= 0.99 ? defaultEF : 4 * defaultEF, 2 * k)
    }
    // Calibrated for 10 results; what a walk misses of more is what the coarse order costs.
    return max(width + 2 * max(k - 10, 0), 2 * k)
  }

  private func scan(
    _ list: UnsafeBufferPointer<UInt32>?, k: Int, _ exact: ExactQuery, _ code: CodeQuery,
    _ context: inout SearchContext, _ statistics: inout SearchStatistics
  ) -> [Neighbour] {
    content.scan(
      list, k: k, query: exact, code: code, context: &context, statistics: &statistics)
  }

  /// Graph, then the tail that is not in it yet, then re-ranking.
  ///
  /// - Parameter possible: how many rows may be results.
  /// - Returns: nil where the graph holds nothing yet, or where those that may be results lie apart
  ///   from the query: the walk was steered by others and found too few, or not surely the nearest.
  ///   Then a scan finds them.
  private func walk<Filter: RowFilter>(
    _ filter: Filter, possible: Int, k: Int, width: Int, _ exact: ExactQuery,
    _ code: CodeQuery, _ context: inout SearchContext, _ statistics: inout SearchStatistics
  ) -> [Neighbour]? {
    guard let horizon = Horizon(of: self) else { return nil }
    var walk = begin(filter, width: width, horizon, &context, &statistics)
    while walk.meet() { walk.score() }
    return finish(
      walk, horizon, possible: possible, k: k, width: width, exact, code, &context, &statistics)
  }

  /// What there was when walks began: they meet no row that was appended later.
  struct Horizon {
    let entry: Graph.Entry
    /// Rows in the graph; the tail goes from there to `total`, and has the pending ones.
    let linked: Int
    let total: Int
    let pending: [UInt32]
    let walkable: Int

    /// Nil where the graph holds nothing yet.
    init?(of index: HNSWIndex) {
      // In this order: a row linked in between would be met twice, or begin a walk past its limit.
      guard let entry = index.graph.entryPoint else { return nil }
      self.entry = entry
      pending = index.content.pending.rows
      linked = index.graph.count
      total = index.content.rows.count
      walkable = index.graph.walkable
    }
  }

  /// A walk for the query in `context`, at its beginning on level 0.
  func begin<Filter: RowFilter>(
    _ filter: Filter, width: Int, _ horizon: Horizon, _ context: inout SearchContext,
    _ statistics: inout SearchStatistics
  ) -> Walk<Filter> {
    let codes = graph.codes
    let steering = WalkQuery(
      context.rotated.base, rowBias: nil, codes, code: context.walkCode.base)
    let seeds = graph.descend(
      to: 0, from: horizon.entry, query: steering, codes: codes, limit: horizon.walkable,
      context: &context, statistics: &statistics)
    return Walk(
      graph, from: seeds, level: 0, query: steering, codes: codes, filter: filter, width: width,
      limit: horizon.walkable, excluding: nil, context: &context)
  }

  /// What a walk found at its end and what the tail adds, re-ranked; nil as `walk` says.
  func finish<Filter: RowFilter>(
    _ walk: Walk<Filter>, _ horizon: Horizon, possible: Int, k: Int, width: Int,
    _ exact: ExactQuery, _ code: CodeQuery, _ context: inout SearchContext,
    _ statistics: inout SearchStatistics
  ) -> [Neighbour]? {
    let rows = content.rows
    var (found, bar) = walk.finish(&statistics)
    let isCrowdedOut = !Filter.passesAll && found.count >= k && bar < found[k - 1]
    graph.refine(&found, below: horizon.linked, code, rows, &context, &statistics)
    scan(
      tail: UInt32(horizon.linked)..<UInt32(horizon.total), walk.filter, code, &found, &context,
      &statistics)
    if !horizon.pending.isEmpty {
      // One that was linked in the meantime may be there already; the tail is, too.
      let there = context.visitNothing(rows: max(horizon.total, horizon.walkable))
      for place in 0..<found.count { _ = there.insert(found[place].row) }
      scan(
        tail: horizon.pending.filter { there.insert($0) == 1 }, walk.filter, code, &found,
        &context, &statistics)
    }
    let isTooFew = found.count < min(width, possible)
    if isCrowdedOut || isTooFew { return nil }
    return rerank(found.candidates, k: k, query: exact, rows: rows, statistics: &statistics)
  }

  /// Adds rows that the graph does not hold yet to what the walk found.
  private func scan<Filter: RowFilter>(
    tail: some RandomAccessCollection<UInt32>, _ filter: Filter, _ code: CodeQuery,
    _ found: inout CandidateBuffer, _ context: inout SearchContext,
    _ statistics: inout SearchStatistics
  ) {
    let rows = content.rows
    var rest = tail[...]
    while !rest.isEmpty {
      let batch = rest.prefix(SearchContext.smallestBatch)
      rest = rest.dropFirst(batch.count)
      let count = rows.filterLive(batch, into: context.rows.base)
      Kernels.active.dot_i8_gather(
        code.code, rows.codes, rows.stride, context.rows.base, count, rows.stride,
        context.products.base)
      for index in 0..<count {
        let row = context.rows.base[index]
        guard Filter.passesAll || filter.passes(row) else { continue }
        let distance = code.distance(
          product: context.products.base[index], rows.factors[Int(row)])
        found.insert(Candidate(distance: distance, row: row))
      }
      statistics.distances += count
      statistics.bytes += count * rows.bytesPerCode
    }
  }
}
