import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// How much of a store `verify` looks at.
public enum VerifyDepth: String, Sendable, CaseIterable {
  /// Milliseconds, a moment where there are millions: that tables, indexes and triggers are all
  /// there, that header and length of the vectors' file are as the catalogue says, that no number is
  /// missing in the history, that its last change hangs on the one before, and the vectors of the
  /// last group. What was damaged or edited elsewhere it does not see.
  case quick
  /// All of it: every row, every hash, every vector, the full text, the graph.
  case full
}

/// What `verify` found.
public struct VerifyReport: Sendable {
  public var depth: VerifyDepth
  /// One sentence for each thing that is wrong; empty where the store is sound.
  public var problems: [String] = []
  /// Current memories whose vector repair found lost: searches cannot find them until they are
  /// updated with a new one. Each of them is one of the problems.
  public var lostVectors: [UUID] = []
  /// Versions of the past whose vector repair found lost; no problem of today's store.
  public var pastVectorsLost = 0
  /// Current memories, versions of memories, and rows of history that were checked.
  public var memories = 0
  public var versions = 0
  public var changes = 0
  /// Vectors whose checksum was computed from the file.
  public var vectors = 0
  /// The end of the history's chain.
  public var head = HistoryHead()

  public var isSound: Bool { problems.isEmpty }
}

extension Store {
  /// Checks the store: with `.full` every checksum of rows and vectors, the chain of the history and
  /// its payloads, that each memory is what its history says, the full text against the rows, the
  /// graph's links, and that the index holds exactly the current memories.
  ///
  /// Writers go on meanwhile, but for the check of the full text, which has them wait; what they
  /// commit after the start is not looked at.
  ///
  /// - Parameters:
  ///   - head: the end of the chain as an earlier report had it, kept where nobody who can write to
  ///     the store can write. In either depth the chain is walked from there to its end, so that a
  ///     tail that was cut off shows, and a chain that was written anew. Only `.full` also reads what
  ///     came before.
  ///   - progress: told how far it has come.
  /// - Throws: `StoreError.cancelled` where the task is cancelled; an error of reading. What is wrong
  ///   with the store is in the report.
  public func verify(
    _ depth: VerifyDepth = .full, since head: HistoryHead? = nil,
    progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> VerifyReport {
    try core.ensureOpen()
    return try await LongCall.run(progress) { [self] call in
      try verify(depth, since: head, call)
    }
  }

  /// The same on the thread of a call that has begun.
  func verify(
    _ depth: VerifyDepth, since head: HistoryHead?, _ call: LongCall
  ) throws -> VerifyReport {
    try call.reached(0, .index)
    let live = try core.index.upToDate()
    let graphProblems = depth == .full ? live.index.integrityProblems() : []
    var report = try readVectors { db, pages in
      try call.watching(db) {
        var verifier = Verifier(
          db: db, pages: pages, catalogue: core.catalogue, depth: depth, call: call)
        try verifier.checkSchema()
        try verifier.checkPages()
        try verifier.checkOtherSpaces(in: core.directory)
        switch depth {
        case .quick:
          try verifier.checkNumbers()
          try verifier.checkHistory(from: head, orLast: true)
          try verifier.checkLastGroup()
        case .full:
          try verifier.checkDatabase()
          try verifier.checkHistory(from: head, orLast: false)
          try verifier.checkMemories()
          try verifier.checkInsertKeys()
          try verifier.checkSuccessions()
          try verifier.checkEpisodes()
          try verifier.checkIndex(live)
        }
        return verifier.report
      }
    }
    if depth == .full {
      if let problem = try fullTextProblem(call) { report.problems.append(problem) }
    }
    report.problems += graphProblems.map { "graph: \($0)" }
    return report
  }

  /// FTS5 compares its index with the rows. The statement has the form of a write, so that it is
  /// made where commits are: others wait for the lock rather than for SQLite, which gives up.
  private func fullTextProblem(_ call: LongCall) throws -> String? {
    try call.reached(0, .fullText)
    // A lock of its own: the one of the commits is theirs as long as they hold it.
    let lock = try WriterLock(core.directory)
    try lock.lock()
    defer { try? lock.unlock() }
    do {
      try core.catalogue.write { db in
        try call.watching(db) {
          try db.execute(
            sql: "INSERT INTO memory_text (memory_text, rank) VALUES ('integrity-check', 1)")
        }
      }
      return nil
    } catch {
      try call.reached(0, .fullText)
      return "full text: \(StoreError(error).description)"
    }
  }
}

/// Goes through a store's tables in one read transaction and collects what is wrong.
private struct Verifier {
  let db: Database
  let pages: VectorPages
  let catalogue: Catalogue
  let call: LongCall
  var report: VerifyReport
  /// What history says is current: the text of each memory.
  private var current: [UUID: String?] = [:]
  private var erased: [UUID: Int64] = [:]

