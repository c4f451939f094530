import Foundation
import GRDB
import SystemPackage

/// What `repair` did, and what it could not do.
public struct RepairReport: Sendable {
  /// A vector that is lost.
  public struct LostVector: Sendable, Hashable {
    public var memory: UUID
    /// The change that brought the vector.
    public var change: Int64
    /// Whether the memory still has it: its text can be read, and searches do not find it until it is
    /// updated with a new vector. Otherwise only versions of the past had it.
    public var isCurrent: Bool
  }

  /// What was damaged and is as it was, proven by checksums; a sentence each.
  public var restored: [String] = []
  /// What could not be rebuilt, and why; a sentence each.
  public var failed: [String] = []
  /// Vectors that this repair found lost; those that an earlier one did are in `verified`.
  public var lostVectors: [LostVector] = []
  /// What a full `verify` found afterwards: all that is still wrong.
  public var verified = VerifyReport(depth: .full)

  public var isSound: Bool { failed.isEmpty && lostVectors.isEmpty && verified.isSound }
}

extension Store {
  /// Makes a store that is damaged one that opens, and serves what is left of it. The store must be
  /// closed.
  ///
  /// - What is derived is made anew, damaged or not: SQLite's indexes, the full text, the snapshot of
  ///   the index, and tables, triggers and views of it that are missing.
  /// - A row of a memory that fails its checksum is put right where its history tells what it said
  ///   and the checksum proves it. A vector whose slot the catalogue has lost is found by what the
  ///   slots say of themselves.
  /// - A vector that is gone is taken from the catalogue and listed: the memory, its text and its
  ///   history stay. `verify` goes on reporting it until it is updated with a new vector.
  ///
  /// Nothing else is changed, and no memory is dropped. What is done in the database is one
  /// transaction. A database that SQLite itself cannot read, and a file of vectors that is missing or
  /// another store's, are for a backup to bring back.
  ///
  /// - Throws: `StoreError.noStore`; `.inUse`; `.damaged` where there is nothing to repair from;
  ///   `.cancelled`: what has been repaired by then stays so.
  public static func repair(
    path: String, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> RepairReport {
    _ = try StoreConfiguration(storedAt: path)
    return try await LongCall.run(progress) { call in
      let directory = FilePath(path)
      var report = try withLocks(directory) {
        try Repair(directory: directory, call: call).run()
      }
      report.verified = try prove(directory, call)
      return report
    }
  }

  /// Runs `body` while nobody else has the store open.
  static func withLocks<Value>(
    _ directory: FilePath, _ body: () throws -> Value
  ) throws -> Value {
    let writer = try WriterLock(directory)
    // First, as a process that has the store open may stand still with the writer's lock.
    let indexer = try File.open(directory.appending(Indexer.lockName), .create)
    guard try indexer.lock(Indexer.presence, wait: false) else {
      throw StoreError.inUse(directory.string)
    }
    defer { try? indexer.unlock(Indexer.presence) }
    try writer.lock()
    defer { try? writer.unlock() }
    return try body()
  }
}

/// Repairs the files of a store that is locked.
private struct Repair {
  private let directory: FilePath
  private let call: LongCall
  private var report = RepairReport()

  init(directory: FilePath, call: LongCall) {
    self.directory = directory
    self.call = call
  }

  consuming func run() throws -> RepairReport {
    let catalogue = try Catalogue(directory.appending(Catalogue.fileName), durability: .full)
    defer { try? catalogue.close() }
    try catalogue.write { db in
      try call.watching(db) {
        try db.inTransaction(.immediate) {
          try repairTables(db)
          try repairMemories(db)
          try repairVectors(db)
          try repairOtherSpaces(db)
          try rebuildFullText(db)
          return .commit
        }
      }
    }
    // They may be whole and yet of rows that are put right now.
    let spaces = try catalogue.read { try [VectorSpace.active($0)] + VectorSpace.others($0) }
    for space in spaces {
      try Directory.remove(directory.appending(Snapshot.fileName(space: space.id)))
    }
    try Directory.synchronise(directory)
    return report
  }

  /// Runs a step that may fail alone; whether it has not.
  @discardableResult
  private mutating func attempt(_ what: String, _ step: () throws -> Void) throws -> Bool {
    do { try step() } catch {
      try call.reached(0, .catalogue)
      report.failed.append("\(what): \(StoreError(error).description)")
      return false
    }
    return true
  }

  // MARK: Tables

  /// Tables without which there is nothing to repair, or which are none of the derived ones.
  private static let remade: Set<String> = ["memory_text", "memory_access", "unsynced_slots"]

