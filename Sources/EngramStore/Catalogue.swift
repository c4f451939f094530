import CEngramSQLite
import Foundation
import GRDB
import Synchronization
import SystemPackage

/// The SQLite database of a store: one connection that writes, a few that read.
///
/// In WAL mode readers and the writer do not wait for each other. Nothing here checkpoints by
/// itself: SQLite before 3.51.3 can corrupt a database when a commit meets a checkpoint of another
/// connection, so both happen under the store's writer lock only.
final class Catalogue: Sendable {
  static let fileName = "engram.sqlite"

  let path: FilePath
  private let writer: DatabaseQueue
  private let idleReaders = Mutex<[DatabaseQueue]>([])
  private let log = Log()

  private static let busySeconds = 10
  /// Pages of 10 results of a search over 100,000 memories; taken as they are needed.
  private static let cacheKilobytes = 16_384

  /// Opens a catalogue, making it where there is none. The caller holds the store's lock.
  init(_ path: FilePath, durability: Durability) throws {
    self.path = path
    writer = try DatabaseQueue(path: path.string, configuration: Self.configuration(readonly: false))
    try writer.writeWithoutTransaction { db in
      try Self.checkFormat(db, path: path)
      try db.execute(sql: "PRAGMA journal_mode = WAL")
      try Self.setDurability(durability, db)
      try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
      // Setting it writes a page, even where it is the same.
      if try Int32.fetchOne(db, sql: "PRAGMA application_id") != Schema.applicationID {
        try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
      }
    }
    try Schema.migrator.migrate(writer)
    try writer.writeWithoutTransaction { [log] db in
      sqlite3_wal_hook(
        db.sqliteConnection,
        { log, _, _, pages in
          guard let log else { return SQLITE_OK }
          Unmanaged<Log>.fromOpaque(log).takeUnretainedValue()
            .pages.store(Int(pages), ordering: .relaxed)
          return SQLITE_OK
        }, Unmanaged.passUnretained(log).toOpaque())
    }
  }

  /// Makes commits from here on as durable as this.
  static func setDurability(_ durability: Durability, _ db: Database) throws {
    try db.execute(sql: "PRAGMA synchronous = \(durability == .full ? "FULL" : "NORMAL")")
  }

  static func configuration(readonly: Bool) -> Configuration {
    var configuration = Configuration()
    configuration.readonly = readonly
    configuration.busyMode = .timeout(TimeInterval(busySeconds))
    // Without memory a transaction may not even be rolled back; GRDB would end the process.
    configuration.allowsUnsafeTransactions = true
    configuration.prepareDatabase { db in
      guard let connection = db.sqliteConnection else { return }
      let result = engram_sqlite_configure(connection)
      guard result == 0 else { throw DatabaseError(resultCode: ResultCode(rawValue: result)) }
      try db.execute(sql: "PRAGMA cell_size_check = ON")
      try db.execute(sql: "PRAGMA mmap_size = 0")
      // What some builds of SQLite do of themselves: overwrite every page that a merge of the full text or
      // an emptied table gives back. Who wants something gone for good erases it, and all is written anew.
      try db.execute(sql: "PRAGMA secure_delete = OFF")
      try db.execute(sql: "PRAGMA cache_size = -\(cacheKilobytes)")
    }
    return configuration
  }

  /// Refuses a database of somebody else's and one of a newer format, before anything is written.
  static func checkFormat(_ db: Database, path: FilePath) throws {
    let format = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    guard application == Schema.applicationID || (tables == 0 && application == 0) else {
      throw StoreError.unusablePath(path.string, reason: "it is the database of another program")
    }
    guard format <= Schema.format else {
      throw StoreError.newerFormat(found: format, supported: Schema.format)
    }
  }

  /// Runs `body` on a connection that reads, in one transaction: it sees one state.
  func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
    let reader = try idleReaders.withLock { $0.popLast() } ?? DatabaseQueue(
      path: path.string, configuration: Self.configuration(readonly: true))
    return try reader.unsafeRead { db in
      // One whose transaction could not be ended is closed, which ends it.
      defer { if !db.isInsideTransaction { idleReaders.withLock { $0.append(reader) } } }
      // Prepared once: GRDB's own transactions are parsed anew each time.
      let (begin, end) = (
        try db.cachedStatement(sql: "BEGIN"), try db.cachedStatement(sql: "COMMIT")
      )
      _ = try SQLiteRow.first(of: begin) { _ in }
      defer { _ = try? SQLiteRow.first(of: end) { _ in } }
      return try body(db)
    }
  }

  /// The history's hash of a change; nil where it has no such change.
  func chainHash(of change: Int64) throws(StoreError) -> Data? {
    do { return try read { try HistoryRow.hash(of: change, $0) } } catch { throw StoreError(error) }
  }

  /// Slots that rows name, or named before an erasure, lie below it.
  func slotCount(space: UInt32) throws(StoreError) -> Int {
    do { return try read { try Self.slotCount($0, space: space) } } catch { throw StoreError(error) }
  }

  static func slotCount(_ db: Database, space: UInt32) throws -> Int {
    let statement = try db.cachedStatement(
      sql: """
        SELECT max(ifnull((SELECT max(slot) + 1 FROM vector WHERE space = ?1), 0),
          ifnull((SELECT max(slot) + 1 FROM erased_slot WHERE space = ?1), 0))
        """)
    return try Int.fetchOne(statement, arguments: [space]) ?? 0
  }

  /// Runs `body` on the connection that writes, outside a transaction. Commit thread only.
  func write<Result>(_ body: (Database) throws -> Result) throws -> Result {
    try writer.writeWithoutTransaction(body)
  }

  /// Whether a transaction could not even be rolled back: no other one begins. Commit thread only.
  var isInTransaction: Bool { writer.writeWithoutTransaction { $0.isInsideTransaction } }

  /// Moves the log into the database as far as readers allow. Under the writer lock only.
  ///
  /// - Parameter emptying: whether the log is emptied where all of it has been moved and nobody
  ///   reads: frames that stay are read again at the next opening, and would hide the database if
  ///   some were damaged.
  /// - Returns: whether nobody kept any of it from being moved.
  @discardableResult
  func checkpoint(emptying: Bool) throws -> Bool {
    try writer.writeWithoutTransaction { db in
      // Without waiting for readers, who may be other processes.
      try db.execute(sql: "PRAGMA busy_timeout = 0")
      defer { try? db.execute(sql: "PRAGMA busy_timeout = \(Self.busySeconds * 1_000)") }
      let busy = try Int.fetchOne(
        db, sql: "PRAGMA wal_checkpoint(\(emptying ? "TRUNCATE" : "PASSIVE"))")
      return busy == 0
    }
  }

  /// Pages that the log had after the last commit of this process.
  var logPages: Int { log.pages.load(ordering: .relaxed) }

  /// What SQLite is told to note after each commit.
  private final class Log: Sendable {
    let pages = Atomic<Int>(0)
  }

  /// Memory that the caches of its connections may take.
  var cacheBytes: Int {
    let connections = 1 + idleReaders.withLock { $0.count }
    return connections * min(Directory.fileSize(path) ?? 0, Self.cacheKilobytes << 10)
  }

  func close() throws {
    let readers = idleReaders.withLock { readers in
      defer { readers = [] }
      return readers
    }
    for reader in readers { try reader.close() }
    try writer.close()
  }
}
