import EngramIndex
import Foundation
import GRDB

/// What `verify` found.
public struct VerifyReport: Sendable {
  /// One sentence for each thing that is wrong; empty where the store is sound.
  public var problems: [String] = []
  /// Current memories, versions of memories, and rows of history that were checked.
  public var memories = 0
  public var versions = 0
  public var changes = 0
  /// Vectors whose checksum was computed from the file.
  public var vectors = 0
  /// The end of the history's chain: its number, and its hash in hexadecimal.
  public var head: Int64 = 0
  public var headHash = ""

  public var isSound: Bool { problems.isEmpty }
}

extension Store {
  /// Checks the whole store: every checksum of rows and vectors, the chain of the history and its
  /// payloads, that each memory is what its history says, the full text against the rows, the
  /// graph's links, and that the index holds exactly the current memories.
  ///
  /// Writers go on meanwhile; what they commit after the start is not looked at.
  public func verify() async throws(StoreError) -> VerifyReport {
    try core.ensureOpen()
    return try await offload { [self] () throws(StoreError) in try verifyNow() }
  }

  private func verifyNow() throws(StoreError) -> VerifyReport {
    var report = VerifyReport()
    let live = try core.index.upToDate()
    let pages = core.pages
    let graphProblems = live.index.integrityProblems()
    report = try read { db in
      var verifier = Verifier(db: db, pages: pages)
      try verifier.checkDatabase()
      try verifier.checkHistory()
      try verifier.checkMemories()
      try verifier.checkInsertKeys()
      try verifier.checkIndex(live)
      return verifier.report
    }
    do {
      // FTS5 compares its index with the rows; the statement has the form of a write.
      try core.catalogue.write {
        try $0.execute(
          sql: "INSERT INTO memory_text (memory_text, rank) VALUES ('integrity-check', 1)")
      }
    } catch { report.problems.append("full text: \(StoreError(error).description)") }
    report.problems += graphProblems.map { "graph: \($0)" }
    return report
  }
}

/// Goes through a store's tables in one read transaction and collects what is wrong.
private struct Verifier {
  let db: Database
  let pages: VectorPages
  var report = VerifyReport()
  /// What history says is current: the text of each memory.
  private var current: [UUID: String?] = [:]

  init(db: Database, pages: VectorPages) {
    self.db = db
    self.pages = pages
  }

  mutating func checkDatabase() throws {
    let answers = try String.fetchAll(db, sql: "PRAGMA integrity_check(20)")
    if answers != ["ok"] { report.problems += answers.map { "database: \($0)" } }
    for violation in try Row.fetchAll(db, sql: "PRAGMA foreign_key_check") {
      report.problems.append("database: a row of \(violation[0] as String) refers to nothing")
    }
  }

