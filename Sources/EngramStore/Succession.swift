import Foundation
import GRDB

/// That a memory took the place of another.
struct Succession {
  /// The change that ended the other one.
  var change: Int64
  var memory: UUID
  var successor: UUID

  func insert(_ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO succession (change, memory_id, successor) VALUES (?, ?, ?)")
    statement.setUncheckedArguments([change, memory.data, successor.data])
    try statement.execute()
  }

  /// Who took the place of the memory that a change ended.
  static func successor(at change: Int64, _ db: Database) throws -> UUID? {
    let statement = try db.cachedStatement(sql: "SELECT successor FROM succession WHERE change = ?")
    return UUID(bytes: try Data.fetchOne(statement, arguments: [change]))
  }
}
