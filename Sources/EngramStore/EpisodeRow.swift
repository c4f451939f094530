import Foundation
import GRDB

/// An episode as a row of the catalogue.
struct EpisodeRow {
  var id: UUID
  var scope: Scope
  var body: String
  var createdAt: Int64
  var expiresAt: Int64?
  var attempts: Int64
  var retryAt: Int64?
  var failure: String?

  init(_ episode: Episode) throws(StoreError) {
    id = episode.id
    for (field, name) in [
      ("user", episode.scope.user), ("agent", episode.scope.agent), ("run", episode.scope.run),
    ] { try Check.name(name, field: field) }
    scope = episode.scope
    body = try Check.text(episode.body)
    createdAt = try Timestamp.microseconds(episode.createdAt, field: "createdAt")
    expiresAt = try Check.time(episode.expiresAt, field: "expiresAt")
    retryAt = try Check.time(episode.retryAt, field: "retryAt")
    attempts = Int64(episode.attempts)
    failure = episode.failure
  }

  init(exported line: ExportLine) throws(ExportLine.Refusal) {
    id = try line.uuid("id")
    scope = Scope(
      user: try line.optionalText("user"), agent: try line.optionalText("agent"),
      run: try line.optionalText("run"))
    body = try line.text("body")
    createdAt = try line.int("created_at")
    expiresAt = try line.optionalInt("expires_at")
    attempts = try line.int("attempts")
    retryAt = try line.optionalInt("retry_at")
    failure = try line.optionalText("failure")
  }

  /// - Parameter memories: those that were made of it.
  func exported(memories: [UUID]) -> ExportLine {
    ExportLine(
      .episode,
      [
        "id": JSONValue(id), "user": JSONValue(scope.user), "agent": JSONValue(scope.agent),
        "run": JSONValue(scope.run), "body": .string(body), "created_at": .int(createdAt),
        "expires_at": JSONValue(expiresAt), "attempts": .int(attempts), "retry_at": JSONValue(retryAt),
        "failure": JSONValue(failure), "memories": .array(memories.map { JSONValue($0) }),
      ])
  }

  var episode: Episode {
    var episode = Episode(
      id: id, scope: scope, body: body, createdAt: Timestamp.date(createdAt),
      expiresAt: expiresAt.map(Timestamp.date), retryAt: retryAt.map(Timestamp.date))
    episode.attempts = Int(attempts)
    episode.failure = failure
    return episode
  }

  /// CRC-32C over all columns.
  var checksum: UInt32 {
    var writer = ByteWriter(capacity: body.utf8.count + 256)
    writer.put(id)
    writer.put(scope.user)
    writer.put(scope.agent)
    writer.put(scope.run)
    writer.put(body)
    writer.put(createdAt)
    writer.put(expiresAt)
    writer.put(attempts)
    writer.put(retryAt)
    writer.put(failure)
    return writer.checksum
  }

  // MARK: SQL

  static let columns = """
    id, user_id, agent_id, run_id, body, created_at, expires_at, attempts, retry_at, failure, checksum
    """

  /// Reads a row of `columns` and proves its checksum.
  init(_ row: SQLiteRow) throws(StoreError) {
    guard let id = row.uuid(0), let body = row.text(4) else {
      throw .damaged(file: Catalogue.fileName, reason: "an episode is none")
    }
    self.id = id
    scope = Scope(user: row.text(1), agent: row.text(2), run: row.text(3))
    self.body = body
    createdAt = row.int(5)
    expiresAt = row.optionalInt(6)
    attempts = row.int(7)
    retryAt = row.optionalInt(8)
    failure = row.text(9)
    guard Int64(checksum) == row.int(10) else {
      throw .damaged(file: Catalogue.fileName, reason: "episode \(id) fails its checksum")
    }
  }

  /// Leaves one that is there already as it is.
  func insert(_ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT OR IGNORE INTO episode (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    statement.setUncheckedArguments([
      id.data, scope.user, scope.agent, scope.run, body, createdAt, expiresAt, attempts, retryAt,
      failure, Int64(checksum),
    ])
    try statement.execute()
  }

  /// Writes what has become of it.
  func update(_ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "UPDATE episode SET attempts = ?, retry_at = ?, failure = ?, checksum = ? WHERE id = ?")
    statement.setUncheckedArguments([attempts, retryAt, failure, Int64(checksum), id.data])
    try statement.execute()
  }

  static func find(_ id: UUID, _ db: Database) throws -> EpisodeRow? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM episode WHERE id = ?")
    statement.setUncheckedArguments([id.data])
    return try SQLiteRow.first(of: statement) { try EpisodeRow($0) }
  }

  /// Removes episodes, but for those of which memories are still to be made.
  static func deleteFinished(_ episodes: [UUID], _ db: Database) throws {
    let delete = try db.cachedStatement(sql: "DELETE FROM episode WHERE id = ? AND retry_at IS NULL")
    let unlink = try db.cachedStatement(sql: "DELETE FROM episode_memory WHERE episode = ?")
    for id in episodes {
      try delete.execute(arguments: [id.data])
      if db.changesCount > 0 { try unlink.execute(arguments: [id.data]) }
    }
  }

  /// Notes that a memory was made of an episode.
  static func link(_ episode: UUID, to memory: UUID, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT OR IGNORE INTO episode_memory (memory_id, episode) VALUES (?, ?)")
    statement.setUncheckedArguments([memory.data, episode.data])
    try statement.execute()
  }
}