  init(
    db: Database, pages: VectorPages, catalogue: Catalogue, depth: VerifyDepth, call: LongCall
  ) {
    self.db = db
    self.pages = pages
    self.catalogue = catalogue
    self.call = call
    report = VerifyReport(depth: depth)
  }

  // MARK: The whole

  mutating func checkSchema() throws {
    report.problems += try Schema.missing(db).map {
      "database: the \($0.kind) \($0.name) is missing"
    }
  }

  /// The vectors' file as it is on disk now.
  mutating func checkPages() throws {
    let slots = try Catalogue.slotCount(db, space: pages.header.space)
    do throws(StoreError) {
      if slots > (try VectorPages.open(pages.file.path, expecting: pages.header).capacity()) {
        report.problems.append("vectors: the file is shorter than the catalogue says")
      }
    } catch {
      // Compaction may have put another one in its place since the transaction began.
      guard try catalogue.read(pages.isCurrent) else { return }
      report.problems.append("vectors: \(error.description)")
    }
  }

  /// The vectors of a model that a reembed comes from or goes to: those that are there are whole.
  mutating func checkOtherSpaces(in directory: FilePath) throws {
    for header in try VectorPages.Header.stored(in: db).others {
      let slots = try Catalogue.slotCount(db, space: header.space)
      guard slots > 0 else { continue }
      do throws(StoreError) {
        let other = try VectorPages.open(directory.appending(header.fileName), expecting: header)
        if slots > (try other.capacity()) {
          report.problems.append("vectors of \(header.model): the file is shorter than the catalogue says")
        }
        if report.depth == .full { try checkVectors(in: other) }
      } catch {
        // Somebody may have done away with it since the transaction began.
        let others: [VectorSpace]
        do { others = try catalogue.read(VectorSpace.others) } catch { throw StoreError(error) }
        guard others.contains(where: { $0.id == header.space }) else { continue }
        if case .cancelled = error { throw error }
        report.problems.append("vectors of \(header.model): \(error.description)")
      }
    }
  }

  private mutating func checkVectors(in other: VectorPages) throws(StoreError) {
    do {
      try other.eachVector(db) { change, slot, isWhole in
        report.vectors += 1
        try call.reached(report.vectors, .vectors)
        if isWhole { return }
        report.problems.append(
          "vectors of \(other.header.model): that of change \(change) in slot \(slot) fails its checksum")
      }
    } catch { throw StoreError(error) }
  }

  mutating func checkDatabase() throws {
    try call.reached(0, .catalogue)
    let answers = try String.fetchAll(db, sql: "PRAGMA integrity_check(20)")
    if answers != ["ok"] { report.problems += answers.map { "database: \($0)" } }
    for violation in try Row.fetchAll(db, sql: "PRAGMA foreign_key_check") {
      let table: String = try violation.value(0)
      report.problems.append("database: a row of \(table) refers to nothing")
    }
  }

  // MARK: History

  /// Changes are numbered without gaps.
  mutating func checkNumbers() throws {
    let (count, first, last) = try Self.numbers(db)
    if count > 0, first != 1 || last != Int64(count) {
      report.problems.append("history: \(count) changes are numbered \(first) to \(last)")
    }
  }