  private mutating func repairTables(_ db: Database) throws {
    for object in try Schema.missing(db) {
      guard let sql = object.sql, object.kind != "table" || Self.remade.contains(object.name)
      else { continue }
      guard try attempt("\(object.kind) \(object.name)", { try db.execute(sql: sql) }) else {
        continue
      }
      report.restored.append(
        object.name == "memory_access"
          ? "the table memory_access was missing; access times and counts begin anew"
          : "the \(object.kind) \(object.name) was missing")
    }
    try call.reached(0, .catalogue)
    try attempt("indexes of the database") { try db.execute(sql: "REINDEX") }
  }

  private mutating func rebuildFullText(_ db: Database) throws {
    try call.reached(0, .fullText)
    try attempt("full text") {
      try db.execute(sql: "INSERT INTO memory_text (memory_text) VALUES ('rebuild')")
    }
  }

  // MARK: Memories

  private mutating func repairMemories(_ db: Database) throws {
    var damaged: [(row: MemoryRow, checksum: Int64)] = []
    var count = 0
    let statement = try db.cachedStatement(sql: "SELECT \(MemoryRow.columns) FROM memory")
    try SQLiteRow.each(of: statement) { row in
      count += 1
      try call.reached(count, .memories)
      // One that cannot even be read is left to verify.
      guard let memory = try? MemoryRow(unproven: row) else { return }
      if Int64(memory.checksum) != row.int(18) { damaged.append((memory, row.int(18))) }
    }
    for (row, checksum) in damaged {
      let candidates = try restored(row, db)
      guard let whole = candidates.first(where: { Int64($0.checksum) == checksum }) else { continue }
      let isRestored = try attempt("memory \(whole.id), change \(whole.change)") {
        try db.execute(
          sql: """
            UPDATE memory SET id = ?, text = ?, ended = ?, role = ?, actor_id = ?, created_at = ?,
              updated_at = ? WHERE change = ?
            """,
          arguments: [
            whole.id.data, whole.text, whole.ended, whole.role, whole.actor, whole.createdAt,
            whole.updatedAt, whole.change,
          ])
      }
      guard isRestored else { continue }
      report.restored.append(
        "memory \(whole.id), change \(whole.change), was put right from its history")
    }
  }

  /// A row with what its history tells; the checksum says whether that is all that was wrong. A version that
  /// was revived has the actor and the time of the one before.
  private func restored(_ row: MemoryRow, _ db: Database) throws -> [MemoryRow] {
    let found = try Row.fetchOne(
      db,
      sql: """
        SELECT \(HistoryRow.columnsOfH), \(HistoryPayload.columns), h.hash
        FROM history h JOIN history_payload p USING (sequence) WHERE h.sequence = ?
        """, arguments: [row.change])
    guard let found, let history = try? HistoryRow(found),
      let payload = try? HistoryPayload(found, from: HistoryRow.columnCount),
      let text = payload.newMemory, payload.digest == history.payloadDigest
    else { return [] }
    var revived = row
    revived.id = history.memoryID
    revived.text = text
    revived.role = history.role
    revived.createdAt = history.createdAt
    revived.ended = try Int64.fetchOne(
      db, sql: "SELECT min(sequence) FROM history WHERE memory_id = ? AND sequence > ?",
      arguments: [history.memoryID.data, row.change])
    var whole = revived
    whole.actor = history.actor
    whole.updatedAt = history.updatedAt ?? history.createdAt
    return [whole, revived]
  }

  // MARK: Vectors

  private mutating func repairVectors(_ db: Database) throws {
    let header = try VectorPages.Header.stored(in: db).active
    guard let pages = try openPages(header, db) else { return }
    try pages.restoreUnsynced(db)
    var missing = try vectorsThatFail(db, pages)
    guard !missing.isEmpty else { return }
    for (change, vector) in missing where vector.hadRow {
      try db.execute(
        sql: "DELETE FROM vector WHERE change = ? AND space = ?",
        arguments: [change, header.space])
    }
    try findSlots(of: &missing, db, pages)
    // Those without a row were lost before: verify goes on reporting them.
    report.lostVectors = missing.values.filter(\.hadRow).map(\.vector)
      .sorted { $0.change < $1.change }
  }

  /// Vectors of a model that a reembed comes from or goes to: those that fail are taken out, and are made
  /// anew by a reembed that goes on, or goes back.
  private mutating func repairOtherSpaces(_ db: Database) throws {
    for header in try VectorPages.Header.stored(in: db).others {
      do {
        guard let pages = try openPages(header, db) else { continue }
        let failing = try changesThatFail(db, pages)
        for change in failing {
          try db.execute(
            sql: "DELETE FROM vector WHERE change = ? AND space = ?", arguments: [change, header.space])
        }
        guard !failing.isEmpty else { continue }
        report.restored.append(
          "\(failing.count) vectors of \(header.model) failed their checksums; a reembed makes them anew")
      } catch {
        try call.reached(0, .vectors)
        report.failed.append("vectors of \(header.model): \(StoreError(error).description)")
      }
    }
  }

