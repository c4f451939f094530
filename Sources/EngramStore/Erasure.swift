import Foundation
import GRDB

/// An erasure takes memories out of every file for good: what `erase` logs and deletes in one
/// transaction, and the compaction that comes after it and leaves nothing of it on disk.
///
/// In between the store notes that it is not finished. Whoever opens the store then finishes it.
enum Erasure {
  private static let key = "unfinished_erasure"

  static func begin(_ db: Database) throws {
    try db.execute(
      sql: "INSERT OR REPLACE INTO store (key, value) VALUES (?, ?)",
      arguments: [key, Timestamp.now])
  }

  static func isUnfinished(_ db: Database) throws -> Bool {
    try Int.fetchOne(db, sql: "SELECT 1 FROM store WHERE key = ?", arguments: [key]) != nil
  }

  static func finish(_ db: Database) throws {
    try db.execute(sql: "DELETE FROM store WHERE key = ?", arguments: [key])
  }

  // MARK: Which memories

  /// The memories that a scope has or ever had.
  static func memories(of scope: Scope, _ db: Database) throws -> [UUID] {
    let conditions = scope.conditions.map(\.sql).joined(separator: " AND ")
    let values = scope.conditions.map(\.value)
    let ids = try Data.fetchAll(
      db,
      sql: """
        SELECT id FROM memory WHERE \(conditions)
        UNION SELECT memory_id FROM cut_memory WHERE \(conditions)
        """, arguments: StatementArguments(values + values))
    return ids.compactMap { UUID(bytes: $0) }
  }

  /// The ids of summaries that may say what memories say, whether there are any or not.
  static func summaries(of memories: [UUID], _ db: Database) throws -> [UUID] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT user_id, agent_id, run_id FROM memory WHERE id = ?1 AND ended IS NULL
        UNION ALL SELECT user_id, agent_id, run_id FROM memory WHERE id = ?1 AND ended IS NOT NULL
        UNION ALL SELECT user_id, agent_id, run_id FROM cut_memory WHERE memory_id = ?1
        LIMIT 1
        """)
    var scopes = Set<Scope>()
    for id in memories {
      guard let row = try Row.fetchOne(statement, arguments: [id.data]) else { continue }
      let scope = Scope(user: try row.value(0), agent: try row.value(1), run: try row.value(2))
      // No summary is made of summaries.
      if id != .summary(of: scope) { scopes.insert(scope) }
    }
    return Set(scopes.flatMap(\.wider)).map(UUID.summary)
  }

  // MARK: What goes

  /// Deletes all that the catalogue has of a memory but its links in the chain; its ERASE is the last
  /// change.
  static func delete(_ id: UUID, _ db: Database) throws {
    for sql in [
      """
      DELETE FROM history_payload WHERE sequence IN (
        SELECT sequence FROM history WHERE memory_id = ?1 AND event <> 'ERASE')
      """,
      """
      INSERT INTO erased_slot (space, slot, change)
      SELECT space, slot, (SELECT max(sequence) FROM history) FROM vector
      WHERE change IN (SELECT sequence FROM history WHERE memory_id = ?1)
      """,
      "DELETE FROM vector WHERE change IN (SELECT sequence FROM history WHERE memory_id = ?1)",
      "DELETE FROM memory WHERE id = ?1 AND ended IS NULL",
      "DELETE FROM memory WHERE id = ?1 AND ended IS NOT NULL",
      "DELETE FROM memory_access WHERE memory_id = ?1",
      "DELETE FROM cut_memory WHERE memory_id = ?1",
      "DELETE FROM episode WHERE id IN (SELECT episode FROM episode_memory WHERE memory_id = ?1)",
      "DELETE FROM episode_memory WHERE memory_id = ?1",
      "DELETE FROM succession WHERE memory_id = ?1 OR successor = ?1",
    ] {
      let statement = try db.cachedStatement(sql: sql)
      statement.setUncheckedArguments([id.data])
      try statement.execute()
    }
  }

  /// Deletes what was said in a scope.
  ///
  /// - Returns: how many episodes it had.
  static func deleteEpisodes(of scope: Scope, _ db: Database) throws -> Int {
    let conditions = scope.conditions.map(\.sql).joined(separator: " AND ")
    let values = StatementArguments(scope.conditions.map(\.value))
    try db.execute(
      sql: """
        DELETE FROM episode_memory WHERE episode IN (SELECT id FROM episode WHERE \(conditions))
        """, arguments: values)
    try db.execute(sql: "DELETE FROM episode WHERE \(conditions)", arguments: values)
    return db.changesCount
  }

  /// Deletes the keys with which erased memories came.
  static func deleteKeys(ofChangesAfter sequence: Int64, _ db: Database) throws {
    try db.execute(
      sql: """
        DELETE FROM insert_key WHERE memory_id IN (
          SELECT memory_id FROM history WHERE sequence > ? AND event = 'ERASE')
        """, arguments: [sequence])
  }
}
