import EngramIndex
import Foundation
import GRDB
import Synchronization
import SystemPackage

/// The parts of an open store, and how they are put together when it is opened.
final class StoreCore: Sendable {
  let directory: FilePath
  let configuration: StoreConfiguration
  let catalogue: Catalogue
  let index: SharedIndex
  let snapshots: SnapshotFile
  let figures: LiveFigures
  let queue: CommitQueue
  let indexer: Indexer
  let source: IndexSource
  let accesses = AccessLog()
  /// What opening had to do: how the index came about.
  let origin: IndexOrigin
  private let writerLock: WriterLock
  /// What calls mean that name no model.
  private let spoken: Mutex<EmbeddingModel>
  private let isClosed = Atomic<Bool>(false)

  // MARK: Opening

  /// - Parameter identity: that of a store that is made; nil for a new one.
  init(path: String, configuration: StoreConfiguration, identity: UUID? = nil) throws {
    let directory = FilePath(path)
    self.directory = directory
    self.configuration = configuration
    figures = LiveFigures(configuration)
    queue = CommitQueue(figures: figures)
    try Self.checkConfiguration(configuration)
    try Self.prepare(directory)
    writerLock = try WriterLock(directory)
    let pages: VectorPages
    (catalogue, pages) = try writerLock.withLock { () throws(StoreError) in
      do { return try Self.openFiles(directory, configuration, identity) } catch {
        throw StoreError(error)
      }
    }
    spoken = Mutex(EmbeddingModel(name: configuration.model, dimension: configuration.dimension))
    source = IndexSource(
      directory: directory, configuration: configuration, catalogue: catalogue)
    let live: LiveIndex
    (live, origin) = try source.open(pages)
    let covered = live.covered
    index = try SharedIndex(live, source: source, writerLock: writerLock, figures: figures)
    snapshots = SnapshotFile(
      source: source, index: index, restored: origin == .snapshot ? covered : nil)
    indexer = try Indexer(
      directory, index: index, snapshots: snapshots, threads: configuration.indexingThreads)
    // From here on nobody removes the store; somebody may have while it was being opened.
    try writerLock.ensureInPlace()
    try start(
      Compactor(source: source, index: index, snapshots: snapshots, indexer: indexer))
  }

  private func start(_ compactor: Compactor) throws(StoreError) {
    indexer.start()
    let (catalogue, index, writerLock) = (catalogue, index, writerLock)
    let (durability, indexer, figures) = (configuration.durability, indexer, figures)
    try queue.start {
      () throws(StoreError) in
      do {
        return try Committer(
          catalogue: catalogue, index: index, durability: durability, writerLock: writerLock,
          compactor: compactor, figures: figures)
      } catch { throw StoreError(error) }
    } beforeGroup: {
      indexer.waitForTail()
    }
    // Somebody was interrupted in it.
    do {
      if try !catalogue.read(VectorSpace.leaving).isEmpty {
        queue.submit(.work(CatalogueWork(finishLeaving))) { _ in }
      }
      guard try catalogue.read(Erasure.isUnfinished) else { return }
    } catch { throw StoreError(error) }
    queue.submit(.compact(CompactionRequest(isForErasure: true, call: LongCall()))) { _ in }
  }

  /// Deletes what is left of spaces that nobody wants any more.
  var finishLeaving: @Sendable (Database) throws -> Void {
    { [directory, index] db in
      for space in try VectorSpace.leaving(db) {
        try space.leave(directory, store: index.pages.header.store, db)
      }
    }
  }

  /// Catalogue and pages, made where there are none, and proofs that they belong together.
  private static func openFiles(
    _ directory: FilePath, _ configuration: StoreConfiguration, _ identity: UUID?
  ) throws -> (Catalogue, VectorPages) {
    if try isEmpty(directory.appending(Catalogue.fileName)) { try refuseForeignFiles(directory) }
    let catalogue = try Catalogue(
      directory.appending(Catalogue.fileName), durability: configuration.durability)
    let headers = try catalogue.write { db in
      try found(configuration, identity, db)
      return try VectorPages.Header.stored(in: db)
    }
    let pages = try openPages(in: directory, headers.active, catalogue: catalogue)
    try catalogue.write(pages.restoreUnsynced)
    try checkPages(pages, catalogue: catalogue, durability: configuration.durability)
    // A compaction that did not come to its end leaves one file too many.
    for header in [headers.active] + headers.others {
      for name in try Directory.names(directory) where header.supersedes(name) {
        try Directory.remove(directory.appending(name))
      }
    }
    return (catalogue, pages)
  }

  static func checkConfiguration(_ configuration: StoreConfiguration) throws {
    _ = try HNSWIndex(
      dimension: configuration.dimension, metric: configuration.metric,
      parameters: configuration.graph)
    try Check.name(configuration.model, field: "model")
  }

  static func prepare(_ directory: FilePath) throws(StoreError) {
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
    return Directory.fileSize(path) == 0
  }

  /// A directory without a catalogue becomes a store only if it holds none of a store's files: they
  /// would be what is left of one whose catalogue was lost.
  private static func refuseForeignFiles(_ directory: FilePath) throws(StoreError) {
    if try Directory.names(directory).contains(where: VectorPages.isFileName) {
      throw .damaged(
        file: directory.appending(Catalogue.fileName).string,
        reason: "it is missing, but the vectors of a store are there")
    }
  }

