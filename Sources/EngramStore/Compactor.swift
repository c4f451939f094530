import EngramIndex
import Foundation
import GRDB
import Synchronization
import SystemPackage

/// What `compact` did.
public struct CompactionReport: Sendable {
  /// Versions of the past that were cut.
  public var versionsCut = 0
  /// Vectors that the store holds, and slots that were given back.
  public var vectors = 0
  public var slotsFreed = 0
  /// Bytes of the store's files before and after.
  public var bytesBefore = 0
  public var bytesAfter = 0
}

/// A compaction that somebody waits for.
final class CompactionRequest: Sendable {
  /// Versions that ended at this time or before are cut; nil for none.
  let cutBefore: Int64?
  /// Whether there is nothing to be done unless an erasure is unfinished.
  let isForErasure: Bool
  let call: LongCall
  let report = Mutex(CompactionReport())

  init(cutBefore: Int64? = nil, isForErasure: Bool = false, call: LongCall) {
    self.cutBefore = cutBefore
    self.isForErasure = isForErasure
    self.call = call
  }
}

/// Gives the space back that nothing owns any more. The vectors that versions own go into a new file,
/// one behind the other; one transaction puts it in the place of the old one; SQLite writes its
/// database anew. What was erased is in none of the files afterwards.
///
/// Runs on the commit thread, under the writer lock: writers wait, searches go on.
struct Compactor: Sendable {
  let source: IndexSource
  let index: SharedIndex
  let snapshots: SnapshotFile
  let indexer: Indexer

  /// What the committer goes on from.
  struct Outcome {
    /// Whether it is part of an erasure.
    var isErasing: Bool
    /// Slots of the new file lie below it.
    var slots: Int
    /// The writer lock's mark.
    var mark: UInt64
  }

  /// How a compaction failed.
  enum Failure: Error {
    /// Nothing has changed.
    case before(StoreError)
    /// It may have taken place or not.
    case unknown(StoreError)
    /// It has taken place, but this process cannot go on from there.
    case after(StoreError)
  }

  /// Puts a new file of vectors in the place of the old one; nil where there is nothing to be done.
  func compact(_ request: CompactionRequest) throws(Failure) -> Outcome? {
    let isErasing: Bool
    do {
      isErasing = try source.catalogue.write(Erasure.isUnfinished)
      guard isErasing || !request.isForErasure else { return nil }
      let sizes = try Directory.fileSizes(source.directory)
      request.report.withLock { $0.bytesBefore = sizes.values.reduce(0, +) }
      try indexer.waitToHold()
    } catch { throw .before(StoreError(error)) }
    defer { indexer.release() }
    return try snapshots.switching { () throws(Failure) in
      let (slots, mark) = try switchFiles(request, from: index.pages)
      let live = index.live
      return (Outcome(isErasing: isErasing, slots: slots, mark: mark), live, live.covered)
    }
  }

  private func switchFiles(
    _ request: CompactionRequest, from old: VectorPages
  ) throws(Failure) -> (slots: Int, mark: UInt64) {
    var header = old.header
    header.generation += 1
    let path = source.directory.appending(header.fileName)
    let new: VectorPages
    let others: [File]
    do {
      others = try removeOtherSnapshots()
      let (index, threads) = (index.live.index, source.configuration.indexingThreads)
      // What is left of deleted vectors leaves the graph, so that it is not in the snapshot.
      try index.link(threads: threads)
      index.removeDead(threads: threads)
      index.wipeVacant()
      try Directory.remove(path)
      new = try VectorPages.create(path, header)
    } catch { throw .before(StoreError(error)) }
    // Held until the catalogue says that what they were made beside is no more.
    defer { withExtendedLifetime(others) {} }
    var isCommitting = false
    var slots = 0
    do {
      // The old file goes at once: whatever the level, this commit must be on disk before that.
      try source.catalogue.write { try Catalogue.setDurability(.full, $0) }
      defer {
        // Where this fails commits stay as durable as they can be.
        try? source.catalogue.write {
          try Catalogue.setDurability(source.configuration.durability, $0)
        }
      }
      try source.catalogue.write { db in
        try db.inTransaction(.immediate) {
          slots = try request.call.watching(db) { try rewrite(request, from: old, to: new, db) }
          try index.beginCommit()
          isCommitting = true
          return .commit
        }
      }
    } catch {
      let error = StoreError(error)
      if isCommitting {
        guard error.isDiskFull, !source.catalogue.isInTransaction,
          (try? index.endCommit([], slots: 0, covering: index.live.covered)) != nil
        else {
          index.abandonCommit()
          throw .unknown(error)
        }
      }
      try? Directory.remove(path)
      throw .before(error)
    }
    do {
      let (compacted, _) = try source.open(new)
      return (slots, try index.endSwitch(to: compacted))
    } catch {
      // The next who reads goes over to the new file by itself.
      index.abandonCommit()
      throw .after(StoreError(error))
    }
  }

