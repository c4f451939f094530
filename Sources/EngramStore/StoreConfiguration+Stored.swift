import EngramIndex
import Foundation
import GRDB
import SystemPackage

extension StoreConfiguration {
  /// The settings that a store was made with, as its catalogue has them; the rest as by default. The
  /// store may be open meanwhile, here or elsewhere.
  ///
  /// - Throws: `StoreError.noStore` where there is none, or what keeps its catalogue from being read.
  public init(storedAt path: String) throws(StoreError) {
    let catalogue = FilePath(path).appending(Catalogue.fileName)
    // SQLite would make what is missing.
    guard !path.isEmpty, try Directory.kind(of: FilePath(path)) == .directory,
      let size = Directory.fileSize(catalogue), size > 0
    else { throw .noStore(path) }
    do {
      let reader = try DatabaseQueue(
        path: catalogue.string, configuration: Catalogue.configuration(readonly: true))
      self = try reader.read { db in
        try Catalogue.checkFormat(db, path: FilePath(path))
        return try Self(storedIn: db)
      }
      try reader.close()
    } catch { throw StoreError(error) }
  }

  init(storedIn db: Database) throws {
    let row = try Row.fetchOne(
      db, sql: "SELECT model, dimension, metric FROM vector_space WHERE id = ?",
      arguments: [CommitGroup.space])
    guard let row, let metric = Metric(rawValue: try row.value(2)) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "its vector space is missing")
    }
    self.init(dimension: try row.value(1), metric: metric, model: try row.value(0))
  }
}
