import CEngramSQLite
import Foundation
import GRDB

/// A version of a memory as a row of the catalogue.
struct MemoryRow {
  var change: Int64
  var ended: Int64?
  var id: UUID
  var text: String
  var scope: Scope
  var metadata: String
  var categories: String
  var role: String?
  var actor: String?
  var importance: Double?
  var createdAt: Int64
  var updatedAt: Int64
  var expiresAt: Int64?
  var validFrom: Int64?
  var validTo: Int64?
  /// The change whose vector this version has.
  var vector: Int64

  /// CRC-32C over all columns: a row that was damaged on disk is noticed when it is read.
  var checksum: UInt32 {
    var writer = ByteWriter(capacity: text.utf8.count + metadata.utf8.count + 256)
    writer.put(change)
    writer.put(ended)
    writer.put(id)
    writer.put(text)
    writer.put(scope.user)
    writer.put(scope.agent)
    writer.put(scope.run)
    writer.put(metadata)
    writer.put(categories)
    writer.put(role)
    writer.put(actor)
    writer.put(importance)
    writer.put(createdAt)
    writer.put(updatedAt)
    writer.put(expiresAt)
    writer.put(validFrom)
    writer.put(validTo)
    writer.put(vector)
    return writer.checksum
  }

  var memory: Memory {
    Memory(
      id: id, text: text, scope: scope, metadata: Metadata(canonical: metadata),
      categories: Self.decodeCategories(categories), role: role, actor: actor,
      importance: importance, createdAt: Timestamp.date(createdAt),
      updatedAt: Timestamp.date(updatedAt), expiresAt: expiresAt.map(Timestamp.date),
      validFrom: validFrom.map(Timestamp.date), validTo: validTo.map(Timestamp.date),
      change: change)
  }

  var signals: RankingSignals.Own {
    RankingSignals.Own(updatedAt: updatedAt, importance: importance)
  }

  static func encodeCategories(_ categories: [String]) throws(StoreError) -> String {
    if categories.isEmpty { return "[]" }
    do {
      return try JSONValue.array(categories.map(JSONValue.string)).canonicalText
    } catch {
      throw .invalid(field: "categories", reason: "\(error)")
    }
  }

  private static func decodeCategories(_ text: String) -> [String] {
    if text == "[]" { return [] }
    guard case .array(let values)? = try? JSONValue(parsing: text) else { return [] }
    return values.compactMap { if case .string(let name) = $0 { name } else { nil } }
  }

  // MARK: SQL

  static let columns = """
    change, ended, id, text, user_id, agent_id, run_id, metadata, categories, role, actor_id, \
    importance, created_at, updated_at, expires_at, valid_from, valid_to, vector, checksum
    """

  /// Reads a row of `columns` and proves its checksum.
  ///
  /// Through SQLite's own interface: ten rows of a search took 60 microseconds as GRDB rows, most of
  /// it in copies of values and names of columns.
  init(_ row: SQLiteRow) throws(StoreError) {
    try self.init(unproven: row)
    guard Int64(checksum) == row.int(18) else {
      throw .damaged(
        file: Catalogue.fileName, reason: "memory \(id), change \(change), fails its checksum")
    }
  }

  /// Reads a row of `columns` as it is: for repair.
  init(unproven row: SQLiteRow) throws(StoreError) {
    guard let id = row.uuid(2), let text = row.text(3), let metadata = row.text(7),
      let categories = row.text(8)
    else {
      throw .damaged(file: Catalogue.fileName, reason: "change \(row.int(0)) is no memory")
    }
    change = row.int(0)
    ended = row.optionalInt(1)
    self.id = id
    self.text = text
    scope = Scope(user: row.text(4), agent: row.text(5), run: row.text(6))
    self.metadata = metadata
    self.categories = categories
    role = row.text(9)
    actor = row.text(10)
    importance = row.optionalDouble(11)
    createdAt = row.int(12)
    updatedAt = row.int(13)
    expiresAt = row.optionalInt(14)
    validFrom = row.optionalInt(15)
    validTo = row.optionalInt(16)
    vector = row.int(17)
  }

