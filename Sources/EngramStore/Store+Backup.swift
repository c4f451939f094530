import CEngramSQLite
import Crypto
import Foundation
import GRDB
import SystemPackage

extension Store {
  /// Copies the store as it is at this moment into a new directory, while writers and readers go on.
  ///
  /// The copy holds every memory that was acknowledged before the call, and ends with one change: all
  /// of it, nothing of later ones. It is on disk when the call returns, under its name only if it is
  /// whole. The snapshot of the index is left out, being derived: restoring makes it anew.
  ///
  /// While it runs SQLite's log cannot be emptied, and grows with what is written.
  ///
  /// - Parameters:
  ///   - path: where nothing is yet; directories above it are made.
  ///   - progress: told how far it has come.
  /// - Returns: what the backup holds; `BACKUP.json` says the same.
  /// - Throws: `StoreError.exists` where something is at the path; `.damaged` where a vector fails its
  ///   checksum (`repair` comes first); `.cancelled`. Nothing is left then.
  public func backup(
    to path: String, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> BackupManifest {
    try core.ensureOpen()
    return try await LongCall.run(progress) { [self] call in
      let begin = MonotonicTime.now
      let manifest = try Directory.publishDirectory(FilePath(path)) { try writeBackup($0, call) }
      core.figures.backedUp(bytes: manifest.files.reduce(0) { $0 + $1.bytes }, since: begin)
      return manifest
    }
  }

  private func writeBackup(_ directory: FilePath, _ call: LongCall) throws -> BackupManifest {
    // One read transaction: rows and the slots that they name are of one moment.
    var (manifest, names): (BackupManifest, [String]) = try readVectors { db, pages in
      let header = pages.header
      let manifest = BackupManifest(
        store: pages.header.store, createdAt: Timestamp.date(Timestamp.now),
        model: header.model, dimension: Int(header.dimension), metric: header.metric,
        head: try HistoryHead(db),
        memories: try Int.fetchOne(db, sql: "SELECT count(*) FROM memory WHERE ended IS NULL") ?? 0,
        versions: try Int.fetchOne(db, sql: "SELECT count(*) FROM memory") ?? 0,
        files: [])
      try Self.copyCatalogue(db, to: directory.appending(Catalogue.fileName), call)
      var names = [Catalogue.fileName]
      for pages in [pages] + (try otherPages(db)) {
        names.append(pages.header.fileName)
        let copy = try VectorPages.create(
          directory.appending(pages.header.fileName), pages.header)
        try pages.copyVectors(of: db, to: copy, isDense: false, call)
      }
      return (manifest, names)
    }
    manifest.files = try names.map { name in
      let file = try File.open(directory.appending(name), .read)
      try file.synchronise()
      return try BackupManifest.File(file, name: name, call)
    }
    try manifest.write(to: directory)
    return manifest
  }

  /// The files of vectors of spaces that are not active, as far as there are any.
  func otherPages(_ db: Database) throws -> [VectorPages] {
    try VectorPages.Header.stored(in: db).others.compactMap { header in
      let path = core.directory.appending(header.fileName)
      if try Catalogue.slotCount(db, space: header.space) == 0,
        try Directory.kind(of: path) == .absent
      { return nil }
      return try VectorPages.open(path, expecting: header)
    }
  }

  /// Copies the pages of the database as the transaction of `db` sees them: as that is open already,
  /// no writer makes SQLite begin again.
  private static func copyCatalogue(
    _ db: Database, to path: FilePath, _ call: LongCall
  ) throws {
    let target = try DatabaseQueue(path: path.string)
    try target.writeWithoutTransaction { copy in
      // A copy that fails is thrown away, and one that does not is synced as a whole.
      try copy.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
      let backup = sqlite3_backup_init(
        copy.sqliteConnection, "main", db.sqliteConnection, "main")
      var result = SQLITE_OK
      do {
        defer { sqlite3_backup_finish(backup) }
        while result == SQLITE_OK {
          result = sqlite3_backup_step(backup, 1_024)
          let total = Int(sqlite3_backup_pagecount(backup))
          try call.reached(
            total - Int(sqlite3_backup_remaining(backup)), of: total, .catalogue)
        }
      }
      guard result == SQLITE_DONE else {
        throw StoreError.database(
          code: Int(result), message: String(cString: sqlite3_errstr(result)))
      }
    }
    try target.close()
  }

  /// Makes a store of a backup, in a new directory, and proves all of it.
  ///
  /// - Parameters:
  ///   - backup: a directory that `backup` made; it stays as it is.
  ///   - path: where nothing is yet; directories above it are made.
  ///   - progress: told how far it has come.
  /// - Returns: what a full `verify` of the restored store found; the store is there, also where the
  ///   one that was backed up had problems.
  /// - Throws: `StoreError.damaged` where a file is not what `BACKUP.json` says, or the store does
  ///   not open; `.exists`; `.cancelled`. Nothing is left at the path then.
  public static func restore(
    from backup: String, to path: String, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> VerifyReport {
    try await LongCall.run(progress) { call in
      let source = FilePath(backup)
      let manifest = try BackupManifest(of: source)
      return try Directory.publishDirectory(FilePath(path)) { directory in
        for file in manifest.files {
          try copy(file, from: source, to: directory, call)
        }
        let report = try prove(directory, since: manifest.head, call)
        guard report.head == manifest.head, report.memories == manifest.memories else {
          throw StoreError.damaged(
            file: source.string, reason: "it holds other memories than it says")
        }
        return report
      }
    }
  }

  private static func copy(
    _ file: BackupManifest.File, from source: FilePath, to target: FilePath, _ call: LongCall
  ) throws {
    let original = try File.open(source.appending(file.name), .read)
    let copy = try File.open(target.appending(file.name), .create)
    var hash = SHA256()
    let size = try original.size()
    try original.readAll { bytes, offset in
      try call.reached(offset, of: size, .files)
      hash.update(bufferPointer: bytes)
      try copy.write(bytes, at: offset)
    }
    try copy.synchronise()
    guard size == file.bytes, Data(hash.finalize()).hexadecimal == file.sha256 else {
      throw StoreError.damaged(
        file: original.path.string, reason: "it is not what \(BackupManifest.fileName) says")
    }
  }

  /// Opens the store in a directory, checks all of it and closes it again.
  static func prove(
    _ directory: FilePath, since head: HistoryHead? = nil, _ call: LongCall
  ) throws -> VerifyReport {
    let path = directory.string
    let store = try Store(path: path, configuration: try StoreConfiguration(storedAt: path))
    let report = Result { try store.verify(.full, since: head, call) }
    try store.core.close()
    return try report.get()
  }
}
