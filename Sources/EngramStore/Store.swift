import EngramIndex
import Foundation
import GRDB

/// Memories with their vectors, kept durably in one directory and found by similarity.
///
/// ```swift
/// let store = try Store(path: "memories", configuration: StoreConfiguration(dimension: 384))
/// try await store.insert(NewMemory(text: "Likes tea", vector: v, scope: Scope(user: "u1")))
/// let found = try store.search(v, k: 10, scope: Scope(user: "u1"))
/// try await store.close()
/// ```
///
/// Writes wait until they are as durable as the configuration asks and throw `StoreError` where they
/// are refused. One whose task is cancelled while it waits is not written, and throws
/// `StoreError.cancelled`; once it is being written its outcome is returned. Reads never wait for a
/// commit. Any number of processes may have a store open and write to it; each sees at its next call
/// what the others have committed.
public final class Store: Sendable {
  let core: StoreCore

  /// Opens the store in a directory, making it where there is none.
  ///
  /// Opening is also recovery: after a crash nothing that was acknowledged is missing, and what was
  /// not acknowledged is there as a whole or not at all.
  ///
  /// - Parameter path: a directory; created where it is missing.
  /// - Throws: `StoreError` where the path is not usable, or the store was made with another
  ///   dimension, metric or model, has a newer format, or is damaged.
  public init(path: String, configuration: StoreConfiguration) throws(StoreError) {
    do { core = try StoreCore(path: path, configuration: configuration) } catch {
      throw StoreError(error)
    }
  }

  deinit {
    // Whoever forgets to close loses nothing; the threads must end somewhere that may wait.
    guard core.isOpen else { return }
    let core = core
    Thread { try? core.close() }.start()
  }

  /// The model whose vectors calls bring that name none: the one that the store was opened with, and the
  /// new one once `reembed` of this object has moved to it. Where the store's vectors are of another one,
  /// because somebody else has, such calls are refused.
  public var model: EmbeddingModel { core.model }

  // MARK: Writing

  /// Adds a memory.
  ///
  /// - Parameter model: that made its vector; nil for ``model``.
  /// - Returns: its id.
  @discardableResult
  public func insert(_ memory: NewMemory, model: String? = nil) async throws(StoreError) -> UUID {
    try await insert([memory], model: model)[0]
  }

  /// Adds memories: all of them, or none where one is refused. Those whose key has come before are
  /// there already.
  ///
  /// - Parameter model: that made their vectors; nil for ``model``.
  /// - Returns: their ids, in their order.
  /// - Throws: `StoreError.mismatch` where the store's vectors are of another model by now.
  @discardableResult
  public func insert(
    _ memories: [NewMemory], model: String? = nil
  ) async throws(StoreError) -> [UUID] {
    try core.ensureOpen()
    guard !memories.isEmpty else { return [] }
    var prepared: [PreparedMemory] = []
    prepared.reserveCapacity(memories.count)
    let live = try core.live(of: model)
    for memory in memories { prepared.append(try PreparedMemory(memory, in: live)) }
    return try await submit(.insert(prepared))
  }

  /// Changes a memory's text, vector, metadata, categories, importance or expiry; what it was before
  /// stays in its history.
  ///
  /// - Parameter model: that made the vector, if there is one; nil for ``model``.
  public func update(
    _ id: UUID, _ update: MemoryUpdate, model: String? = nil
  ) async throws(StoreError) {
    try core.ensureOpen()
    let live = update.vector == nil ? core.index.live : try core.live(of: model)
    try await submit(.update(id, try PreparedUpdate(update, in: live)))
  }

  /// Removes a memory from searches and lists; its history stays.
  public func delete(_ id: UUID) async throws(StoreError) { try await delete([id]) }

  /// Removes memories: all of them, or none where one is unknown.
  public func delete(_ ids: [UUID]) async throws(StoreError) {
    try core.ensureOpen()
    guard !ids.isEmpty else { return }
    try await submit(.delete(ids))
  }

