import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// Makes groups of requests durable, one group at a time, on the commit thread.
///
/// A group is: vectors into fresh slots; one SQLite transaction, which keeps the slots until they are
/// synced, the moment the memories exist; then the index. Commits and checkpoints happen under
/// `writer.lock` only, which is another process's between two groups: where that has committed, its
/// changes come first.
final class Committer {
  private let catalogue: Catalogue
  private let index: SharedIndex
  private let durability: Durability
  private let writerLock: WriterLock
  private let compactor: Compactor
  private let figures: LiveFigures
  private var head: HistoryHead
  private var nextSlot = 0
  /// Of the writer lock, after the last commit that these are known from; nil before the first.
  private var mark: UInt64?
  /// Set by a failed sync or commit: nothing is written until the store is opened again.
  private var failure: StoreError?
  /// False at first: a process that was killed may have left slots in the page cache only.
  private var pagesAreSynced = false
  /// Pages of the log that the last checkpoint found.
  private var pagesMoved = 0

  /// The log is moved into the database when it has grown by this many pages of 4 KB.
  private static let checkpointPages = 3_072

  init(
    catalogue: Catalogue, index: SharedIndex, durability: Durability, writerLock: WriterLock,
    compactor: Compactor, figures: LiveFigures
  ) throws {
    self.catalogue = catalogue
    self.index = index
    self.durability = durability
    self.writerLock = writerLock
    self.compactor = compactor
    self.figures = figures
    head = try catalogue.write { try HistoryHead($0) }
  }

  /// Commits a group; each request's outcome, in their order: the ids of what was inserted.
  func commit(_ requests: [WriteRequest]) -> [CommitQueue.Outcome] {
    if let failure = failure ?? index.pages.failure {
      return requests.map { _ in .failure(.readOnly(cause: failure.description)) }
    }
    do throws(StoreError) {
      return try writerLock.withLock { () throws(StoreError) in
        var outcomes = try commitLocked(requests)
        // What fails from here on takes nothing back from those whose writes are committed.
        for (index, request) in requests.enumerated() {
          do throws(StoreError) {
            switch request {
            case .checkpoint: try checkpoint(emptying: true)
            case .compact(let compaction): try compact(compaction)
            case .work(let work): try perform(work)
            case .switchSpace(let other): try switchSpace(other)
            default: continue
            }
          } catch { outcomes[index] = .failure(error) }
        }
        return outcomes
      }
    } catch {
      return requests.map { _ in .failure(error) }
    }
  }

  private func commitLocked(
    _ requests: [WriteRequest]
  ) throws(StoreError) -> [CommitQueue.Outcome] {
    let begin = MonotonicTime.now
    var vectorTime: UInt64 = 0
    try followOthers()
    var outcomes: [CommitQueue.Outcome] = []
    var group = CommitGroup(head: head, nextSlot: nextSlot, pages: index.pages)
    var isWritten = false
    do {
      try catalogue.write { db in
        try db.inTransaction(.immediate) {
          for request in requests { outcomes.append(try Self.add(request, to: &group, db)) }
          let writing = MonotonicTime.now
          try self.writeSlots(of: group, db)
          vectorTime = MonotonicTime.now.since(writing)
          if group.head.sequence > self.head.sequence { try self.index.beginCommit() }
          isWritten = true
          return .commit
        }
      }
    } catch {
      let error = StoreError(error)
      guard isWritten else {
        // FTS5 without memory may take its totals for zero, and keep them past the rollback.
        if catalogue.isInTransaction || error.isOutOfMemory { failure = error }
        throw error
      }
      if error.isDiskFull, !catalogue.isInTransaction {
        mark = try index.endCommit([], slots: nextSlot, covering: head.sequence)
        throw error
      }
      // The transaction may be in the log or not: only opening anew tells.
      failure = .commitOutcomeUnknown(cause: error.description)
      index.abandonCommit()
      throw .commitOutcomeUnknown(cause: error.description)
    }
    guard group.head.sequence > head.sequence else { return outcomes }
    head = group.head
    nextSlot += group.slotCount
    do throws(StoreError) {
      mark = try index.endCommit(group.changes, slots: nextSlot, covering: head.sequence)
    } catch {
      // Room was reserved, so this is a defect, or the mark could not be written; the data is safe.
      failure = error
    }
    figures.committed(group.counts, vectors: vectorTime, since: begin)
    return outcomes
  }

  /// Where another process has committed since: its changes, its slots, its part of the file.
  private func followOthers() throws(StoreError) {
    guard writerLock.mark != mark else { return }
    try index.follow()
    do {
      let slots = try catalogue.write { db in
        head = try HistoryHead(db)
        return try Catalogue.slotCount(db, space: index.pages.header.space)
      }
      nextSlot = try index.pages.firstFreeSlot(from: slots)
      pagesAreSynced = false
      mark = writerLock.mark
    } catch { throw StoreError(error) }
  }

