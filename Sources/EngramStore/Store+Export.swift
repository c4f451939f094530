import Crypto
import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// What an export holds, as its last line says.
public struct ExportCounts: Sendable, Hashable {
  /// Changes of the history, versions of memories, vectors, keys of inserts, and memories whose
  /// accesses were counted.
  public var history = 0
  public var memories = 0
  public var vectors = 0
  public var keys = 0
  public var accesses = 0
  /// Memories of which compaction has left no version.
  public var cut = 0
  public var episodes = 0
}

extension Store {
  /// Writes all that the store holds as lines of JSON: the history with its texts and hashes, every
  /// version of every memory, their vectors. `import` makes the same store of it; `docs/export.md`
  /// specifies every line.
  ///
  /// It is of one moment, while writers and readers go on.
  ///
  /// - Parameters:
  ///   - path: where nothing is yet; the file is there only once it is whole.
  ///   - progress: told how far it has come.
  /// - Throws: `StoreError.exists`; `.damaged` where a row or a vector fails its checksum (`repair`
  ///   comes first); `.cancelled`. Nothing is left at the path then.
  @discardableResult
  public func export(
    to path: String, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> ExportCounts {
    try core.ensureOpen()
    return try await LongCall.run(progress) { [self] call in
      let path = FilePath(path)
      // Its draft's name may be that of somebody's file, which would be gone.
      for path in [path, Directory.draft(of: path)] where try Directory.kind(of: path) != .absent {
        throw StoreError.exists(path.string)
      }
      var counts = ExportCounts()
      try Directory.publish(path) { file throws(StoreError) in
        do { counts = try writeExport(to: FileStream(file.descriptor, path), call) } catch {
          throw StoreError(error)
        }
      }
      return counts
    }
  }

  /// The same to a descriptor: a pipe, standard output. What was written before a failure is there.
  @discardableResult
  public func export(
    to descriptor: FileDescriptor, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> ExportCounts {
    try core.ensureOpen()
    return try await LongCall.run(progress) { [self] call in
      let name = FilePath("descriptor \(descriptor.rawValue)")
      return try writeExport(to: FileStream(descriptor, name), call)
    }
  }

  private func writeExport(to stream: FileStream, _ call: LongCall) throws -> ExportCounts {
    try readVectors { db, pages in
      try call.watching(db) {
        var exporter = Exporter(db: db, pages: pages, stream: stream, call: call)
        try exporter.writeHeader()
        try exporter.writeHistory()
        try exporter.writeMemories()
        try exporter.writeVectors()
        try exporter.writeKeys()
        try exporter.writeAccesses()
        try exporter.writeCutMemories()
        try exporter.writeEpisodes()
        try exporter.writeEnd()
        return exporter.counts
      }
    }
  }
}

/// Writes the tables of a store in one read transaction.
private struct Exporter {
  let db: Database
  let pages: VectorPages
  var stream: FileStream
  let call: LongCall
  var counts = ExportCounts()
  /// Of all lines but the first, which names the store.
  private var hash = SHA256()

  init(db: Database, pages: VectorPages, stream: FileStream, call: LongCall) {
    self.db = db
    self.pages = pages
    self.stream = stream
    self.call = call
  }

  private mutating func write(_ line: ExportLine) throws {
    let text = try line.encoded()
    if line.kind != .header { hash.update(data: text) }
    try stream.write(text)
  }

  mutating func writeHeader() throws {
    let header = pages.header
    try write(
      ExportLine(
        .header,
        [
          "version": .int(ExportLine.version), "store": JSONValue(header.store),
          "model": .string(header.model),
          "dimension": .int(Int64(header.dimension)),
          "metric": .string(header.metric.rawValue),
          "head": .string(try HistoryHead(db).description),
          "horizon": JSONValue(try Horizon.change(db)),
        ]))
  }

  mutating func writeHistory() throws {
    let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM history") ?? 0
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT \(HistoryRow.columnsOfH), \(HistoryPayload.columns), h.hash, s.successor
        FROM history h LEFT JOIN history_payload p USING (sequence)
        LEFT JOIN succession s ON s.change = h.sequence ORDER BY h.sequence
        """)
    while let row = try rows.next() {
      let isErased = row.hasNull(atIndex: HistoryRow.columnCount)
      let payload = isErased ? nil : try HistoryPayload(row, from: HistoryRow.columnCount)
      try write(
        try HistoryRow(row).exported(
          payload, hash: try row.value(HistoryRow.columnCount + 5),
          successor: UUID(bytes: try row.value(HistoryRow.columnCount + 6))))
      counts.history += 1
      try call.reached(counts.history, of: total, .history)
    }
  }

  mutating func writeMemories() throws {
    let total = try Int.fetchOne(db, sql: "SELECT count(*) FROM memory") ?? 0
    let statement = try db.cachedStatement(
      sql: "SELECT \(MemoryRow.columns) FROM memory ORDER BY change")
    try SQLiteRow.each(of: statement) { row in
      try write(try MemoryRow(row).exported)
      counts.memories += 1
      try call.reached(counts.memories, of: total, .memories)
    }
  }

  mutating func writeVectors() throws {
    let total = try Int.fetchOne(
      db, sql: "SELECT count(*) FROM vector WHERE space = ?", arguments: [pages.header.space]) ?? 0
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT v.change, v.slot, v.checksum, h.memory_id
        FROM vector v JOIN history h ON h.sequence = v.change WHERE v.space = ? ORDER BY v.change
        """, arguments: [pages.header.space])
    while let row = try rows.next() {
      let (change, slot, checksum): (Int64, Int, Int64) = (
        try row.value(0), try row.value(1), try row.value(2)
      )
      guard let memory = UUID(bytes: try row.value(3)),
        let (header, vector) = try pages.readSlot(slot),
        header.isVector(of: memory, change: change, checksum: checksum)
      else {
        throw StoreError.damaged(
          file: pages.file.path.string,
          reason: "the vector of change \(change) fails its checksum; repair the store first")
      }
      try write(
        ExportLine(
          .vector,
          ["change": .int(change), "checksum": .int(checksum), "vector": JSONValue(vector)]))
      counts.vectors += 1
      try call.reached(counts.vectors, of: total, .vectors)
    }
  }

  mutating func writeKeys() throws {
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT key, user_id, agent_id, run_id, memory_id, change FROM insert_key
        ORDER BY key, user_id, agent_id, run_id
        """)
    while let row = try rows.next() {
      try write(
        ExportLine(
          .key,
          [
            "key": .string(try row.value(0)), "user": .string(try row.value(1)),
            "agent": .string(try row.value(2)), "run": .string(try row.value(3)),
            "memory": JSONValue(try id(row, 4)), "change": .int(try row.value(5)),
          ]))
      counts.keys += 1
      try call.reached(counts.keys, .memories)
    }
  }

  mutating func writeAccesses() throws {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT memory_id, accessed_at, count FROM memory_access ORDER BY memory_id")
    while let row = try rows.next() {
      try write(
        ExportLine(
          .access,
          [
            "memory": JSONValue(try id(row, 0)), "accessed_at": .int(try row.value(1)),
            "count": .int(try row.value(2)),
          ]))
      counts.accesses += 1
      try call.reached(counts.accesses, .memories)
    }
  }

  mutating func writeCutMemories() throws {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT memory_id, user_id, agent_id, run_id FROM cut_memory ORDER BY memory_id")
    while let row = try rows.next() {
      try write(
        ExportLine(
          .cut,
          [
            "memory": JSONValue(try id(row, 0)), "user": JSONValue(try row.value(1) as String?),
            "agent": JSONValue(try row.value(2) as String?),
            "run": JSONValue(try row.value(3) as String?),
          ]))
      counts.cut += 1
      try call.reached(counts.cut, .memories)
    }
  }

  mutating func writeEpisodes() throws {
    let links = try db.cachedStatement(
      sql: "SELECT memory_id FROM episode_memory WHERE episode = ? ORDER BY memory_id")
    let statement = try db.cachedStatement(
      sql: "SELECT \(EpisodeRow.columns) FROM episode ORDER BY id")
    try SQLiteRow.each(of: statement) { row in
      let episode = try EpisodeRow(row)
      let memories = try Row.fetchAll(links, arguments: [episode.id.data]).map { try id($0, 0) }
      try write(episode.exported(memories: memories))
      counts.episodes += 1
      try call.reached(counts.episodes, .memories)
    }
  }

  private func id(_ row: Row, _ column: Int) throws -> UUID {
    guard let id = UUID(bytes: try row.value(column)) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "an id is no UUID; run verify")
    }
    return id
  }

  mutating func writeEnd() throws {
    try write(counts.exported(sha256: Data(hash.finalize())))
    try stream.flush()
  }
}

extension ExportCounts {
  func exported(sha256: Data) -> ExportLine {
    ExportLine(
      .end,
      [
        "history": .int(Int64(history)), "memories": .int(Int64(memories)),
        "vectors": .int(Int64(vectors)), "keys": .int(Int64(keys)),
        "accesses": .int(Int64(accesses)), "cut": .int(Int64(cut)),
        "episodes": .int(Int64(episodes)), "sha256": JSONValue(sha256),
      ])
  }
}
