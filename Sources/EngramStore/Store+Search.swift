import EngramIndex
import Foundation
import GRDB

extension Store {
  /// The `k` memories nearest to a vector, nearest first, with exact scores.
  ///
  /// Only current, unexpired memories of the scope that pass the filter are returned; where fewer
  /// than `k` exist, all of them. A search never waits for a commit; a memory whose vector is being
  /// replaced while it runs may be missing from it.
  ///
  /// The first filters on a metadata key read the metadata of the memories in the scope; once they
  /// have read as many as there are, the next one builds postings for the key, and filters on it are
  /// answered from memory from then on.
  ///
  /// - Parameters:
  ///   - vector: as many finite components as the store's vectors have.
  ///   - k: 1...10,000.
  ///   - scope: ids that must all match.
  ///   - filter: a condition on the metadata.
  ///   - recall: the share of true neighbours that is asked for, in the mean over queries, above 0
  ///     and at most 1: the index calibrates itself on its own vectors. 1 scores every memory.
  ///   - ef: width of the graph's candidate list, 1...100,000; where it is given, `recall` is ignored.
  ///   - model: that made the vector; nil for ``model``.
  /// - Throws: `StoreError.index` where the vector, `k`, `recall` or `ef` is refused, `.mismatch` where
  ///   the store's vectors are of another model, `.closed` after `close`, `.damaged` or `.database` where a
  ///   memory cannot be read.
  public func search(
    _ vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil,
    recall: Double = HNSWIndex.defaultRecall, ef: Int? = nil, model: String? = nil
  ) throws(StoreError) -> [ScoredMemory] {
    try run(vector, k: k, scope: scope, filter: filter, recall: recall, ef: ef, model: model).found
  }

  /// The same; what the search cost is added to `statistics`.
  ///
  /// - Throws: `StoreError` as the search without statistics does; these are then as they were.
  public func search(
    _ vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil,
    recall: Double = HNSWIndex.defaultRecall, ef: Int? = nil, model: String? = nil,
    statistics: inout SearchStatistics
  ) throws(StoreError) -> [ScoredMemory] {
    let (found, explanation) = try run(
      vector, k: k, scope: scope, filter: filter, recall: recall, ef: ef, model: model)
    statistics += explanation.cost
    return found
  }

  /// Runs a search and tells how it was planned and what each step cost. Counts as an access to what
  /// it finds, as every search does.
  ///
  /// - Parameters:
  ///   - vector: as many finite components as the store's vectors have.
  ///   - k: 1...10,000.
  ///   - scope: ids that must all match.
  ///   - filter: a condition on the metadata.
  ///   - recall: as `search` takes it, above 0 and at most 1.
  ///   - ef: width of the graph's candidate list, 1...100,000; where it is given, `recall` is ignored.
  ///   - model: that made the vector; nil for ``model``.
  /// - Throws: `StoreError` as `search` does.
  public func explain(
    _ vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil,
    recall: Double = HNSWIndex.defaultRecall, ef: Int? = nil, model: String? = nil
  ) throws(StoreError) -> SearchExplanation {
    try run(
      vector, k: k, scope: scope, filter: filter, recall: recall, ef: ef, model: model
    ).explanation
  }

  private func run(
    _ vector: [Float], k: Int, scope: Scope, filter: Filter?, recall: Double, ef: Int?, model: String?
  ) throws(StoreError) -> (found: [ScoredMemory], explanation: SearchExplanation) {
    try core.ensureOpen()
    let begin = MonotonicTime.now
    do throws(StoreError) {
      let (found, explanation) = try answer(
        vector, k: k, scope: scope, filter: filter, recall: recall, ef: ef, model: model)
      note(found.lazy.map(\.memory.id))
      core.figures.searched(explanation.cost.plan ?? .scan, since: begin)
      return (found, explanation)
    } catch {
      core.figures.searchFailed(error)
      throw error
    }
  }

