import Foundation
import GRDB

/// A memory, and how searches have used it.
public struct MemoryUsage: Sendable, Hashable {
  public var memory: Memory
  /// How often searches have returned it, and when last.
  public var accesses: Int
  public var accessedAt: Date?
}

extension Store {
  /// Writes what searches of this process have collected of what they returned: so far the catalogue does not
  /// know of it. Other processes write theirs from time to time, and when they close the store.
  public func writeAccesses() async throws(StoreError) {
    try core.ensureOpen()
    try await submit(.recordAccess(core.accesses.take()))
  }

  /// A page of the memories of a scope with what the catalogue knows of their use, in the order of their
  /// latest change, the expired ones, too.
  ///
  /// - Parameters:
  ///   - change: that of the last memory of the page before; 0 for the first page.
  ///   - limit: 1...1,000.
  public func usage(
    scope: Scope = .all, after change: Int64 = 0, limit: Int = StoreLimits.page.upperBound
  ) throws(StoreError) -> [MemoryUsage] {
    guard StoreLimits.page.contains(limit) else {
      throw .invalid(field: "limit", reason: "it must lie in \(StoreLimits.page)")
    }
    let conditions = ["ended IS NULL", "change > ?"] + scope.conditions.map(\.sql)
    return try read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT \(MemoryRow.columns), a.count, a.accessed_at
          FROM memory LEFT JOIN memory_access a ON a.memory_id = id
          WHERE \(conditions.joined(separator: " AND ")) ORDER BY change LIMIT ?
          """)
      statement.setUncheckedArguments(
        StatementArguments([change] + scope.conditions.map(\.value) as [any DatabaseValueConvertible])
          + [limit])
      return try SQLiteRow.all(of: statement) { row in
        MemoryUsage(
          memory: try MemoryRow(row).memory, accesses: Int(row.optionalInt(19) ?? 0),
          accessedAt: row.optionalInt(20).map(Timestamp.date))
      }
    }
  }

  /// How many memories of a scope have come, changed or ended since a change, one of them left out.
  package func changeCount(
    in scope: Scope, after change: Int64, leavingOut id: UUID
  ) throws(StoreError) -> Int {
    let conditions = scope.conditions.map(\.sql).joined(separator: " AND ")
    let values = scope.conditions.map(\.value) as [any DatabaseValueConvertible]
    return try read { db in
      // Each half has an index of its own. A version that has come and gone since counts for nothing.
      let sql = """
        SELECT (SELECT count(*) FROM memory WHERE ended IS NULL AND change > ? AND id <> ? AND \(conditions))
          + (SELECT count(*) FROM memory INDEXED BY memory_ended
            WHERE ended > ? AND change <= ? AND id <> ? AND \(conditions))
        """
      let statement = try db.cachedStatement(sql: sql)
      return try Int.fetchOne(
        statement,
        arguments: StatementArguments([change, id.data] + values)
          + StatementArguments([change, change, id.data] + values)) ?? 0
    }
  }

  /// The scopes of memories that have come since a change, and the last change.
  package func scopesChanged(after change: Int64) throws(StoreError) -> (scopes: Set<Scope>, last: Int64) {
    try read { db in
      let last = try HistoryHead(db).sequence
      guard last > change else { return ([], last) }
      let rows = try Row.fetchAll(
        db.cachedStatement(
          sql: "SELECT DISTINCT user_id, agent_id, run_id FROM memory WHERE change > ? AND ended IS NULL"),
        arguments: [change])
      let scopes = try rows.map {
        Scope(user: try $0.value(0), agent: try $0.value(1), run: try $0.value(2))
      }
      return (Set(scopes), last)
    }
  }

  /// The latest memories of a scope, newest first, the expired ones left out, with their vectors; without one
  /// where it is lost.
  ///
  /// - Returns: them, and the last change of the store that they take into account.
  package func latest(
    scope: Scope, limit: Int
  ) throws(StoreError) -> (memories: [(memory: Memory, vector: [Float]?)], change: Int64) {
    let conditions = ["m.ended IS NULL", "(m.expires_at IS NULL OR m.expires_at > ?)"]
      + scope.conditions.map { "m.\($0.sql)" }
    return try readVectors { db, pages in
      let columns = MemoryRow.columns.split(separator: " ").map { "m.\($0)" }.joined(separator: " ")
      let statement = try db.cachedStatement(
        sql: """
          SELECT \(columns), v.slot FROM memory m
          LEFT JOIN vector v ON v.change = m.vector AND v.space = ?
          WHERE \(conditions.joined(separator: " AND ")) ORDER BY m.change DESC LIMIT ?
          """)
      statement.setUncheckedArguments(
        StatementArguments(
          [pages.header.space, Timestamp.now] as [any DatabaseValueConvertible]
            + scope.conditions.map(\.value) as [any DatabaseValueConvertible]) + [limit])
      let memories = try SQLiteRow.all(of: statement) { row in
        let memory = try MemoryRow(row)
        let slot = try row.optionalInt(19).flatMap { try pages.readSlot(Int($0)) }
        return (memory.memory, slot?.header.memory == memory.id ? slot?.vector : nil)
      }
      return (memories, try HistoryHead(db).sequence)
    }
  }
}
