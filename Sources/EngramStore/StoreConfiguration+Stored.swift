import EngramIndex
import Foundation
import GRDB
import SystemPackage

extension StoreConfiguration {
  /// The settings that a store was made with, or has by its last reembed, as its catalogue has them; the
  /// rest as by default. The store may be open meanwhile, here or elsewhere.
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
    let space = try VectorSpace.stored(in: db)
    self.init(dimension: space.model.dimension, metric: space.metric, model: space.model.name)
  }
}
