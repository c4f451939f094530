import CEngramKernels

/// Deleted rows steer walks like others, and results pass them by: the more there are, the longer a
/// walk. So they are taken out now and then, many at once: whoever linked to one links to its
/// neighbours instead (FreshDiskANN, arXiv 2105.09613, algorithm 4).
extension Graph {
  /// Takes the dead rows out: nothing leads to them afterwards, but searches that began before may
  /// still be among them, so their own links stay.
  ///
  /// - Returns: the rows taken out. The caller marks them absent, then calls `reconnect`.
  func unlinkDead(rows: Rows, contexts: SearchContextPool, threads: Int) -> [UInt32] {
    let count = count
    let dead = RowSet((0..<count).filter { rows.isBuried(UInt32($0)) })
    guard dead.count > 0 else { return [] }
    let blocks = (count + Self.repairBlock - 1) / Self.repairBlock
    _ = Self.parallel(blocks, threads: threads, contexts: contexts) { block, context -> [Void] in
      let begin = block * Self.repairBlock
      for row in UInt32(begin)..<UInt32(min(begin + Self.repairBlock, count))
      where !rows.isAbsent(row) && !dead.contains(Int(row)) {
        for level in 0...self.level(row) {
          self.relink(row, level: level, without: dead, rows: rows, context: &context)
        }
      }
      return []
    }
    if let entry = entryPoint, dead.contains(Int(entry.row)) {
      let live = (0..<UInt32(count)).lazy.filter { !rows.isAbsent($0) && !dead.contains(Int($0)) }
      publish(count: count, entry: live.reduce(nil) { self.better($0, $1) })
    }
    return dead.rows.map(UInt32.init)
  }

  /// Links those anew that no links lead to after rows have been taken out.
  func reconnect(rows: Rows, contexts: SearchContextPool) {
    guard let entry = entryPoint else { return }
    for row in connect(from: entry, count: count, of: rows) {
      insert(row, rows: rows, contexts: contexts)
    }
  }

  /// Rows that a thread works through at a time.
  private static var repairBlock: Int { 256 }

  /// Puts links to neighbours of dead rows in the place of links to these. Choosing all links of a row
  /// anew instead would cost recall: a list holds links back to it that no choice was made of.
  private func relink(
    _ row: UInt32, level: Int, without dead: RowSet, rows: Rows, context: inout SearchContext
  ) {
    let own = list(row, level: level)
    let present = own.rows
    let staying = present.filter { !dead.contains(Int($0)) }
    guard staying.count < present.count else { return }
    var met = Set<UInt32>(present)
    met.insert(row)
    var found: [UInt32] = []
    var gone = present.filter { dead.contains(Int($0)) }
    let direct = gone.count
    var next = 0
    // Through dead ones to others only where most are dead: the direct ones' neighbours are near.
    while next < gone.count, next < direct || found.count < own.capacity {
      for candidate in list(gone[next], level: level).rows where met.insert(candidate).inserted {
        if dead.contains(Int(candidate)) { gone.append(candidate) } else { found.append(candidate) }
      }
      next += 1
    }
    let kept = scored(staying, for: row, rows: rows, context: &context)
    let candidates = scored(found, for: row, rows: rows, context: &context).sorted()
    let chosen = select(
      candidates, keeping: kept, of: row, upTo: own.capacity, rows: rows, context: &context)
    store(chosen.sorted(), in: own)
  }

  /// Rows with the distances that decide edges of another.
  private func scored(
    _ others: [UInt32], for row: UInt32, rows: Rows, context: inout SearchContext
  ) -> [Candidate] {
    let query = rows.query(row: row)
    var scored: [Candidate] = []
    scored.reserveCapacity(others.count)
    for begin in stride(from: 0, to: others.count, by: SearchContext.smallestBatch) {
      let batch = others[begin..<min(begin + SearchContext.smallestBatch, others.count)]
      for (index, other) in batch.enumerated() { context.rows.base[index] = other }
      Kernels.active.dot_i8_gather(
        query.code, rows.codes, rows.stride, context.rows.base, batch.count, rows.stride,
        context.products.base)
      for (index, other) in batch.enumerated() {
        let distance = query.distance(
          product: context.products.base[index], rows.factors[Int(other)])
        scored.append(Candidate(distance: distance, row: other))
      }
    }
    return scored
  }
}
