import EngramIndex
import Foundation
import GRDB
import Synchronization
import SystemPackage

/// The parts of an open store, and how they are put together when it is opened.
final class StoreCore: Sendable {
  let directory: FilePath
  let configuration: StoreConfiguration
  let identity: Snapshot.Identity
  let catalogue: Catalogue
  let pages: VectorPages
  let live: LiveIndex
  let queue = CommitQueue()
  let indexer: Indexer
  let accesses = AccessLog()
  /// What opening had to do: how the index came about.
  let origin: IndexOrigin
  private let indexerLock: File
  private let writerLock: File
  private let isClosed = Atomic<Bool>(false)
  /// What the snapshot on disk holds: the change that it covers, and what had been made of the index.
  private struct Saved {
    var covered: Int64
    var revision: Int
  }
  private let saved: Mutex<Saved>

  /// A snapshot is due when this many changes, and this part of all rows, are not in the last one.
  private static let snapshotChanges = 8_192
  private static let snapshotShare = 4

  // MARK: Opening

  init(path: String, configuration: StoreConfiguration) throws {
    directory = FilePath(path)
    self.configuration = configuration
    try Self.checkConfiguration(configuration)
    try Self.prepare(directory)
    indexerLock = try File.open(directory.appending("indexer.lock"), .create)
    guard try indexerLock.lock(wait: false) else { throw StoreError.inUse(path) }
    writerLock = try File.open(directory.appending("writer.lock"), .create)

    if try Self.isEmpty(directory.appending(Catalogue.fileName)) {
      try Self.refuseForeignFiles(directory)
    }
    catalogue = try Catalogue(
      directory.appending(Catalogue.fileName), durability: configuration.durability)
    let store = try catalogue.write { db in try Self.found(configuration, db) }
    identity = Snapshot.Identity(
      store: store, space: UInt32(CommitGroup.space), dimension: UInt32(configuration.dimension),
      metric: configuration.metric, parameters: configuration.graph)
    pages = try Self.openPages(
      in: directory, store: store, configuration: configuration, catalogue: catalogue)
    let slots = try catalogue.read { try Self.slotCount($0) }
    let nextSlot = try Self.checkPages(
      pages, slots: slots, catalogue: catalogue, durability: configuration.durability)

    let snapshotPath = directory.appending(Snapshot.fileName(space: CommitGroup.space))
    (live, origin) = try Self.openIndex(
      snapshotPath, identity: identity, configuration: configuration, pages: pages, slots: slots,
      catalogue: catalogue)
    saved = Mutex(Saved(covered: live.covered, revision: live.index.revision))
    try Self.replay(catalogue, after: live.covered, into: live, slots: slots)
    indexer = Indexer(live: live, threads: configuration.indexingThreads)
    try start(nextSlot: nextSlot)
  }

  private func start(nextSlot: Int) throws(StoreError) {
    indexer.start { [weak self] in self?.snapshotIfDue() }
    let (catalogue, pages, live, writerLock) = (catalogue, pages, live, writerLock)
    let (durability, indexer) = (configuration.durability, indexer)
    try queue.start {
      () throws(StoreError) in
      do {
        return try Committer(
          catalogue: catalogue, pages: pages, live: live, durability: durability,
          writerLock: writerLock, nextSlot: nextSlot)
      } catch { throw StoreError(error) }
    } beforeGroup: {
      indexer.notify()
      // Writers go no faster than the graph for long; a failed indexer holds nobody up.
      try? indexer.wait(untilTail: Indexer.largestTail)
    }
  }

  private static func checkConfiguration(_ configuration: StoreConfiguration) throws {
    _ = try HNSWIndex(
      dimension: configuration.dimension, metric: configuration.metric,
      parameters: configuration.graph)
    try Check.name(configuration.model, field: "model")
  }