  private static func numbers(_ db: Database) throws -> (count: Int, first: Int64, last: Int64) {
    (
      try Int.fetchOne(db, sql: "SELECT count(*) FROM history") ?? 0,
      try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM history") ?? 0,
      try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM history") ?? 0
    )
  }

  /// Each row follows the one before, and what it says is what its payload says.
  ///
  /// - Parameters:
  ///   - head: one that must be in the chain.
  ///   - last: whether to begin with that one, or else with the last, rather than with the first.
  mutating func checkHistory(from head: HistoryHead?, orLast last: Bool) throws {
    let (count, _, end) = try Self.numbers(db)
    var expected = last ? max(1, min(head?.sequence ?? end, end)) : 1
    try readErasures(from: expected)
    var previous = try HistoryRow.hash(of: expected - 1, db)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT \(HistoryRow.columnsOfH), \(HistoryPayload.columns), h.hash
        FROM history h LEFT JOIN history_payload p USING (sequence)
        WHERE h.sequence >= ? ORDER BY h.sequence
        """, arguments: [expected])
    while let row = try rows.next() {
      let entry = try HistoryRow(row)
      report.changes += 1
      try call.reached(report.changes, of: last ? 0 : count, .history)
      if entry.sequence != expected {
        report.problems.append("history: change \(expected) is missing")
      }
      expected = entry.sequence + 1
      let stored: Data = try row.value(HistoryRow.columnCount + 5)
      if entry.previousHash != previous || entry.hash != stored {
        report.problems.append("history: change \(entry.sequence) breaks the chain")
      }
      if let head, head.sequence == entry.sequence, head.hash != entry.hash {
        report.problems.append(
          "history: change \(entry.sequence) is not the saved head: the chain was rewritten")
      }
      previous = stored
      report.head.sequence = entry.sequence
      report.head.hash = stored
      checkPayload(of: entry, row)
    }
    guard let head else { return }
    if head.sequence > end {
      report.problems.append(
        "history: it ends with change \(end), before the saved head \(head.sequence): it was cut off")
    }
    if head.sequence == 0, head != HistoryHead() {
      report.problems.append("history: the saved head is none of a chain's beginning")
    }
  }

  /// The last ERASE of each memory that has one from a change on: what came before it has no texts.
  private mutating func readErasures(from change: Int64) throws {
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT memory_id, max(sequence) FROM history
        WHERE sequence >= ? AND event = 'ERASE' GROUP BY memory_id
        """, arguments: [change])
    while let row = try rows.next() {
      if let id = UUID(bytes: try row.value(0)) { erased[id] = try row.value(1) }
    }
    if try Erasure.isUnfinished(db) {
      report.problems.append("an erasure is not finished; the next opening goes on with it")
    }
  }

  private mutating func checkPayload(of entry: HistoryRow, _ row: Row) {
    let isErasure = entry.event == HistoryEntry.Event.erase.rawValue
    let isErased = !isErasure && (erased[entry.memoryID] ?? 0) > entry.sequence
    let isMissing = row.hasNull(atIndex: HistoryRow.columnCount)
    if entry.isDeleted { current[entry.memoryID] = .some(nil) }
    guard !isMissing, !isErased else {
      if isMissing != isErased {
        report.problems.append(
          "history: the texts of change \(entry.sequence) are "
            + (isMissing ? "missing" : "there, though they were erased"))
      }
      return
    }
    do {
      let payload = try HistoryPayload(row, from: HistoryRow.columnCount)
      if payload.digest != entry.payloadDigest {
        report.problems.append("history: the texts of change \(entry.sequence) were altered")
      }
      if !entry.isDeleted { current[entry.memoryID] = payload.newMemory }
    } catch {
      report.problems.append("\(StoreError(error).description)")
    }
  }

