import Synchronization

extension HNSWIndex {
  /// Makes room for `count` more rows, so that appending them cannot fail.
  package func reserve(_ count: Int) throws(IndexError) { try content.reserve(count) }

  /// Appends a vector that lies at an address of its own as long as its row lives, in the store's
  /// mapped pages; searches scan it until `link` has put it into the graph.
  ///
  /// - Parameter naming: told the row before searches find it.
  /// - Returns: its row, a new one or one that was deleted.
  @discardableResult
  package func append(
    at vector: UnsafePointer<Float>, naming: (Int) -> Void = { _ in }
  ) throws(IndexError) -> Int {
    try content.append(at: vector, naming: naming)
  }

  /// Puts rows of the tail into the graph, one by one where they are few, else as a bulk build; and
  /// takes dead ones out where they have become many.
  ///
  /// - Parameter limit: links no more than about this many, so that a caller can stop in between.
  package func link(
    threads: Int, limit: Int = .max, progress: ((Int) -> Void)? = nil
  ) throws(IndexError) {
    try linker.withLock { _ throws(IndexError) in
      try linkTail(threads: threads, limit: limit, progress: progress)
      if isRepairDue { removeDeadRows(threads: threads) }
    }
  }

  /// Whether `link` has something to do.
  package var hasWork: Bool { tailCount > 0 || isRepairDue }

  /// Takes all deleted rows out of the graph, so that searches pass through none; their memory is
  /// for other vectors then. Inserting does the same now and then; after many deletes alone it is
  /// worth its time. Searches go on meanwhile.
  ///
  /// - Parameter threads: at least 1.
  public func removeDead(threads: Int = 1) {
    linker.withLock { _ in removeDeadRows(threads: threads) }
  }

  /// Overwrites what is left of vectors that `removeDead` has taken out, so that it is in no
  /// snapshot.
  package func wipeVacant() {
    linker.withLock { _ in
      let (codes, count) = (graph.codes, graph.count)
      content.wipeFree { row in if row < count { codes.wipe(row) } }
    }
  }

  private func linkTail(
    threads: Int, limit: Int, progress: ((Int) -> Void)?
  ) throws(IndexError) {
    let rows = content.rows
    let again = Array(content.pending.rows.prefix(limit))
    let begin = graph.count
    let end = min(rows.count, limit == .max ? .max : begin + limit - again.count)
    guard begin < end || !again.isEmpty else { return }
    try graph.prepare(begin..<end, of: rows, threads: threads)
    let fresh = (begin..<end).map(UInt32.init)
    var gone: [UInt32] = []
    if again.count + fresh.count >= Self.bulkRows {
      let before = (0..<UInt32(begin)).count { !rows.isAbsent($0) }
      let admitted = again.filter(rows.admit)
      gone = again.filter(rows.isAbsent)
      graph.prepare(again: admitted, of: rows)
      graph.build(
        admitted + fresh, before: before, count: end, rows: rows,
        contexts: content.writerContexts, threads: threads, progress: progress)
    } else {
      for row in again {
        guard rows.admit(row) else {
          gone.append(row)
          continue
        }
        graph.prepare(again: [row], of: rows)
        graph.insert(row, rows: rows, contexts: content.writerContexts)
      }
      for row in fresh { graph.insert(row, rows: rows, contexts: content.writerContexts) }
    }
    content.pending.removeFirst(again.count)
    content.release(gone)
    arrived.add(again.count + fresh.count, ordering: .relaxed)
    revisions.add(1, ordering: .releasing)
  }

  private func removeDeadRows(threads: Int) {
    let gone = graph.unlinkDead(
      rows: content.rows, contexts: content.writerContexts, threads: threads)
    guard !gone.isEmpty else { return }
    content.vacate(gone)
    graph.reconnect(rows: content.rows, contexts: content.writerContexts)
    revisions.add(1, ordering: .releasing)
  }

  /// From this many rows on the tail is linked in batches on several threads.
  package static let bulkRows = 512

  /// A walk passes through dead rows in proportion to their number. Taking them out costs about as
  /// much for few as for many: links to one in 16 are links of nearly all.
  private var isRepairDue: Bool {
    let rows = content.rows
    return rows.buriedCount >= max(Self.fewRows, rows.presentCount / 16)
  }
  private static var fewRows: Int { 64 }

  /// Runs `body` while nobody links rows, and none gets another vector.
  package func withQuietGraph<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try content.keepingRows { () throws(Failure) in
      try linker.withLock { _ throws(Failure) in try body() }
    }
  }
}