  /// A search that nobody counts.
  func answer(
    _ vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil,
    recall: Double = HNSWIndex.defaultRecall, ef: Int? = nil, model: String? = nil
  ) throws(StoreError) -> (found: [ScoredMemory], explanation: SearchExplanation) {
    let live = try core.index.upToDate()
    try core.admit(model, to: live)
    // From the filter to the memories a row stands for the same.
    return try live.index.reading { () throws(StoreError) in
      try answer(vector, k: k, scope: scope, filter: filter, recall: recall, ef: ef, from: live)
    }
  }

  private func answer(
    _ vector: [Float], k: Int, scope: Scope, filter: Filter?, recall: Double, ef: Int?,
    from live: LiveIndex
  ) throws(StoreError) -> (found: [ScoredMemory], explanation: SearchExplanation) {
    var explanation = SearchExplanation()
    let clock = ContinuousClock()
    let begin = clock.now
    var wanted = k
    var width = try live.width(ef: ef, recall: recall, k: wanted)
    if live.buryExpired() { core.index.announce() }
    let covered = live.covered
    let passing: RowSelection? =
      if let filter { try rows(of: live, passing: filter, scope: scope, &explanation) } else { nil }
    let (domain, count) = live.domain(scope: scope, passing: passing, width: width)
    explanation.resolveMicroseconds = (clock.now - begin) / .microseconds(1)
    var found: [ScoredMemory] = []
    while true {
      let asked = clock.now
      let hits: [LiveIndex.Hit]
      do throws(IndexError) {
        hits = try live.search(
          vector, k: wanted, width: width, in: domain, statistics: &explanation.cost)
      } catch { throw .index(error) }
      let searched = clock.now
      found = try memories(of: hits, in: live, scope: scope, filter: filter, resolvedAt: covered)
      explanation.indexMicroseconds += (searched - asked) / .microseconds(1)
      explanation.readMicroseconds += (clock.now - searched) / .microseconds(1)
      // Writers were quicker with some of the hits: others may take their place.
      guard found.count < k, hits.count == wanted, wanted < IndexLimits.k.upperBound else { break }
      wanted = min(max(2 * wanted, k + hits.count - found.count), IndexLimits.k.upperBound)
      width = try live.width(ef: ef, recall: recall, k: wanted)
    }
    if found.count > k { found.removeLast(found.count - k) }
    explanation.memories = live.index.count
    explanation.passing = count
    explanation.isScoped = scope != .all
    explanation.candidates = domain.candidates
    explanation.results = found.count
    return (found, explanation)
  }

  // MARK: From rows to memories

  /// - Parameter covered: the change up to which the filter was resolved at least.
  private func memories(
    of hits: [LiveIndex.Hit], in live: LiveIndex, scope: Scope, filter: Filter?,
    resolvedAt covered: Int64
  ) throws(StoreError) -> [ScoredMemory] {
    try read { db in
      let statement = try MemoryRow.versionStatement(db)
      var ids = Set<UUID>(minimumCapacity: hits.count)
      let now = Timestamp.now
      return try hits.compactMap { hit -> ScoredMemory? in
        let row = try currentRow(of: hit.change, statement, scope, filter, covered, db)
        guard let row, ids.insert(row.id).inserted else { return nil }
        live.signals.access(Int(hit.row), at: now)
        return ScoredMemory(memory: row.memory, score: hit.score)
      }
    }
  }

  /// What is current of the memory whose version the index knew, if a search may return it.
  ///
  /// - Parameter statement: `MemoryRow.versionStatement`.
  func currentRow(
    of change: Int64, _ statement: Statement, _ scope: Scope, _ filter: Filter?, _ covered: Int64,
    _ db: Database
  ) throws -> MemoryRow? {
    let version = try MemoryRow.version(change, statement)
    guard let found = try version ?? successor(of: change, db) else { return nil }
    return try current(found, scope, filter, covered, db)
  }