  /// Removes all memories of a scope, the expired ones, too, a thousand at a time.
  ///
  /// - Returns: how many they were.
  @discardableResult
  public func deleteAll(scope: Scope) async throws(StoreError) -> Int {
    var deleted = 0
    while true {
      let page = try list(scope: scope, limit: StoreLimits.page.upperBound, includeExpired: true)
      if page.memories.isEmpty { return deleted }
      do {
        try await delete(page.memories.map(\.id))
        deleted += page.memories.count
      } catch .unknownMemory {
        // Somebody else has deleted one of them since: what is left is asked for again.
      } catch { throw error }
    }
  }

  @discardableResult
  func submit(_ request: WriteRequest) async throws(StoreError) -> [UUID] {
    let begin = MonotonicTime.now
    do throws(StoreError) {
      let ids = try await core.queue.submit(request)
      core.figures.wrote(request, since: begin)
      return ids
    } catch {
      core.figures.writeFailed(error)
      throw error
    }
  }

  // MARK: Reading

  /// The current version of a memory.
  ///
  /// - Throws: `StoreError.unknownMemory` where there is none.
  public func get(_ id: UUID) throws(StoreError) -> Memory {
    try read { db in
      guard let row = try MemoryRow.current(id, db) else { throw StoreError.unknownMemory(id) }
      return row.memory
    }
  }

  /// The vector of a memory, as it was given, or as the last `reembed` had it made.
  ///
  /// - Throws: `StoreError.damaged` where it is lost; the memory's text and history are still there.
  public func vector(of id: UUID) throws(StoreError) -> [Float] {
    try readVectors { db, pages in
      let place = try Row.fetchOne(
        db,
        sql: """
          SELECT v.slot, m.vector
          FROM memory m LEFT JOIN vector v ON v.change = m.vector AND v.space = ?
          WHERE m.id = ? AND m.ended IS NULL
          """, arguments: [pages.header.space, id.data])
      guard let place else { throw StoreError.unknownMemory(id) }
      guard let slot = try place.value(0) as Int?, let (header, vector) = try pages.readSlot(slot),
        header.memory == id, header.change == (try place.value(1))
      else {
        throw StoreError.damaged(
          file: pages.file.path.string,
          reason: "the vector of memory \(id) is lost or fails its checksum")
      }
      return vector
    }
  }

