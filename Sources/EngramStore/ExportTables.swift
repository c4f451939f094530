import Foundation
import GRDB

/// The tables of a store as lines of an export, read in one transaction.
struct ExportTables {
  let db: Database
  /// Of the file of vectors, which names the store.
  let identity: VectorPages.Header
  let call: LongCall

  typealias Body = (ExportLine) throws -> Void

  func header() throws -> ExportLine {
    ExportLine(
      .header,
      [
        "version": .int(ExportLine.version), "store": JSONValue(identity.store),
        "model": .string(identity.model), "dimension": .int(Int64(identity.dimension)),
        "metric": .string(identity.metric.rawValue),
        "head": .string(try HistoryHead(db).description),
        "horizon": JSONValue(try Horizon.change(db)),
      ])
  }

  func count(of table: String) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? 0
  }

  // MARK: In the order of the changes

  func history(_ body: Body) throws {
    var (done, total) = (0, try count(of: "history"))
    let rows = try historyRows("ORDER BY h.sequence")
    while let row = try rows.next() {
      try body(try history(row))
      done += 1
      try call.reached(done, of: total, .history)
    }
  }

  func memories(_ body: Body) throws {
    var (done, total) = (0, try count(of: "memory"))
    let statement = try db.cachedStatement(
      sql: "SELECT \(MemoryRow.columns) FROM memory ORDER BY change")
    try SQLiteRow.each(of: statement) { row in
      try body(try MemoryRow(row).exported)
      done += 1
      try call.reached(done, of: total, .memories)
    }
  }

  func vectors(_ pages: VectorPages, _ body: Body) throws {
    var done = 0
    let total =
      try Int.fetchOne(
        db, sql: "SELECT count(*) FROM vector WHERE space = ?", arguments: [identity.space]) ?? 0
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT v.change, v.slot, v.checksum, h.memory_id
        FROM vector v JOIN history h ON h.sequence = v.change WHERE v.space = ? ORDER BY v.change
        """, arguments: [identity.space])
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
      try body(ExportLine(vector, ofChange: change, checksum: checksum))
      done += 1
      try call.reached(done, of: total, .vectors)
    }
  }

  // MARK: Memory by memory

  /// All that is known of each memory that there ever was, by the bytes of its id.
  func eachMemory(_ body: (MemoryLines) throws -> Void) throws {
    var (done, total) = (0, try count(of: "history"))
    let rows = try historyRows("ORDER BY h.memory_id, h.sequence")
    var lines: MemoryLines?
    while let row = try rows.next() {
      let line = try history(row)
      let id = try line.uuid("memory")
      if let complete = lines, complete.id != id {
        try body(try withVersions(complete))
        lines = nil
      }
      lines = lines ?? MemoryLines(id: id)
      lines?.history.append(line)
      done += 1
      try call.reached(done, of: total, .memories)
    }
    if let lines { try body(try withVersions(lines)) }
  }

  private func withVersions(_ lines: MemoryLines) throws -> MemoryLines {
    var lines = lines
    // Two indexes over ids: one of current versions, one of those that have ended.
    for state in ["NOT NULL ORDER BY change", "NULL"] {
      let statement = try db.cachedStatement(
        sql: "SELECT \(MemoryRow.columns) FROM memory WHERE id = ? AND ended IS \(state)")
      statement.setUncheckedArguments([lines.id.data])
      lines.versions += try SQLiteRow.all(of: statement) { try MemoryRow($0).exported }
    }
    return lines
  }

  private func historyRows(_ order: String) throws -> RowCursor {
    try Row.fetchCursor(
      db,
      sql: """
        SELECT \(HistoryRow.columnsOfH), \(HistoryPayload.columns), h.hash, s.successor
        FROM history h LEFT JOIN history_payload p USING (sequence)
        LEFT JOIN succession s ON s.change = h.sequence \(order)
        """)
  }

  private func history(_ row: Row) throws -> ExportLine {
    let isErased = row.hasNull(atIndex: HistoryRow.columnCount)
    let payload = isErased ? nil : try HistoryPayload(row, from: HistoryRow.columnCount)
    return try HistoryRow(row).exported(
      payload, hash: try row.value(HistoryRow.columnCount + 5),
      successor: UUID(bytes: try row.value(HistoryRow.columnCount + 6)))
  }

  // MARK: What belongs to no change

  /// Keys, accesses, cut memories and episodes.
  func rest(_ body: Body) throws {
    try keys(body)
    try accesses(body)
    try cutMemories(body)
    try episodes(body)
  }

  private func keys(_ body: Body) throws {
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT key, user_id, agent_id, run_id, memory_id, change FROM insert_key
        ORDER BY key, user_id, agent_id, run_id
        """)
    while let row = try rows.next() {
      try body(
        ExportLine(
          .key,
          [
            "key": .string(try row.value(0)), "user": .string(try row.value(1)),
            "agent": .string(try row.value(2)), "run": .string(try row.value(3)),
            "memory": JSONValue(try id(row, 4)), "change": .int(try row.value(5)),
          ]))
      try call.reached(1, .memories)
    }
  }

  private func accesses(_ body: Body) throws {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT memory_id, accessed_at, count FROM memory_access ORDER BY memory_id")
    while let row = try rows.next() {
      try body(
        ExportLine(
          .access,
          [
            "memory": JSONValue(try id(row, 0)), "accessed_at": .int(try row.value(1)),
            "count": .int(try row.value(2)),
          ]))
      try call.reached(1, .memories)
    }
  }

  private func cutMemories(_ body: Body) throws {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT memory_id, user_id, agent_id, run_id FROM cut_memory ORDER BY memory_id")
    while let row = try rows.next() {
      try body(
        ExportLine(
          .cut,
          [
            "memory": JSONValue(try id(row, 0)), "user": JSONValue(try row.value(1) as String?),
            "agent": JSONValue(try row.value(2) as String?),
            "run": JSONValue(try row.value(3) as String?),
          ]))
      try call.reached(1, .memories)
    }
  }

  private func episodes(_ body: Body) throws {
    let links = try db.cachedStatement(
      sql: "SELECT memory_id FROM episode_memory WHERE episode = ? ORDER BY memory_id")
    let statement = try db.cachedStatement(
      sql: "SELECT \(EpisodeRow.columns) FROM episode ORDER BY id")
    try SQLiteRow.each(of: statement) { row in
      let episode = try EpisodeRow(row)
      let memories = try Row.fetchAll(links, arguments: [episode.id.data]).map { try id($0, 0) }
      try body(episode.exported(memories: memories))
      try call.reached(1, .memories)
    }
  }

  private func id(_ row: Row, _ column: Int) throws -> UUID {
    guard let id = UUID(bytes: try row.value(column)) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "an id is no UUID; run verify")
    }
    return id
  }
}