  init(
    change: Int64, id: UUID, text: String, scope: Scope, metadata: String, categories: String,
    role: String?, actor: String?, importance: Double?, createdAt: Int64, updatedAt: Int64,
    expiresAt: Int64?, validFrom: Int64?, validTo: Int64?, vector: Int64
  ) {
    self.change = change
    self.id = id
    self.text = text
    self.scope = scope
    self.metadata = metadata
    self.categories = categories
    self.role = role
    self.actor = actor
    self.importance = importance
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.expiresAt = expiresAt
    self.validFrom = validFrom
    self.validTo = validTo
    self.vector = vector
  }

  /// Inserts a current version, with its full text.
  func insert(_ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO memory (\(Self.columns))
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    statement.setUncheckedArguments([
      change, ended, id.data, text, scope.user, scope.agent, scope.run, metadata, categories, role,
      actor, importance, createdAt, updatedAt, expiresAt, validFrom, validTo, vector,
      Int64(checksum),
    ])
    try statement.execute()
    let words = try db.cachedStatement(sql: "INSERT INTO memory_text (rowid, text) VALUES (?, ?)")
    words.setUncheckedArguments([change, text])
    try words.execute()
  }

  /// Ends this version with change `change`; its text leaves the full text.
  mutating func end(by change: Int64, _ db: Database) throws {
    try removeWords(db)
    ended = change
    let statement = try db.cachedStatement(
      sql: "UPDATE memory SET ended = ?, checksum = ? WHERE change = ?")
    statement.setUncheckedArguments([change, Int64(checksum), self.change])
    try statement.execute()
  }

  /// Takes the text of a current version out of the full text.
  func removeWords(_ db: Database) throws {
    let words = try db.cachedStatement(
      sql: "INSERT INTO memory_text (memory_text, rowid, text) VALUES ('delete', ?, ?)")
    words.setUncheckedArguments([change, text])
    try words.execute()
  }

  /// The current version of a memory.
  static func current(_ id: UUID, _ db: Database) throws -> MemoryRow? {
    let statement = try db.cachedStatement(
      sql: "SELECT \(columns) FROM memory WHERE id = ? AND ended IS NULL")
    statement.setUncheckedArguments([id.data])
    guard let row = try SQLiteRow.first(of: statement, { try MemoryRow($0) }) else { return nil }
    // An index of SQLite that is damaged leads to another row, which is sound in itself.
    guard row.id == id, row.ended == nil else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "the index over ids; run verify")
    }
    return row
  }

  /// The version that a change ended; nil where it ended none, or that has been cut or erased.
  static func ended(by change: Int64, _ db: Database) throws -> MemoryRow? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM memory WHERE ended = ?")
    statement.setUncheckedArguments([change])
    return try SQLiteRow.first(of: statement) { try MemoryRow($0) }
  }

  /// The version that a change made.
  static func version(_ change: Int64, _ db: Database) throws -> MemoryRow? {
    try version(change, try versionStatement(db))
  }

  private static let versionSQL = "SELECT \(columns) FROM memory WHERE change = ?"

  /// Finds versions by their change; for several in a row.
  static func versionStatement(_ db: Database) throws -> Statement {
    try db.cachedStatement(sql: versionSQL)
  }

  static func version(_ change: Int64, _ statement: Statement) throws -> MemoryRow? {
    sqlite3_bind_int64(statement.sqliteStatement, 1, change)
    return try SQLiteRow.first(of: statement) { try MemoryRow($0) }
  }
}

extension UUID {
  /// The 16 bytes, as the catalogue keeps them.
  var data: Data { withUnsafeBytes(of: uuid) { Data($0) } }

  init?(bytes: Data?) {
    guard let bytes, bytes.count == 16 else { return nil }
    self.init(leading: bytes)
  }

  /// The first 16 bytes, of at least as many.
  init(leading bytes: Data) {
    self = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}