  // MARK: Memories

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
    statement.setUncheckedArguments([pages.header.space])
    let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM memory") ?? 0
    try SQLiteRow.each(of: statement) { row in
      report.versions += 1
      try call.reached(report.versions, of: count, .memories)
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

  /// Each succession is of a memory that its change ended.
  mutating func checkSuccessions() throws {
    let wrong = try Int64.fetchAll(
      db,
      sql: """
        SELECT s.change FROM succession s LEFT JOIN history h ON h.sequence = s.change
        WHERE h.event IS NOT 'SUPERSEDE' OR h.memory_id IS NOT s.memory_id
        """)
    report.problems += wrong.map { "change \($0) superseded no memory, but names its successor" }
  }

  /// Each episode's checksum.
  mutating func checkEpisodes() throws {
    let statement = try db.cachedStatement(sql: "SELECT \(EpisodeRow.columns) FROM episode")
    try SQLiteRow.each(of: statement) { row in
      do throws(StoreError) { _ = try EpisodeRow(row) } catch {
        report.problems.append(error.description)
      }
    }
  }

  private mutating func checkVector(of row: MemoryRow, slot: Int64?, checksum: Int64?) throws {
    guard let slot, let checksum else {
      guard row.ended == nil else {
        report.pastVectorsLost += 1
        return
      }
      report.lostVectors.append(row.id)
      report.problems.append(
        "memory \(row.id), change \(row.change), has no vector; update it with a new one")
      return
    }
    try checkVector(of: row.id, change: row.vector, slot: slot, checksum: checksum)
  }

  private mutating func checkVector(
    of memory: UUID, change: Int64, slot: Int64, checksum: Int64
  ) throws {
    report.vectors += 1
    guard let (header, _) = try pages.readSlot(Int(slot)) else {
      report.problems.append("the vector of memory \(memory) in slot \(slot) fails its checksum")
      return
    }
    guard header.isVector(of: memory, change: change, checksum: checksum) else {
      report.problems.append("slot \(slot) holds another vector than that of memory \(memory)")
      return
    }
  }

  /// The vectors that were written with the last one.
  mutating func checkLastGroup() throws {
    let columns = """
      SELECT v.change, v.slot, v.checksum, h.memory_id
      FROM vector v LEFT JOIN history h ON h.sequence = v.change WHERE v.space = ?
      """
    let last = try Row.fetchOne(
      db, sql: columns + " ORDER BY v.slot DESC LIMIT 1", arguments: [pages.header.space])
    guard let last else { return }
    let group = try pages.readSlot(try last.value(1))?.header.group ?? last.value(0)
    let rows = try Row.fetchCursor(
      db, sql: columns + " AND v.change >= ?", arguments: [pages.header.space, group])
    while let row = try rows.next() {
      guard let memory = UUID(bytes: try row.value(3) as Data?) else {
        report.problems.append("vectors: change \(try row.value(0) as Int64) has no history")
        continue
      }
      try checkVector(
        of: memory, change: row.value(0), slot: row.value(1), checksum: row.value(2))
    }
  }

  // MARK: Index

  /// Where the index covers the same change, its live rows are the current memories.
  mutating func checkIndex(_ live: LiveIndex) throws {
    let (indexed, covered) = live.withState { rows, covered in
      let current = (0..<rows).lazy.filter(live.index.isLive).map(live.table.change)
      return (Set(current), covered)
    }
    guard covered == report.head.sequence else { return }
    let expected = try Int64.fetchSet(
      db,
      sql: """
        SELECT m.change FROM memory m JOIN vector v ON v.change = m.vector AND v.space = ?
        WHERE m.ended IS NULL AND (m.expires_at IS NULL OR m.expires_at > ?)
        """, arguments: [live.pages.header.space, Timestamp.now])
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

extension VectorPages.SlotHeader {
  /// Whether this is the slot that a row of the catalogue means.
  func isVector(of memory: UUID, change: Int64, checksum: Int64) -> Bool {
    self.memory == memory && self.change == change && Int64(vectorChecksum) == checksum
  }
}