  /// Adds a request to the group. What is refused leaves nothing behind and fails alone; what the
  /// database or a file refuses fails the whole group.
  private static func add(
    _ request: WriteRequest, to group: inout CommitGroup, _ db: Database
  ) throws -> CommitQueue.Outcome {
    do {
      return .success(try group.add(request, db))
    } catch let error as StoreError {
      switch error {
      case .unknownMemory, .changed, .duplicateID, .conflictingKey, .invalid, .notWaiting,
        .erasedSince, .mismatch:
        return .failure(error)
      default: throw error
      }
    }
  }

  private func writeSlots(of group: CommitGroup, _ db: Database) throws {
    let (slots, pages) = (group.firstSlot + group.slotCount, index.pages)
    try index.live.reserve(group.changes.count, slots: slots)
    guard group.slotCount > 0 else { return }
    try pages.makeRoom(slots: slots)
    try pages.writeSlots(group.slotBytes, from: group.firstSlot)
    pagesAreSynced = false
    // One sync makes both durable; slots of their own would take a second one.
    try pages.keepUnsynced(group.slotBytes, from: group.firstSlot, db)
  }

  private func syncPages() throws(StoreError) {
    guard !pagesAreSynced else { return }
    try index.pages.synchronise()
    pagesAreSynced = true
  }

  /// Moves the log into the database where it has grown long. After the callers have been answered.
  func checkpointIfDue() {
    // Where all of it has been moved, and nobody reads it, it begins anew.
    if catalogue.logPages < pagesMoved { pagesMoved = 0 }
    guard failure == nil, durability != .none,
      catalogue.logPages - pagesMoved > Self.checkpointPages
    else { return }
    do throws(StoreError) {
      try writerLock.withLock { () throws(StoreError) in try checkpoint(emptying: false) }
    } catch { failure = error }
  }

  /// Vectors reach the disk before the rows that name them leave the log.
  private func checkpoint(emptying: Bool) throws(StoreError) {
    let begin = MonotonicTime.now
    // Another process may have written slots since, even into another file.
    try followOthers()
    try syncPages()
    do {
      try catalogue.write(VectorPages.forgetUnsynced)
      try catalogue.checkpoint(emptying: emptying)
      figures.checkpointed(since: begin)
      pagesMoved = catalogue.logPages
    } catch {
      failure = StoreError(error)
      throw StoreError(error)
    }
  }

  private func compact(_ request: CompactionRequest) throws(StoreError) {
    let outcome = try switchFiles { () throws(Compactor.Failure) in try compactor.compact(request) }
    guard let outcome else { return }
    try compactor.clear(request, isErasing: outcome.isErasing)
    pagesMoved = catalogue.logPages
  }

  private func switchSpace(_ other: SpaceSwitch) throws(StoreError) {
    _ = try switchFiles { () throws(Compactor.Failure) in
      try other.perform(catalogue: catalogue, index: index, snapshots: compactor.snapshots)
    }
  }

  /// Runs a transaction that is none of memories; it is on disk afterwards, whatever the level.
  private func perform(_ work: CatalogueWork) throws(StoreError) {
    if let failure { throw .readOnly(cause: failure.description) }
    var isCommitting = false
    do {
      try catalogue.write { db in
        try Catalogue.setDurability(.full, db)
        // Where this fails commits stay as durable as they can be.
        defer { try? Catalogue.setDurability(durability, db) }
        try db.inTransaction(.immediate) {
          try work.body(db)
          isCommitting = true
          return .commit
        }
      }
    } catch {
      let error = StoreError(error)
      if isCommitting, !error.isDiskFull { failure = .commitOutcomeUnknown(cause: error.description) }
      if catalogue.isInTransaction || error.isOutOfMemory { failure = error }
      throw error
    }
  }

  /// Runs what puts another file of vectors in the place of the one there is, and goes on in that.
  private func switchFiles(
    _ body: () throws(Compactor.Failure) -> Compactor.Outcome?
  ) throws(StoreError) -> Compactor.Outcome? {
    if let failure { throw .readOnly(cause: failure.description) }
    let outcome: Compactor.Outcome
    do throws(Compactor.Failure) {
      guard let done = try body() else { return nil }
      outcome = done
    } catch {
      switch error {
      case .before(let error):
        if catalogue.isInTransaction || error.isOutOfMemory { failure = error }
        throw error
      case .unknown(let error):
        failure = .commitOutcomeUnknown(cause: error.description)
        throw .commitOutcomeUnknown(cause: error.description)
      case .after(let error):
        failure = error
        throw error
      }
    }
    (nextSlot, mark) = (outcome.slots, outcome.mark)
    pagesAreSynced = true
    return outcome
  }

  /// Lets the metadata postings be made anew where much has changed.
  func mergeMetadataIfDue() { index.live.metadata.mergeSoonIfDue() }

  /// Gets space for the next groups before they come.
  func growAhead() { index.pages.makeRoomSoon(slots: nextSlot) }
}