  private func changesThatFail(_ db: Database, _ pages: VectorPages) throws -> [Int64] {
    var failing: [Int64] = []
    try pages.eachVector(db) { change, slot, isWhole in
      try call.reached(slot, .vectors)
      if !isWhole { failing.append(change) }
    }
    return failing
  }

  private struct Missing {
    var vector: RepairReport.LostVector
    var hadRow: Bool
  }

  /// Vectors that no row of the catalogue leads to, by their change.
  private func vectorsThatFail(
    _ db: Database, _ pages: VectorPages
  ) throws -> [Int64: Missing] {
    var missing: [Int64: Missing] = [:]
    var count = 0
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT m.vector, m.id, max(m.ended IS NULL), v.slot, v.checksum
        FROM memory m LEFT JOIN vector v ON v.change = m.vector AND v.space = ? GROUP BY m.vector
        """, arguments: [pages.header.space])
    while let row = try rows.next() {
      count += 1
      try call.reached(count, .vectors)
      let change: Int64 = try row.value(0)
      guard let memory = UUID(bytes: try row.value(1) as Data?) else { continue }
      let slot: Int? = try row.value(3)
      if let slot, let checksum = try row.value(4) as Int64?,
        let (header, _) = try pages.readSlot(slot),
        header.isVector(of: memory, change: change, checksum: checksum)
      { continue }
      missing[change] = Missing(
        vector: RepairReport.LostVector(
          memory: memory, change: change, isCurrent: try row.value(2)), hadRow: slot != nil)
    }
    return missing
  }

  /// A slot says which change of which memory it holds; its checksum proves that, and the store.
  private mutating func findSlots(
    of missing: inout [Int64: Missing], _ db: Database, _ pages: VectorPages
  ) throws {
    let taken = try Int.fetchSet(
      db, sql: "SELECT slot FROM vector WHERE space = ?", arguments: [pages.header.space])
    let capacity = try pages.capacity()
    for slot in 0..<capacity where !taken.contains(slot) {
      try call.reached(slot, of: capacity, .vectors)
      guard let (header, _) = try pages.readSlot(slot),
        let lost = missing[header.change]?.vector, lost.memory == header.memory
      else { continue }
      try db.execute(
        sql: "INSERT INTO vector (change, space, slot, checksum) VALUES (?, ?, ?, ?)",
        arguments: [header.change, pages.header.space, slot, Int64(header.vectorChecksum)])
      missing[header.change] = nil
      report.restored.append(
        "the vector of memory \(lost.memory), change \(lost.change), was found in slot \(slot)")
    }
  }

  /// A file of vectors, its header put right; nil where there is none and need not be.
  private mutating func openPages(
    _ header: VectorPages.Header, _ db: Database
  ) throws -> VectorPages? {
    let path = directory.appending(header.fileName)
    if try Directory.kind(of: path) == .absent {
      guard try Catalogue.slotCount(db, space: header.space) == 0 else {
        throw StoreError.damaged(file: path.string, reason: "it is missing")
      }
      return nil
    }
    do throws(StoreError) { return try VectorPages.open(path, expecting: header) } catch {
      guard case .damaged = error, try !hasWholeHeader(path) else { throw error }
    }
    try writeHeader(header, to: path)
    report.restored.append("the header of the file of vectors failed its checksum")
    return try VectorPages.open(path, expecting: header)
  }

  /// Whether a header is what it was, be it another store's.
  private func hasWholeHeader(_ path: FilePath) throws -> Bool {
    let header = try File.open(path, .read).read(VectorPages.headerBytes, at: 0)
    let end = VectorPages.headerBytes - 4
    guard header.count == VectorPages.headerBytes, header[0] != 0 else { return false }
    return header.withUnsafeBytes {
      $0.loadUnaligned(fromByteOffset: end, as: UInt32.self)
        == Checksum.crc32c(UnsafeRawBufferPointer(rebasing: $0[..<end]))
    }
  }

  private func writeHeader(_ header: VectorPages.Header, to path: FilePath) throws {
    let draft = path.removingLastComponent().appending("vectors-header.draft")
    defer { try? Directory.remove(draft) }
    let fresh = try VectorPages.create(draft, header).file.read(VectorPages.headerBytes, at: 0)
    let file = try File.open(path, .write)
    try fresh.withBytes { bytes throws(StoreError) in try file.write(bytes, at: 0) }
    try file.synchronise()
  }
}