  /// The current version of a memory whose version the index knew and compaction has cut, or an
  /// erasure, since, if it has the same vector.
  private func successor(of change: Int64, _ db: Database) throws -> MemoryRow? {
    let id = UUID(
      bytes: try Data.fetchOne(
        db, sql: "SELECT memory_id FROM history WHERE sequence = ?", arguments: [change]))
    guard let id, let last = try HistoryRow.last(of: id, db), last.sequence > change else {
      throw StoreError.damaged(
        file: Catalogue.fileName, reason: "change \(change) has no row; run verify")
    }
    guard let newer = try MemoryRow.current(id, db), newer.vector <= change else { return nil }
    return newer
  }

  /// What has become of a version that the index knew, where a writer was quicker: the current one
  /// if it has the same vector, has not expired, lies in the scope and passes the filter; nil
  /// otherwise.
  private func current(
    _ found: MemoryRow, _ scope: Scope, _ filter: Filter?, _ covered: Int64, _ db: Database
  ) throws -> MemoryRow? {
    var row = found
    if found.ended != nil {
      guard let newer = try MemoryRow.current(found.id, db), newer.vector == found.vector else {
        return nil
      }
      row = newer
    }
    if let expiresAt = row.expiresAt, expiresAt <= Timestamp.now { return nil }
    guard row.scope.lies(in: scope) else { return nil }
    // What was there before the filter was resolved and is there still has passed it.
    guard let filter, row.change > covered else { return row }
    return filter.matches(try JSONValue(parsing: row.metadata)) ? row : nil
  }

  // MARK: From a filter to rows

  /// The rows of the index whose memories pass a filter; where their metadata must be read, those of
  /// the scope only.
  func rows(
    of live: LiveIndex, passing filter: Filter, scope: Scope,
    _ explanation: inout SearchExplanation
  ) throws(StoreError) -> RowSelection {
    if let rows = live.metadata.rows(passing: filter) {
      explanation.filter = .postings
      return rows
    }
    let total = live.index.count
    let count = live.postings.rows(of: scope).count(of: total)
    guard count > 0 else { return .none }
    if live.metadata.isWorthBuilding(for: filter, reading: count, of: total) {
      try live.metadata.build(for: filter) { file throws(StoreError) in
        try eachMetadata(of: live, scope: .all, file)
      }
      if let rows = live.metadata.rows(passing: filter) {
        explanation.filter = .postingsBuilt
        return rows
      }
    }
    explanation.filter = .catalogue
    var rows: [UInt32] = []
    try eachMetadata(of: live, scope: scope) { row, metadata in
      if filter.matches(metadata) { rows.append(row) }
    }
    rows.sort()
    return .only(PostingList(sorted: rows))
  }

  /// The row and the metadata of each current memory of a scope, in no order.
  private func eachMetadata(
    of live: LiveIndex, scope: Scope, _ body: (_ row: UInt32, _ metadata: JSONValue) -> Void
  ) throws(StoreError) {
    var conditions = ["m.ended IS NULL"]
    var arguments: [(any DatabaseValueConvertible)?] = [live.pages.header.space]
    for condition in scope.conditions {
      conditions.append(condition.sql)
      arguments.append(condition.value)
    }
    let sql = """
      SELECT m.metadata, v.slot FROM memory m
      JOIN vector v ON v.change = m.vector AND v.space = ?
      WHERE \(conditions.joined(separator: " AND "))
      """
    try read { db in
      let statement = try db.cachedStatement(sql: sql)
      statement.setUncheckedArguments(StatementArguments(arguments))
      try SQLiteRow.each(of: statement) { found in
        guard let row = live.table.row(ofSlot: Int(found.int(1))) else { return }
        body(UInt32(row), try found.withText(0) { try JSONValue(parsing: $0) })
      }
    }
  }
}

extension LiveIndex.Domain {
  fileprivate var candidates: SearchExplanation.Candidates {
    switch self {
    case .everything: .all
    case .list: .list
    case .set: .set
    }
  }
}

extension Scope {
  /// Whether every id that the other names is this one's, by code points.
  fileprivate func lies(in other: Scope) -> Bool {
    func agree(_ own: String?, _ asked: String?) -> Bool {
      asked == nil || asked.map(ExactString.init) == own.map(ExactString.init)
    }
    return agree(user, other.user) && agree(agent, other.agent) && agree(run, other.run)
  }
}
