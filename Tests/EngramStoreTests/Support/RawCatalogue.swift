import Foundation
import GRDB

/// A store's SQLite file through a plain connection, past everything that `EngramStore` guards.
struct RawCatalogue {
  private let queue: DatabaseQueue

  init(_ directory: URL) throws { queue = try DatabaseQueue(path: directory.catalogue.path) }

  func execute(_ sql: String, _ arguments: StatementArguments = []) throws {
    try queue.writeWithoutTransaction { try $0.execute(sql: sql, arguments: arguments) }
  }

  func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
    try queue.read { try Row.fetchAll($0, sql: sql, arguments: arguments) }
  }

  func integer(_ sql: String) throws -> Int? { try queue.read { try Int.fetchOne($0, sql: sql) } }

  func close() throws { try queue.close() }

  /// Runs SQL on the file, closing it afterwards. References between tables are not enforced.
  static func execute(_ directory: URL, _ sql: String) throws {
    let catalogue = try RawCatalogue(directory)
    try catalogue.execute("PRAGMA foreign_keys = OFF")
    try catalogue.execute(sql)
    try catalogue.close()
  }
}