  private static func prepare(_ directory: FilePath) throws(StoreError) {
    guard !directory.isEmpty else {
      throw .unusablePath("", reason: "it is empty; give a directory")
    }
    switch try Directory.kind(of: directory) {
    case .other: throw .unusablePath(directory.string, reason: "it is a file, not a directory")
    case .absent: try Directory.create(directory)
    case .directory: break
    }
    guard Directory.isWritable(directory) else {
      throw .unusablePath(directory.string, reason: "it is not writable")
    }
  }

  private static func isEmpty(_ path: FilePath) throws(StoreError) -> Bool {
    if try Directory.kind(of: path) == .absent { return true }
    return try File.open(path, .read).size() == 0
  }

  /// A directory without a catalogue becomes a store only if it holds none of a store's files: they
  /// would be what is left of one whose catalogue was lost.
  private static func refuseForeignFiles(_ directory: FilePath) throws(StoreError) {
    let pages = VectorPages.fileName(space: CommitGroup.space)
    if try Directory.kind(of: directory.appending(pages)) != .absent {
      throw .damaged(
        file: directory.appending(Catalogue.fileName).string,
        reason: "it is missing, but the vectors of a store are there")
    }
  }

  /// Reads what the store was made with, or writes it where it is new; the store's identity.
  private static func found(_ configuration: StoreConfiguration, _ db: Database) throws -> UUID {
    if let bytes = try Data.fetchOne(db, sql: "SELECT value FROM store WHERE key = 'uuid'") {
      guard let store = UUID(bytes: bytes),
        let space = try Row.fetchOne(
          db, sql: "SELECT model, dimension, metric FROM vector_space WHERE id = ?",
          arguments: [CommitGroup.space])
      else {
        throw StoreError.damaged(file: Catalogue.fileName, reason: "its vector space is missing")
      }
      let settings: [(String, String, String)] = [
        ("model", try space.value(0), configuration.model),
        ("dimension", "\(try space.value(1) as Int)", "\(configuration.dimension)"),
        ("metric", try space.value(2), configuration.metric.rawValue),
      ]
      for (setting, stored, requested) in settings where stored != requested {
        throw StoreError.mismatch(setting: setting, stored: stored, requested: requested)
      }
      return store
    }
    // The files that are made next carry the store's identity: it must outlast them.
    try Catalogue.setDurability(.full, db)
    let store = UUID()
    try db.inTransaction(.immediate) {
      try db.execute(
        sql: "INSERT INTO store (key, value) VALUES ('uuid', ?), ('created_at', ?)",
        arguments: [store.data, Timestamp.now])
      try db.execute(
        sql: """
          INSERT INTO vector_space (id, model, dimension, element, metric, created_at)
          VALUES (?, ?, ?, 'float32', ?, ?)
          """,
        arguments: [
          CommitGroup.space, configuration.model, configuration.dimension,
          configuration.metric.rawValue, Timestamp.now,
        ])
      try db.execute(
        sql: "INSERT INTO file (name, kind, space, generation) VALUES (?, 'vectors', ?, 1)",
        arguments: [VectorPages.fileName(space: CommitGroup.space), CommitGroup.space])
      return .commit
    }
    try Catalogue.setDurability(configuration.durability, db)
    return store
  }

  private static func openPages(
    in directory: FilePath, store: UUID, configuration: StoreConfiguration, catalogue: Catalogue
  ) throws -> VectorPages {
    let generation = try catalogue.read {
      try UInt32.fetchOne(
        $0, sql: "SELECT generation FROM file WHERE kind = 'vectors' AND space = ?",
        arguments: [CommitGroup.space])
    }
    let header = VectorPages.Header(
      store: store, space: UInt32(CommitGroup.space), generation: generation ?? 1,
      dimension: UInt32(configuration.dimension), metric: configuration.metric,
      model: configuration.model)
    let path = directory.appending(VectorPages.fileName(space: CommitGroup.space))
    if try Directory.kind(of: path) == .absent {
      // A crash between catalogue and pages of a new store leaves this; otherwise vectors are lost.
      guard try catalogue.read({ try slotCount($0) }) == 0 else {
        throw StoreError.damaged(file: path.string, reason: "it is missing")
      }
      return try VectorPages.create(path, header)
    }
    return try VectorPages.open(path, expecting: header)
  }

