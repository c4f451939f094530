import GRDB

/// The change up to which compaction has cut versions of the past: what was before it the store does
/// not know any more.
enum Horizon {
  private static let key = "horizon"

  /// Nil where nothing has been cut.
  static func change(_ db: Database) throws -> Int64? {
    try Int64.fetchOne(db, sql: "SELECT value FROM store WHERE key = ?", arguments: [key])
  }

  static func raise(to change: Int64, _ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO store (key, value) VALUES (?, ?)
        ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)
        """, arguments: [key, change])
  }
}
