import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// A model that makes vectors of texts, at one dimension.
public struct EmbeddingModel: Sendable, Hashable {
  public var name: String
  public var dimension: Int

  public init(name: String, dimension: Int) {
    self.name = name
    self.dimension = dimension
  }
}

/// The vectors that one model made of a store's memories: a file of them, and rows of the catalogue.
struct VectorSpace: Sendable {
  enum State: String {
    /// Searches and writes are in it. One space is.
    case active
    /// A reembed fills it. None, or one.
    case making
    /// It was the active one before the last reembed. None, or one, and none beside one in the making.
    case kept
    /// Its rows and files are being deleted.
    case leaving
    /// Nothing is left of it but its number, which no other gets.
    case gone
  }

  var id: UInt32
  var model: EmbeddingModel
  var metric: Metric
  var state: State
  /// Of its file.
  var generation: UInt32

  func header(store: UUID) -> VectorPages.Header {
    VectorPages.Header(
      store: store, space: id, generation: generation, dimension: UInt32(model.dimension),
      metric: metric, model: model.name)
  }
}

/// Which model a call's vectors are of, and the space that had them when the call was checked.
struct VectorOrigin: Sendable {
  var space: UInt32
  var model: EmbeddingModel
}

extension VectorPages.Header {
  var embedding: EmbeddingModel { EmbeddingModel(name: model, dimension: Int(dimension)) }
  var origin: VectorOrigin { VectorOrigin(space: space, model: embedding) }
}

extension StoreError {
  /// Vectors of one model met a store that has those of another.
  static func otherModel(stored: EmbeddingModel, requested: EmbeddingModel) -> StoreError {
    stored.name == requested.name
      ? .mismatch(
        setting: "dimension", stored: "\(stored.dimension)", requested: "\(requested.dimension)")
      : .mismatch(setting: "model", stored: stored.name, requested: requested.name)
  }
}

// MARK: In the catalogue

extension VectorSpace {
  private static let select = """
    SELECT s.id, s.model, s.dimension, s.metric, s.state, f.generation FROM vector_space s
    JOIN file f ON f.space = s.id AND f.kind = 'vectors'
    """

  private init?(_ row: Row) throws {
    guard let metric = Metric(rawValue: try row.value(3)), let state = State(rawValue: try row.value(4)),
      let id = UInt32(exactly: try row.value(0) as Int64),
      let generation = UInt32(exactly: try row.value(5) as Int64)
    else { return nil }
    self.init(
      id: id, model: EmbeddingModel(name: try row.value(1), dimension: try row.value(2)),
      metric: metric, state: state, generation: generation)
  }

  /// The space that the rows of a transaction mean.
  static func active(_ db: Database) throws -> VectorSpace {
    let statement = try db.cachedStatement(sql: select + " WHERE s.state = 'active'")
    guard let space = try Row.fetchOne(statement).flatMap(VectorSpace.init) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "its vector space is missing")
    }
    return space
  }

  /// The same of a store that nobody has opened since it got its format.
  static func stored(in db: Database) throws -> VectorSpace {
    if try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 >= statesSince { return try active(db) }
    let row = try Row.fetchOne(
      db, sql: select.replacingOccurrences(of: "s.state", with: "'active'"))
    guard let space = try row.flatMap(VectorSpace.init) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "its vector space is missing")
    }
    return space
  }

  /// The first format in which spaces have a state.
  private static let statesSince = 5

  /// Those that are not active and may be again, or for the first time.
  static func others(_ db: Database) throws -> [VectorSpace] {
    try Row.fetchAll(db, sql: select + " WHERE s.state IN ('making', 'kept') ORDER BY s.id")
      .compactMap(VectorSpace.init)
  }

  static func leaving(_ db: Database) throws -> [VectorSpace] {
    try Row.fetchAll(db, sql: select + " WHERE s.state = 'leaving' ORDER BY s.id")
      .compactMap(VectorSpace.init)
  }

  /// Adds a space, with the first file of its vectors, which is not there yet.
  static func add(
    _ model: EmbeddingModel, _ metric: Metric, _ state: State, _ db: Database
  ) throws -> VectorSpace {
    let last = try UInt32.fetchOne(db, sql: "SELECT max(id) FROM vector_space") ?? 0
    let space = VectorSpace(id: last + 1, model: model, metric: metric, state: state, generation: 1)
    try db.execute(
      sql: """
        INSERT INTO vector_space (id, model, dimension, element, metric, created_at, state)
        VALUES (?, ?, ?, 'float32', ?, ?, ?)
        """,
      arguments: [
        space.id, model.name, model.dimension, metric.rawValue, Timestamp.now, state.rawValue,
      ])
    try db.execute(
      sql: "INSERT INTO file (name, kind, space, generation) VALUES (?, 'vectors', ?, 1)",
      arguments: [VectorPages.fileName(space: Int(space.id), generation: 1), space.id])
    return space
  }

  /// Makes it the active one; the one that was so until now is kept.
  func activate(_ db: Database) throws {
    try db.execute(sql: "UPDATE vector_space SET state = 'kept' WHERE state = 'active'")
    try enter(.active, db)
  }

  func enter(_ state: State, _ db: Database) throws {
    try db.execute(
      sql: "UPDATE vector_space SET state = ? WHERE id = ?", arguments: [state.rawValue, id])
  }

  /// The first `limit` rows of a space that is left; how many they were.
  func deleteVectors(limit: Int, _ db: Database) throws -> Int {
    try db.execute(
      sql: """
        DELETE FROM vector WHERE space = ?1 AND slot IN (
          SELECT slot FROM vector WHERE space = ?1 ORDER BY slot LIMIT ?2)
        """, arguments: [id, limit])
    return db.changesCount
  }

  /// Deletes all that is left of a space but its number: rows first, then files, of which a transaction
  /// that is rolled back has no need any more either.
  func leave(_ directory: FilePath, store: UUID, _ db: Database) throws {
    for table in ["vector", "erased_slot", "unsynced_slots", "file"] {
      try db.execute(sql: "DELETE FROM \(table) WHERE space = ?", arguments: [id])
    }
    let header = header(store: store)
    let snapshot = directory.appending(Snapshot.fileName(space: id))
    for path in [snapshot, Directory.draft(of: snapshot)] { try Directory.remove(path) }
    for name in try Directory.names(directory) where name == header.fileName || header.supersedes(name) {
      try Directory.remove(directory.appending(name))
    }
    try Directory.synchronise(directory)
    try enter(.gone, db)
  }
}
