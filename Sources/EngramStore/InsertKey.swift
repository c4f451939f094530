import Foundation
import GRDB

/// The key of an insert that may come more than once. Kept for good, so that the same insert is known
/// however late it comes again.
struct InsertKey: Hashable {
  let key: ExactString
  private let user, agent, run: ExactString

  /// Nil where the memory has none.
  init?(_ memory: PreparedMemory) {
    guard let key = memory.key else { return nil }
    self.key = ExactString(key)
    // No name is empty, so that stands for none.
    user = ExactString(memory.scope.user ?? "")
    agent = ExactString(memory.scope.agent ?? "")
    run = ExactString(memory.scope.run ?? "")
  }

  /// The memory that came with the key.
  struct Known {
    var id: UUID
    /// What it said; nil where that has been removed since.
    var text: String?
  }

  func known(_ db: Database) throws -> Known? {
    let statement = try db.cachedStatement(
      sql: """
        SELECT k.memory_id, m.text FROM insert_key k LEFT JOIN memory m ON m.change = k.change
        WHERE k.key = ? AND k.user_id = ? AND k.agent_id = ? AND k.run_id = ?
        """)
    statement.setUncheckedArguments(arguments)
    return try SQLiteRow.first(of: statement) { row in
      guard let id = row.uuid(0) else {
        throw StoreError.damaged(file: Catalogue.fileName, reason: "a key names no memory")
      }
      return Known(id: id, text: row.text(1))
    }
  }

  /// Notes that a memory came with the key.
  func insert(_ row: MemoryRow, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO insert_key (key, user_id, agent_id, run_id, memory_id, change)
        VALUES (?, ?, ?, ?, ?, ?)
        """)
    statement.setUncheckedArguments(arguments + [row.id.data, row.change])
    try statement.execute()
  }

  private var arguments: StatementArguments { [key.text, user.text, agent.text, run.text] }
}