  /// Proves that the store was made with these settings, or makes it where it is new.
  private static func found(
    _ configuration: StoreConfiguration, _ identity: UUID?, _ db: Database
  ) throws {
    if try Data.fetchOne(db, sql: "SELECT value FROM store WHERE key = 'uuid'") != nil {
      let space = try VectorSpace.active(db)
      let settings: [(String, String, String)] = [
        ("model", space.model.name, configuration.model),
        ("dimension", "\(space.model.dimension)", "\(configuration.dimension)"),
        ("metric", space.metric.rawValue, configuration.metric.rawValue),
      ]
      for (setting, stored, requested) in settings where stored != requested {
        throw StoreError.mismatch(setting: setting, stored: stored, requested: requested)
      }
      return
    }
    // The files that are made next carry the store's identity: it must outlast them.
    try Catalogue.setDurability(.full, db)
    try db.inTransaction(.immediate) {
      try db.execute(
        sql: "INSERT INTO store (key, value) VALUES ('uuid', ?), ('created_at', ?)",
        arguments: [(identity ?? UUID()).data, Timestamp.now])
      _ = try VectorSpace.add(
        EmbeddingModel(name: configuration.model, dimension: configuration.dimension),
        configuration.metric, .active, db)
      return .commit
    }
    try Catalogue.setDurability(configuration.durability, db)
  }

  /// The file of vectors with a header, made where a space has none yet.
  static func openPages(
    in directory: FilePath, _ header: VectorPages.Header, catalogue: Catalogue
  ) throws -> VectorPages {
    let path = directory.appending(header.fileName)
    if try Directory.kind(of: path) == .absent {
      // A crash between catalogue and pages of a new store leaves this; otherwise vectors are lost.
      guard try catalogue.slotCount(space: header.space) == 0 else {
        throw StoreError.damaged(file: path.string, reason: "it is missing")
      }
      return try VectorPages.create(path, header)
    }
    return try VectorPages.open(path, expecting: header)
  }

  /// Cheap proofs that pages and catalogue belong to one moment. Under the writer lock.
  private static func checkPages(
    _ pages: VectorPages, catalogue: Catalogue, durability: Durability
  ) throws {
    let slots = try catalogue.slotCount(space: pages.header.space)
    guard try pages.capacity() >= slots else {
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
    guard durability == .full else { return }
    let head = try catalogue.read { try HistoryHead($0) }
    var next = slots
    while let slot = try pages.readSlot(next) {
      guard slot.header.group <= head.sequence + 1 else {
        throw StoreError.damaged(
          file: Catalogue.fileName,
          reason: "it is older than the vectors; its log (-wal) is missing, cut off or another "
            + "store's (durability `process` opens what there is)")
      }
      next += 1
    }
  }

  /// Memory that the store may take: index, postings, and caches as if they were full.
  var memoryBytes: Int {
    let live = index.live
    return Self.emptyBytes + live.index.memoryBytes + live.index.rowCount * LiveIndex.bytesPerRow
      + live.metadata.size.bytes + (live.text.index?.bytes ?? 0) + catalogue.cacheBytes
  }

  /// Memory of an open store without memories: threads, connections, statements, schema.
  private static let emptyBytes = 1 << 20

  // MARK: Models

  var model: EmbeddingModel { spoken.withLock { $0 } }

  /// From here on calls that name no model mean this one.
  func speak(_ model: EmbeddingModel) { spoken.withLock { $0 = model } }

  /// The index as it is, for a write with vectors of a model.
  ///
  /// - Parameter model: nil for the one that calls mean which name none.
  /// - Throws: `StoreError.mismatch` where the store's vectors are of another one.
  func live(of model: String?) throws(StoreError) -> LiveIndex {
    let live = index.live
    try admit(model, to: live)
    return live
  }

  /// Throws where an index is not over vectors of a model; the dimension of one that is named is the
  /// vector's own to prove.
  func admit(_ model: String?, to live: LiveIndex) throws(StoreError) {
    try admit(model, to: live.pages)
  }

  func admit(_ model: String?, to pages: VectorPages) throws(StoreError) {
    let stored = pages.header.embedding
    let requested = model.map { EmbeddingModel(name: $0, dimension: stored.dimension) } ?? self.model
    guard requested == stored else { throw .otherModel(stored: stored, requested: requested) }
  }

  // MARK: Closing

  var isOpen: Bool { !isClosed.load(ordering: .relaxed) }

  func ensureOpen() throws(StoreError) {
    if !isOpen { throw .closed }
  }

  /// Ends the threads and leaves everything on disk; further calls are refused.
  func close() throws(StoreError) {
    guard isClosed.exchange(true, ordering: .relaxed) == false else { return }
    defer { indexer.leave() }
    let collected = accesses.take()
    if !collected.isEmpty { queue.submit(.recordAccess(collected)) { _ in } }
    let checkpoint = Mutex<CommitQueue.Outcome>(.success([]))
    queue.submit(.checkpoint) { result in checkpoint.withLock { $0 = result } }
    queue.close()
    queue.waitUntilFinished()
    index.pages.close()
    indexer.stop()
    figures.closed()
    // A snapshot is derived: where it cannot be written, the next opening rebuilds.
    if snapshots.isWorthwhile { try? indexer.writeSnapshot() }
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