  /// Each row follows the one before, and what it says is what its payload says.
  mutating func checkHistory() throws {
    var previous = HistoryRow.origin
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT \(HistoryRow.columnsOfH), \(HistoryPayload.columns), h.hash
        FROM history h LEFT JOIN history_payload p USING (sequence) ORDER BY h.sequence
        """)
    while let row = try rows.next() {
      let entry = try HistoryRow(row)
      report.changes += 1
      if entry.sequence != report.head + 1 {
        report.problems.append("history: change \(report.head + 1) is missing")
      }
      report.head = entry.sequence
      let stored: Data = try row.value(HistoryRow.columnCount + 5)
      if entry.previousHash != previous || entry.hash != stored {
        report.problems.append("history: change \(entry.sequence) breaks the chain")
      }
      previous = stored
      checkPayload(of: entry, row)
    }
    report.headHash = previous.map { String(format: "%02x", $0) }.joined()
  }

  private mutating func checkPayload(of entry: HistoryRow, _ row: Row) {
    guard row.hasNull(atIndex: HistoryRow.columnCount) == false else {
      // Erased with its memory, which leaves an ERASE behind; until then it must be there.
      report.problems.append("history: the texts of change \(entry.sequence) are missing")
      return
    }
    do {
      let payload = try HistoryPayload(row, from: HistoryRow.columnCount)
      if payload.digest != entry.payloadDigest {
        report.problems.append("history: the texts of change \(entry.sequence) were altered")
      }
      current[entry.memoryID] = entry.isDeleted ? .some(nil) : payload.newMemory
    } catch {
      report.problems.append("\(StoreError(error).description)")
    }
  }

  /// Each version's checksum, its vector, and that the current ones are what history says.
  mutating func checkMemories() throws {
    var live: [UUID: String] = [:]
    let statement = try db.cachedStatement(
      sql: """
        SELECT \(MemoryRow.columns.split(separator: " ").map { "m.\($0)" }.joined(separator: " ")),
          v.slot, v.checksum
        FROM memory m LEFT JOIN vector v ON v.change = m.vector AND v.space = ?
        ORDER BY m.change
        """)
    statement.setUncheckedArguments([CommitGroup.space])
    _ = try SQLiteRow.all(of: statement) { row in
      report.versions += 1
      do {
        let version = try MemoryRow(row)
        if version.ended == nil {
          report.memories += 1
          live[version.id] = version.text
        }
        try checkVector(of: version, slot: row.optionalInt(19), checksum: row.optionalInt(20))
      } catch {
        report.problems.append("\(StoreError(error).description)")
      }
    }
    for (id, text) in current where live[id] != text {
      report.problems.append("memory \(id) is not what its history says")
    }
    for id in live.keys where current[id] == nil {
      report.problems.append("memory \(id) has no history")
    }
  }

  /// Each key of an insert names a memory that was added, in its scope.
  mutating func checkInsertKeys() throws {
    let wrong = try String.fetchAll(
      db,
      sql: """
        SELECT k.key FROM insert_key k
        LEFT JOIN history h ON h.sequence = k.change LEFT JOIN memory m ON m.change = k.change
        WHERE h.event IS NOT 'ADD' OR h.memory_id IS NOT k.memory_id
          OR m.change IS NOT NULL AND (
            ifnull(m.user_id, '') <> k.user_id OR ifnull(m.agent_id, '') <> k.agent_id
            OR ifnull(m.run_id, '') <> k.run_id)
        """)
    report.problems += wrong.map { "the key \($0) names a memory that did not come with it" }
  }

  private mutating func checkVector(of row: MemoryRow, slot: Int64?, checksum: Int64?) throws {
    guard let slot, let checksum else {
      report.problems.append("memory \(row.id), change \(row.change), has no vector")
      return
    }
    report.vectors += 1
    guard let (header, _) = try pages.readSlot(Int(slot)) else {
      report.problems.append("the vector of memory \(row.id) in slot \(slot) fails its checksum")
      return
    }
    if header.memory != row.id || header.change != row.vector || Int64(header.vectorChecksum) != checksum
    {
      report.problems.append("slot \(slot) holds another vector than that of memory \(row.id)")
    }
  }

  /// Where the index covers the same change, its live rows are the current memories.
  mutating func checkIndex(_ live: LiveIndex) throws {
    let (indexed, covered) = live.withState { rows, covered in
      let current = (0..<rows).lazy.filter(live.index.isLive).map(live.table.change)
      return (Set(current), covered)
    }
    guard covered == report.head else { return }
    let expected = try Int64.fetchSet(
      db,
      sql: """
        SELECT change FROM memory
        WHERE ended IS NULL AND (expires_at IS NULL OR expires_at > ?)
        """, arguments: [Timestamp.now])
    for change in expected.subtracting(indexed) {
      report.problems.append("index: change \(change) is missing")
    }
    let ended = indexed.subtracting(expected)
    guard !ended.isEmpty else { return }
    // One that expired since the last search is still there.
    for change in ended {
      let row = try MemoryRow.version(change, db)
      if row?.ended != nil || row?.expiresAt == nil {
        report.problems.append("index: change \(change) is no current memory")
      }
    }
  }
}