  static func slotCount(_ db: Database) throws -> Int {
    try Int.fetchOne(
      db, sql: "SELECT max(slot) + 1 FROM vector WHERE space = ?", arguments: [CommitGroup.space])
      ?? 0
  }

  /// Cheap proofs that pages and catalogue belong to one moment; the first slot nobody wrote to.
  private static func checkPages(
    _ pages: VectorPages, slots: Int, catalogue: Catalogue, durability: Durability
  ) throws -> Int {
    let capacity = try pages.capacity()
    guard capacity >= slots else {
      throw StoreError.damaged(
        file: pages.file.path.string, reason: "it is shorter than the catalogue says")
    }
    if slots > 0, try pages.readSlot(slots - 1) == nil {
      throw StoreError.damaged(
        file: pages.file.path.string, reason: "the last vector written fails its checksum")
    }
    // A group that was never acknowledged begins right after the last change. One that begins
    // later was written on top of changes that the catalogue has lost. At the weaker levels that
    // is what power loss may do.
    let head = try catalogue.read { try HistoryHead($0) }
    var next = slots
    while next < capacity, let slot = try pages.readSlot(next) {
      if durability == .full, slot.header.group > head.sequence + 1 {
        throw StoreError.damaged(
          file: Catalogue.fileName,
          reason: "it is older than the vectors; its log (-wal) is missing, cut off or another "
            + "store's (durability `process` opens what there is)")
      }
      next += 1
    }
    return next
  }

  /// The index from its snapshot, or an empty one that the catalogue will fill.
  private static func openIndex(
    _ path: FilePath, identity: Snapshot.Identity, configuration: StoreConfiguration,
    pages: VectorPages, slots: Int, catalogue: Catalogue
  ) throws -> (LiveIndex, IndexOrigin) {
    var origin = IndexOrigin.rebuilt(because: "there was no snapshot")
    do throws(StoreError) {
      let live = try Snapshot.read(path, identity: identity, pages: pages, slots: slots) {
        change throws(StoreError) in try chainHash(of: change, catalogue)
      }
      if let live { return (live, .snapshot) }
    } catch {
      // A catalogue that is behind its snapshot has lost what was acknowledged, unless that was
      // never promised to survive power loss.
      guard case .damaged(let file, _) = error,
        file == path.string || configuration.durability != .full
      else { throw error }
      origin = .rebuilt(because: error.description)
    }
    let index = try HNSWIndex(
      dimension: configuration.dimension, metric: configuration.metric,
      parameters: configuration.graph)
    let live = LiveIndex(
      index: index, table: try RowTable(), postings: ScopePostings(), pages: pages, covered: 0)
    return (live, slots == 0 ? .empty : origin)
  }

  private static func chainHash(
    of change: Int64, _ catalogue: Catalogue
  ) throws(StoreError) -> Data? {
    do { return try catalogue.read { try HistoryRow.hash(of: change, $0) } } catch {
      throw StoreError(error)
    }
  }

