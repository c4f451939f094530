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
  /// - Parameters:
  ///   - vector: as many finite components as the store's vectors have.
  ///   - k: 1...10,000.
  ///   - scope: ids that must all match.
  ///   - filter: a condition on the metadata.
  ///   - ef: width of the graph's candidate list, 1...100,000; nil for a recall@10 of about 0.99.
  public func search(
    _ vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil, ef: Int? = nil
  ) throws(StoreError) -> [ScoredMemory] {
    var statistics = SearchStatistics()
    return try search(
      vector, k: k, scope: scope, filter: filter, ef: ef, statistics: &statistics)
  }

  /// The same; what the search cost is added to `statistics`.
  public func search(
    _ vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil, ef: Int? = nil,
    statistics: inout SearchStatistics
  ) throws(StoreError) -> [ScoredMemory] {
    try core.ensureOpen()
    let passing: RowSet? =
      if let filter { try rows(passing: filter, scope: scope) } else { nil }
    let hits: [LiveIndex.Hit]
    do throws(IndexError) {
      hits = try core.live.search(
        vector, k: k, ef: ef, scope: scope, passing: passing, statistics: &statistics)
    } catch { throw .index(error) }
    let found = try read { db in
      let statement = try MemoryRow.versionStatement(db)
      var ids = Set<UUID>(minimumCapacity: hits.count)
      return try hits.compactMap { hit -> ScoredMemory? in
        guard let found = try MemoryRow.version(hit.change, statement) else {
          throw StoreError.damaged(
            file: Catalogue.fileName, reason: "change \(hit.change) has no row; run verify")
        }
        guard let row = try current(found, filter, db), ids.insert(row.id).inserted else {
          return nil
        }
        return ScoredMemory(memory: row.memory, score: hit.score)
      }
    }
    if core.accesses.note(found) {
      core.queue.submit(.recordAccess(core.accesses.take())) { _ in }
    }
    return found
  }

  /// What has become of a version that the index knew, where a writer was quicker: the current one
  /// if it has the same vector and passes the filter; nil otherwise.
  private func current(
    _ found: MemoryRow, _ filter: Filter?, _ db: Database
  ) throws -> MemoryRow? {
    var row = found
    if found.ended != nil {
      guard let newer = try MemoryRow.current(found.id, db), newer.vector == found.vector else {
        return nil
      }
      row = newer
    }
    guard let filter else { return row }
    return filter.matches(try JSONValue(parsing: row.metadata)) ? row : nil
  }

  /// The rows of the index whose memories have a scope and pass a filter.
  private func rows(passing filter: Filter, scope: Scope) throws(StoreError) -> RowSet {
    var conditions = ["m.ended IS NULL"]
    var arguments: [(any DatabaseValueConvertible)?] = [CommitGroup.space]
    for (column, value) in [
      ("user_id", scope.user), ("agent_id", scope.agent), ("run_id", scope.run),
    ] {
      guard let value else { continue }
      conditions.append("m.\(column) = ?")
      arguments.append(value)
    }
    let sql = """
      SELECT m.metadata, v.slot FROM memory m
      JOIN vector v ON v.change = m.vector AND v.space = ?
      WHERE \(conditions.joined(separator: " AND "))
      """
    let table = core.live.table
    return try read { db in
      var passing = RowSet(rows: core.live.index.rowCount)
      let rows = try Row.fetchCursor(
        try db.cachedStatement(sql: sql), arguments: StatementArguments(arguments))
      while let row = try rows.next() {
        let matches = try row.withUnsafeData(atIndex: 0) { text in
          try text.map { filter.matches(try JSONValue(parsing: $0)) } ?? false
        }
        if matches, let index = table.row(ofSlot: try row.value(1)) { passing.insert(index) }
      }
      return passing
    }
  }
}