  /// Everything of the one transaction, and the snapshot that goes with it; how many slots there are.
  private func rewrite(
    _ request: CompactionRequest, from old: VectorPages, to new: VectorPages, _ db: Database
  ) throws -> Int {
    let space = old.header.space
    let before = try Catalogue.slotCount(db, space: space)
    let cut = try request.cutBefore.map { try Self.cutVersions(endedBefore: $0, db) } ?? 0
    let slots = try old.copyVectors(of: db, to: new, isDense: true, request.call)
    // Ascending, so that each goes where nobody is any more.
    let move = try db.cachedStatement(
      sql: "UPDATE vector SET slot = ? WHERE space = ? AND slot = ?")
    for (place, slot) in slots.enumerated() where place != slot {
      move.setUncheckedArguments([place, space, slot])
      try move.execute()
    }
    try db.execute(
      sql: "UPDATE file SET name = ?, generation = ? WHERE kind = 'vectors' AND space = ?",
      arguments: [new.header.fileName, new.header.generation, space])
    try VectorPages.forgetUnsynced(db)
    try db.execute(sql: "DELETE FROM erased_slot WHERE space = ?", arguments: [space])
    try request.call.reached(0, .fullText)
    try db.execute(sql: "INSERT INTO memory_text (memory_text) VALUES ('optimize')")
    try request.call.reached(0, .index)
    let identity = source.identity(of: new)
    _ = try Snapshot.write(
      index.live, identity: identity, to: source.snapshotPath(of: new), slots: slots
    ) { change throws(StoreError) in
      do { return try HistoryRow.hash(of: change, db) ?? HistoryRow.origin } catch {
        throw StoreError(error)
      }
    }
    request.report.withLock {
      $0.versionsCut = cut
      $0.vectors = slots.count
      $0.slotsFreed = before - slots.count
    }
    return slots.count
  }

  // MARK: Cutting versions

  /// Takes away the versions that ended at a time or before, and their vectors; their texts stay in the
  /// history. How many they were.
  private static func cutVersions(endedBefore time: Int64, _ db: Database) throws -> Int {
    let horizon = try HistoryRow.lastChange(before: time + 1, db)
    try db.execute(
      sql: """
        INSERT OR IGNORE INTO cut_memory (memory_id, user_id, agent_id, run_id)
        SELECT id, user_id, agent_id, run_id FROM memory WHERE ended <= ?
        """, arguments: [horizon])
    try db.execute(sql: "DELETE FROM memory WHERE ended <= ?", arguments: [horizon])
    let cut = db.changesCount
    try db.execute(
      sql: """
        DELETE FROM cut_memory WHERE memory_id IN (SELECT id FROM memory);
        DELETE FROM vector WHERE change NOT IN (SELECT vector FROM memory);
        """)
    guard cut > 0 else { return 0 }
    try Horizon.raise(to: horizon, db)
    return cut
  }

  // MARK: Afterwards

  /// Removes the old file, and writes the database anew. The compaction stands whatever comes of this.
  func clear(_ request: CompactionRequest, isErasing: Bool) throws(StoreError) {
    let (catalogue, call) = (source.catalogue, request.call)
    do {
      // Nobody who reads from before needs what is wiped now.
      if isErasing { try emptyLog() }
      try removeOldFiles(wiping: isErasing)
      if isErasing { try catalogue.write(wipeOthers) }
      try call.reached(0, .catalogue)
      try catalogue.write { db in
        try call.watching(db) { try db.execute(sql: "VACUUM") }
      }
      if isErasing {
        try emptyLog()
        try catalogue.write(Erasure.finish)
      } else {
        try catalogue.checkpoint(emptying: true)
      }
      let sizes = try Directory.fileSizes(source.directory)
      request.report.withLock { $0.bytesAfter = sizes.values.reduce(0, +) }
    } catch { throw StoreError(error) }
  }

  /// Files of vectors that the catalogue does not name.
  private func removeOldFiles(wiping: Bool) throws(StoreError) {
    let (directory, header) = (source.directory, index.pages.header)
    for name in try Directory.names(directory) where header.supersedes(name) {
      // Other processes may have it mapped until their next call.
      if wiping { try File.open(directory.appending(name), .write).fillWithZeros() }
      try Directory.remove(directory.appending(name))
    }
    try Directory.synchronise(directory)
  }

  // MARK: Other spaces

  /// Takes away the snapshots of spaces that are not active: they know nothing of what is cut or erased
  /// here. Nobody writes them as long as their files are locked.
  private func removeOtherSnapshots() throws -> [File] {
    let others = try otherFiles(try source.catalogue.write(VectorSpace.others))
    let begin = Date()
    return try others.map { space, path in
      let file = try File.open(path, .write)
      while try !file.lock(wait: false) {
        guard -begin.timeIntervalSinceNow < Indexer.patience else {
          throw StoreError.inUse(source.directory.string)
        }
        // Whoever writes a snapshot there is soon done.
        Thread.sleep(forTimeInterval: 0.02)
      }
      try Directory.remove(source.directory.appending(Snapshot.fileName(space: space.id)))
      return file
    }
  }

  /// Overwrites what nobody owns any more in the files of spaces that are not active.
  private func wipeOthers(_ db: Database) throws {
    for (space, path) in try otherFiles(try VectorSpace.others(db)) {
      let header = space.header(store: index.pages.header.store)
      try VectorPages.open(path, expecting: header).wipeUnowned(db)
    }
    try db.execute(sql: "DELETE FROM erased_slot")
  }

  /// Those that are there: a space that has just been added has none yet.
  private func otherFiles(
    _ spaces: [VectorSpace]
  ) throws(StoreError) -> [(space: VectorSpace, path: FilePath)] {
    let store = index.pages.header.store
    var files: [(VectorSpace, FilePath)] = []
    for space in spaces {
      let path = source.directory.appending(space.header(store: store).fileName)
      if try Directory.kind(of: path) != .absent { files.append((space, path)) }
    }
    return files
  }

  /// The log may hold what was erased as long as somebody reads a state from before.
  private func emptyLog() throws(StoreError) {
    let begin = Date()
    do {
      while try !source.catalogue.checkpoint(emptying: true) {
        guard -begin.timeIntervalSinceNow < Indexer.patience else {
          throw StoreError.erasureUnfinished(
            reason: "a backup, an export or a verify reads a state from before")
        }
        // Nobody tells when a reader of another process ends.
        Thread.sleep(forTimeInterval: 0.02)
      }
    } catch { throw StoreError(error) }
  }
}
