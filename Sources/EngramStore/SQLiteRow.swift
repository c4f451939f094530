import CEngramSQLite
import Foundation
import GRDB

/// The row that a statement stands on, read without copies of what is not asked for.
struct SQLiteRow {
  private let statement: OpaquePointer

  /// Runs a statement whose arguments are bound and reads its first row, if there is one.
  static func first<Value>(
    of statement: Statement, _ read: (SQLiteRow) throws -> Value
  ) throws -> Value? {
    let row = SQLiteRow(statement: statement.sqliteStatement)
    defer { sqlite3_reset(row.statement) }
    return try row.step() ? try read(row) : nil
  }

  /// Runs a statement whose arguments are bound and reads all its rows.
  static func all<Value>(
    of statement: Statement, _ read: (SQLiteRow) throws -> Value
  ) throws -> [Value] {
    let row = SQLiteRow(statement: statement.sqliteStatement)
    defer { sqlite3_reset(row.statement) }
    var values: [Value] = []
    while try row.step() { values.append(try read(row)) }
    return values
  }

  /// Runs a statement whose arguments are bound and calls `body` on each row.
  static func each(of statement: Statement, _ body: (SQLiteRow) throws -> Void) throws {
    let row = SQLiteRow(statement: statement.sqliteStatement)
    defer { sqlite3_reset(row.statement) }
    while try row.step() { try body(row) }
  }

  private func step() throws -> Bool {
    switch sqlite3_step(statement) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let connection = sqlite3_db_handle(statement)
      throw StoreError.database(
        code: Int(sqlite3_extended_errcode(connection)),
        message: String(cString: sqlite3_errmsg(connection)))
    }
  }

  func int(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

  func optionalInt(_ column: Int32) -> Int64? { isNull(column) ? nil : int(column) }

  func optionalDouble(_ column: Int32) -> Double? {
    isNull(column) ? nil : sqlite3_column_double(statement, column)
  }

  /// Nil where the value is NULL. Bytes that are no UTF-8 are replaced, which a row's checksum shows.
  func text(_ column: Int32) -> String? {
    guard let bytes = sqlite3_column_text(statement, column) else { return nil }
    let count = Int(sqlite3_column_bytes(statement, column))
    return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  /// The bytes of a text, valid while `body` runs.
  func withText<Result>(
    _ column: Int32, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result {
    let bytes = sqlite3_column_text(statement, column)
    return try body(
      UnsafeBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(statement, column))))
  }

  func uuid(_ column: Int32) -> UUID? {
    guard let bytes = sqlite3_column_blob(statement, column),
      sqlite3_column_bytes(statement, column) == 16
    else { return nil }
    return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
  }

  private func isNull(_ column: Int32) -> Bool {
    sqlite3_column_type(statement, column) == SQLITE_NULL
  }
}