  /// What happened to a memory, oldest first; also of one that was deleted, and, without texts, of one
  /// that was erased.
  ///
  /// - Throws: `StoreError.unknownMemory` where there never was one.
  public func history(of id: UUID) throws(StoreError) -> [HistoryEntry] {
    let entries = try read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT \(HistoryRow.columnsOfH), \(HistoryPayload.columns), s.successor
          FROM history h LEFT JOIN history_payload p USING (sequence)
          LEFT JOIN succession s ON s.change = h.sequence
          WHERE h.memory_id = ? ORDER BY h.sequence
          """)
      return try Row.fetchAll(statement, arguments: [id.data]).compactMap(HistoryEntry.init)
    }
    guard !entries.isEmpty else { throw .unknownMemory(id) }
    return entries
  }

  /// A page of the memories of a scope in the order of their latest change.
  ///
  /// - Parameters:
  ///   - after: the cursor of the page before; nil for the first page. A memory that changes while
  ///     one pages comes again, none is left out.
  ///   - filter: a condition on the metadata.
  ///   - limit: 1...1,000.
  ///   - includeExpired: whether memories whose time is over are listed.
  public func list(
    scope: Scope = .all, filter: Filter? = nil, after cursor: String? = nil, limit: Int = 100,
    includeExpired: Bool = false
  ) throws(StoreError) -> Page {
    guard StoreLimits.page.contains(limit) else {
      throw .invalid(field: "limit", reason: "it must lie in \(StoreLimits.page)")
    }
    var start: Int64 = 0
    if let cursor {
      guard let change = Int64(cursor, radix: 36), change >= 0 else { throw .badCursor(cursor) }
      start = change
    }
    var conditions = ["ended IS NULL", "change > ?"]
    var arguments: [(any DatabaseValueConvertible)?] = []
    for condition in scope.conditions {
      conditions.append(condition.sql)
      arguments.append(condition.value)
    }
    if !includeExpired {
      conditions.append("(expires_at IS NULL OR expires_at > ?)")
      arguments.append(Timestamp.now)
    }
    let sql = """
      SELECT \(MemoryRow.columns) FROM memory WHERE \(conditions.joined(separator: " AND "))
      ORDER BY change LIMIT ?
      """
    let memories = try read { db in
      guard let filter else { return try page(sql, start, arguments, limit, db) }
      var found: [Memory] = []
      while found.count < limit {
        let next = try page(sql, start, arguments, StoreLimits.page.upperBound, db)
        found += next.filter { filter.matches(.object($0.metadata.values)) }
        guard next.count == StoreLimits.page.upperBound, let last = next.last else { break }
        start = last.change
      }
      return Array(found.prefix(limit))
    }
    let next = memories.count == limit ? memories.last.map { String($0.change, radix: 36) } : nil
    return Page(memories: memories, next: next)
  }

  private func page(
    _ sql: String, _ start: Int64, _ arguments: [(any DatabaseValueConvertible)?], _ limit: Int,
    _ db: Database
  ) throws -> [Memory] {
    let statement = try db.cachedStatement(sql: sql)
    statement.setUncheckedArguments(StatementArguments([start] + arguments + [limit]))
    return try SQLiteRow.all(of: statement) { try MemoryRow($0).memory }
  }

  /// Runs `body` in one read transaction.
  func read<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
    try core.ensureOpen()
    do { return try core.catalogue.read(body) } catch { throw StoreError(error) }
  }

  /// Runs `body` in one read transaction, with the file of vectors that its rows mean.
  func readVectors<Result>(
    _ body: (Database, VectorPages) throws -> Result
  ) throws(StoreError) -> Result {
    try core.ensureOpen()
    while true {
      let pages = core.index.pages
      let result = try read { db -> Result? in
        // Compaction, or a reembed, has put another file in its place.
        guard try pages.isCurrent(db) else { return nil }
        return try body(db, pages)
      }
      if let result { return result }
      _ = try core.index.upToDate()
      // It may be this process that compacts, and not be done yet; no search comes here.
      if core.index.pages === pages { Thread.sleep(forTimeInterval: 0.001) }
    }
  }

  // MARK: Keeping

  /// Writes the index as a file, so that the next opening need not build it; where another process
  /// is at it, that is left to it. Done by itself from time to time and by `close`.
  public func snapshot() async throws(StoreError) {
    try core.ensureOpen()
    try await offload { [core] () throws(StoreError) in try core.indexer.writeSnapshot() }
  }

  /// Waits until the graph holds every memory and is calibrated: for measurements, as searches find
  /// all memories either way. While others go on writing that moment may not come.
  public func waitUntilIndexed() async throws(StoreError) {
    try core.ensureOpen()
    try await offload { [core] () throws(StoreError) in
      _ = try core.index.upToDate()
      core.index.announce()
      do throws(IndexError) { try core.indexer.waitUntilIdle() } catch { throw .index(error) }
      core.index.noteTail()
    }
  }

  /// Ends the store's work and leaves everything on disk. Calls that come later are refused.
  public func close() async throws(StoreError) {
    try await offload { [core] () throws(StoreError) in try core.close() }
  }
}

/// A part of a list, and where the next one begins.
public struct Page: Sendable {
  public var memories: [Memory]
  /// Pass it to `list` for the next page; nil at the end.
  public var next: String?
}

extension HistoryEntry {
  /// From the columns of `HistoryRow`, `HistoryPayload` and a successor; nil for an event that is none of
  /// these.
  init?(_ row: Row) throws {
    let history = try HistoryRow(row)
    let isErased = row.hasNull(atIndex: HistoryRow.columnCount)
    let payload = isErased ? nil : try HistoryPayload(row, from: HistoryRow.columnCount)
    guard let event = Event(rawValue: history.event) else { return nil }
    self.init(
      id: UUID(leading: history.hash), sequence: history.sequence, memoryID: history.memoryID, event: event,
      oldMemory: payload?.oldMemory, newMemory: payload?.newMemory,
      createdAt: Timestamp.date(history.createdAt),
      updatedAt: history.updatedAt.map(Timestamp.date), isDeleted: history.isDeleted,
      actor: history.actor, role: history.role,
      successor: UUID(bytes: try row.value(HistoryRow.columnCount + 5)))
  }
}
