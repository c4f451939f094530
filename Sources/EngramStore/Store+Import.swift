import Crypto
import EngramIndex
import Foundation
import GRDB
import SystemPackage

extension Store {
  /// Makes a store of an export, in a new directory: the same ids, versions, vectors and history, down
  /// to the hashes of the chain. The store has an identity of its own, so that its files are not
  /// taken for those of the other.
  ///
  /// Every line's checksum, every hash of the chain and every vector is recomputed, and the store is
  /// verified as a whole at the end.
  ///
  /// - Parameters:
  ///   - file: what `export` wrote.
  ///   - path: where nothing is yet; directories above it are made.
  ///   - progress: told how far it has come.
  /// - Returns: what a full `verify` of the store found. Memories whose vector the exported store had
  ///   lost already are all that can be wrong.
  /// - Throws: `StoreError.badExport` with the line where the file was cut off or altered; `.exists`;
  ///   `.cancelled`. Nothing is left at the path then.
  @discardableResult
  public static func `import`(
    from file: String, to path: String, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> VerifyReport {
    try await LongCall.run(progress) { call in
      var importer = try Importer(ExportFile(FilePath(file)), identity: nil, call)
      return try importer.publish(at: FilePath(path))
    }
  }

  /// Makes a store of the lines of an export that come from elsewhere, with the identity that the first
  /// line names.
  package static func `import`(
    _ lines: some ExportSource & Sendable, to path: String, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> VerifyReport {
    try await LongCall.run(progress) { call in
      var lines = lines
      let identity = try lines.header { header throws(ExportLine.Refusal) in try header.uuid("store") }
      var importer = try Importer(lines, identity: identity, call)
      return try importer.publish(at: FilePath(path))
    }
  }
}

/// Where the lines of an export come from.
package protocol ExportSource {
  /// The line that names the store; it can be asked for any number of times.
  mutating func header() throws(StoreError) -> ExportLine
  /// The next line behind the header; nil at the end, which has been found to be whole.
  mutating func next() throws(StoreError) -> ExportLine?
  /// What is wrong with the line that came last.
  func refused(_ reason: String) -> StoreError
}

extension ExportSource {
  /// Something of the header, which is refused where that is missing.
  fileprivate mutating func header<Value>(
    _ body: (ExportLine) throws(ExportLine.Refusal) -> Value
  ) throws(StoreError) -> Value {
    let line = try header()
    do throws(ExportLine.Refusal) { return try body(line) } catch { throw refused(error.reason) }
  }
}

/// The lines of a file that `export` wrote.
private struct ExportFile: ExportSource {
  private let path: FilePath
  private var lines: FileLines
  private var number = 1
  private let first: ExportLine
  private var hash = SHA256()
  private var counts = ExportCounts()

  /// Reads the first line.
  init(_ path: FilePath) throws(StoreError) {
    self.path = path
    lines = FileLines(try File.open(path, .read))
    func refused(_ reason: String) -> StoreError {
      .badExport(file: path.string, line: 1, reason: reason)
    }
    guard let text = try lines.next() else { throw refused("it is no export") }
    do throws(ExportLine.Refusal) { first = try ExportLine(text) } catch { throw refused(error.reason) }
  }

  func refused(_ reason: String) -> StoreError {
    .badExport(file: path.string, line: number, reason: reason)
  }

  func header() -> ExportLine { first }

  mutating func next() throws(StoreError) -> ExportLine? {
    number += 1
    guard let text = try lines.next() else {
      throw refused(lines.isCutOff ? "it has no end" : "the last line is missing")
    }
    let line: ExportLine
    do throws(ExportLine.Refusal) { line = try ExportLine(text) } catch { throw refused(error.reason) }
    if line.kind == .end {
      try finish(line)
      return nil
    }
    hash.update(data: text)
    hash.update(data: [UInt8(ascii: "\n")])
    counts.count(line.kind)
    return line
  }

  private mutating func finish(_ end: ExportLine) throws(StoreError) {
    // Exports before format 4 knew of no episodes.
    var end = end
    if counts.episodes == 0 { end.members["episodes"] = end.members["episodes"] ?? .int(0) }
    guard end.members == counts.exported(sha256: Data(hash.finalize())).members else {
      throw refused("lines before it are missing, or are others")
    }
    number += 1
    guard try lines.next() == nil, !lines.isCutOff else { throw refused("something follows the end") }
  }
}

/// Reads an export line by line into the tables of a new store.
private struct Importer<Source: ExportSource> {
  private let call: LongCall
  private var source: Source
  private let identity: UUID?
  private var done = 0

  private let configuration: StoreConfiguration
  /// Refuses what no store would take.
  private let index: HNSWIndex
  private let announced: HistoryHead
  private let horizon: Int64?
  private var head = HistoryHead()
  private var slots: [UInt8] = []
  private var slotCount = 0

  /// - Parameter identity: that of the store; nil for a new one.
  init(_ source: Source, identity: UUID?, _ call: LongCall) throws(StoreError) {
    self.source = source
    self.identity = identity
    self.call = call
    let found = try self.source.header { line throws(ExportLine.Refusal) in
      guard line.kind == .header else { throw .init("it is no export") }
      let version = try line.int("version")
      guard version == ExportLine.version else {
        throw .init("it has version \(version), this Engram reads 1")
      }
      guard let metric = Metric(rawValue: try line.text("metric")),
        let head = HistoryHead(try line.text("head")),
        let dimension = Int(exactly: try line.int("dimension"))
      else { throw .init("its metric, its dimension or its head is none") }
      let (model, horizon) = (try line.text("model"), try line.optionalInt("horizon"))
      do throws(IndexError) {
        let index = try HNSWIndex(dimension: dimension, metric: metric)
        return (index, metric, dimension, model, head, horizon)
      } catch { throw .init(error.description) }
    }
    (index, announced, horizon) = (found.0, found.4, found.5)
    configuration = StoreConfiguration(dimension: found.2, metric: found.1, model: found.3)
  }

  /// Makes the store, proves it, and puts it in its place.
  mutating func publish(at path: FilePath) throws -> VerifyReport {
    try Directory.publishDirectory(path) { directory in
      try make(directory)
      let report = try Store.prove(directory, call)
      guard report.problems.count == report.lostVectors.count else {
        throw source.refused("what it says contradicts itself: \(report.problems[0])")
      }
      return report
    }
  }

  private mutating func make(_ directory: FilePath) throws {
    // Opening makes tables, header and identity.
    let core = try StoreCore(
      path: directory.string, configuration: configuration, identity: identity)
    let (path, header) = (core.index.pages.file.path, core.index.pages.header)
    try core.close()

    let pages = try VectorPages.open(path, expecting: header)
    let catalogue = try Catalogue(
      directory.appending(Catalogue.fileName), durability: .full)
    defer { try? catalogue.close() }
    try catalogue.write { db in
      try call.watching(db) {
        try db.inTransaction(.immediate) {
          try readLines(into: db, pages)
          if let horizon { try Horizon.raise(to: horizon, db) }
          try writeSlots(to: pages)
          try pages.fillLastPage(slots: slotCount)
          try pages.file.synchronise()
          return .commit
        }
      }
    }
  }

  private mutating func readLines(into db: Database, _ pages: VectorPages) throws {
    while let line = try source.next() {
      done += 1
      try call.reached(done, .memories)
      do { try add(line, db, pages) } catch let error as ExportLine.Refusal {
        throw source.refused(error.reason)
      } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
        throw source.refused("it contradicts another line: \(error.message ?? "")")
      }
    }
    guard head == announced else {
      throw source.refused("the history does not end where the first line says")
    }
  }

  private mutating func add(_ line: ExportLine, _ db: Database, _ pages: VectorPages) throws {
    switch line.kind {
    case .history: try addHistory(line, db)
    case .memory: try addMemory(line, db)
    case .vector: try addVector(line, db, pages)
    case .key: try addKey(line, db)
    case .access: try addAccess(line, db)
    case .cut: try addCutMemory(line, db)
    case .episode: try addEpisode(line, db)
    case .header, .end: throw ExportLine.Refusal("it is no place for such a line")
    }
  }

  private mutating func addHistory(_ line: ExportLine, _ db: Database) throws {
    let row = try HistoryRow(exported: line)
    guard row.sequence == head.sequence + 1, row.previousHash == head.hash else {
      throw ExportLine.Refusal("it does not follow the change before it")
    }
    head.sequence = row.sequence
    head.hash = row.hash
    try row.insert(hash: head.hash, db)
    try HistoryPayload.of(line, row)?.insert(db)
    if line.members["successor"] != nil {
      try Succession(
        change: row.sequence, memory: row.memoryID, successor: try line.uuid("successor")
      ).insert(db)
    }
  }

  private mutating func addMemory(_ line: ExportLine, _ db: Database) throws {
    var row = try MemoryRow(exported: line)
    let ended = row.ended
    row.ended = nil
    try row.insert(db)
    if let ended { try row.end(by: ended, db) }
  }

  private mutating func addVector(
    _ line: ExportLine, _ db: Database, _ pages: VectorPages
  ) throws {
    let change = try line.int("change")
    let vector = try line.floats("vector")
    let checksum = VectorPages.vectorChecksum(vector)
    guard Int64(checksum) == (try line.int("checksum")) else {
      throw ExportLine.Refusal("the vector fails its checksum")
    }
    do throws(IndexError) { try index.validate(vector) } catch {
      throw ExportLine.Refusal(error.description)
    }
    let memory = try Data.fetchOne(
      try db.cachedStatement(sql: "SELECT memory_id FROM history WHERE sequence = ?"),
      arguments: [change])
    guard let memory = UUID(bytes: memory) else {
      throw ExportLine.Refusal("the history has no change \(change)")
    }
    let statement = try db.cachedStatement(
      sql: "INSERT INTO vector (change, space, slot, checksum) VALUES (?, ?, ?, ?)")
    statement.setUncheckedArguments([change, pages.header.space, slotCount, Int64(checksum)])
    try statement.execute()
    pages.encodeSlot(
      VectorPages.SlotHeader(
        slot: UInt64(slotCount), change: change, group: change, memory: memory,
        vectorChecksum: checksum), vector, into: &slots)
    slotCount += 1
    if slots.count >= File.chunk { try writeSlots(to: pages) }
  }

  private mutating func writeSlots(to pages: VectorPages) throws {
    try pages.writeSlots(slots, from: slotCount - slots.count / pages.slotBytes)
    slots.removeAll(keepingCapacity: true)
  }

  private mutating func addKey(_ line: ExportLine, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO insert_key (key, user_id, agent_id, run_id, memory_id, change)
        VALUES (?, ?, ?, ?, ?, ?)
        """)
    statement.setUncheckedArguments([
      try line.text("key"), try line.text("user"), try line.text("agent"), try line.text("run"),
      try line.uuid("memory").data, try line.int("change"),
    ])
    try statement.execute()
  }

  private mutating func addAccess(_ line: ExportLine, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO memory_access (memory_id, accessed_at, count) VALUES (?, ?, ?)")
    statement.setUncheckedArguments([
      try line.uuid("memory").data, try line.int("accessed_at"), try line.int("count"),
    ])
    try statement.execute()
  }

  private mutating func addCutMemory(_ line: ExportLine, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO cut_memory (memory_id, user_id, agent_id, run_id) VALUES (?, ?, ?, ?)")
    statement.setUncheckedArguments([
      try line.uuid("memory").data, try line.optionalText("user"), try line.optionalText("agent"),
      try line.optionalText("run"),
    ])
    try statement.execute()
  }

  private mutating func addEpisode(_ line: ExportLine, _ db: Database) throws {
    let episode = try EpisodeRow(exported: line)
    try episode.insert(db)
    for memory in try line.uuids("memories") { try EpisodeRow.link(episode.id, to: memory, db) }
  }
}