  /// Brings the index from the change it covers to the last one.
  private static func replay(
    _ catalogue: Catalogue, after covered: Int64, into live: LiveIndex, slots: Int
  ) throws {
    try catalogue.read { db in
      let head = try HistoryHead(db)
      var changes: [AppliedChange] = []
      let ended = try Int.fetchCursor(
        db,
        sql: """
          SELECT v.slot FROM memory m JOIN vector v ON v.change = m.vector AND v.space = ?
          WHERE m.ended > ? AND m.change <= ?
            AND NOT EXISTS (
              SELECT 1 FROM memory n WHERE n.id = m.id AND n.ended IS NULL AND n.vector = m.vector)
          """, arguments: [CommitGroup.space, covered, covered])
      while let slot = try ended.next() { changes.append(.removed(slot: slot)) }
      var added = 0
      let current = try Row.fetchCursor(
        db,
        sql: """
          SELECT m.change, v.slot, m.user_id, m.agent_id, m.run_id, m.vector
          FROM memory m JOIN vector v ON v.change = m.vector AND v.space = ?
          WHERE m.change > ? AND m.ended IS NULL ORDER BY m.change
          """, arguments: [CommitGroup.space, covered])
      while let row = try current.next() {
        let (change, slot): (Int64, Int) = (try row.value(0), try row.value(1))
        guard (0..<slots).contains(slot) else {
          throw StoreError.damaged(file: Catalogue.fileName, reason: "a slot is out of range")
        }
        if (try row.value(5) as Int64) <= covered, live.table.row(ofSlot: slot) != nil {
          changes.append(.renewed(change: change, slot: slot, metadata: nil))
        } else {
          let scope = Scope(
            user: try row.value(2), agent: try row.value(3), run: try row.value(4))
          changes.append(
            .added(change: change, slot: slot, scope: scope, expiresAt: nil, metadata: nil))
          added += 1
        }
      }
      try live.reserve(added, slots: slots)
      try live.apply(changes, covering: head.sequence)
      let expiring = try Row.fetchCursor(
        db,
        sql: """
          SELECT m.expires_at, v.slot FROM memory m
          JOIN vector v ON v.change = m.vector AND v.space = ?
          WHERE m.ended IS NULL AND m.expires_at IS NOT NULL
          """, arguments: [CommitGroup.space])
      while let row = try expiring.next() {
        live.expect(expiry: try row.value(0), ofSlot: try row.value(1))
      }
    }
  }

  // MARK: Snapshots

  private var snapshotPath: FilePath {
    directory.appending(Snapshot.fileName(space: CommitGroup.space))
  }

  /// Writes a snapshot unless the one on disk holds all there is.
  func snapshot() throws(StoreError) {
    try saved.withLock { saved throws(StoreError) in
      // Read before: what comes in between is written once more.
      let revision = live.index.revision
      guard
        live.covered > saved.covered || revision > saved.revision
          || origin != .snapshot && saved.covered == 0
      else { return }
      let covered = try Snapshot.write(live, identity: identity, to: snapshotPath) {
        change throws(StoreError) in try Self.chainHash(of: change, catalogue) ?? HistoryRow.origin
      }
      saved = Saved(covered: covered, revision: revision)
    }
  }

  private func snapshotIfDue() {
    let behind = live.covered - saved.withLock { $0.covered }
    guard behind >= max(Self.snapshotChanges, live.index.rowCount / Self.snapshotShare) else {
      return
    }
    // Derived data: where this fails, the next attempt or the next opening makes up for it.
    try? snapshot()
  }

  // MARK: Closing

  func ensureOpen() throws(StoreError) {
    if isClosed.load(ordering: .relaxed) { throw .closed }
  }

  /// Ends the threads and leaves everything on disk; further calls are refused.
  func close() throws(StoreError) {
    guard isClosed.exchange(true, ordering: .relaxed) == false else { return }
    let collected = accesses.take()
    if !collected.isEmpty { queue.submit(.recordAccess(collected)) { _ in } }
    let checkpoint = Mutex<CommitQueue.Outcome>(.success([]))
    queue.submit(.checkpoint) { result in checkpoint.withLock { $0 = result } }
    queue.close()
    queue.waitUntilFinished()
    indexer.stop()
    // A snapshot is derived: where it cannot be written, the next opening rebuilds.
    try? snapshot()
    defer { try? indexerLock.unlock() }
    do { try catalogue.close() } catch { throw StoreError(error) }
    // At the weaker levels this was the one sync: whoever closes must know if it failed.
    _ = try checkpoint.withLock { $0 }.get()
  }
}

/// How an open store came by its index.
public enum IndexOrigin: Sendable, Equatable {
  /// The store had no memories.
  case empty
  /// From its snapshot; changes since were added to it.
  case snapshot
  /// From the vectors, for the reason given; searches scan until it is built.
  case rebuilt(because: String)
}
