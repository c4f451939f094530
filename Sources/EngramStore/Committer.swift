import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// Makes groups of requests durable, one group at a time, on the commit thread.
///
/// A group is: vectors into fresh slots, synced; one SQLite transaction, the moment the memories
/// exist; then the index. Commits and checkpoints happen under `writer.lock` only.
final class Committer {
  private let catalogue: Catalogue
  private let pages: VectorPages
  private let live: LiveIndex
  private let durability: Durability
  private let writerLock: File
  private var head: HistoryHead
  private var nextSlot: Int
  /// Set by a failed sync or commit: nothing is written until the store is opened again.
  private var failure: StoreError?
  /// False at first: a process that was killed may have left slots in the page cache only.
  private var pagesAreSynced = false
  private var pagesAtCheckpoint = 0

  /// The log is moved into the database when it has grown by this many pages of 4 KB.
  private static let checkpointPages = 4_096

  init(
    catalogue: Catalogue, pages: VectorPages, live: LiveIndex, durability: Durability,
    writerLock: File, nextSlot: Int
  ) throws {
    self.catalogue = catalogue
    self.pages = pages
    self.live = live
    self.durability = durability
    self.writerLock = writerLock
    self.nextSlot = nextSlot
    head = try catalogue.write { try HistoryHead($0) }
  }

  /// Commits a group; each request's outcome, in their order: the ids of what was inserted.
  func commit(_ requests: [WriteRequest]) -> [CommitQueue.Outcome] {
    if let failure {
      return requests.map { _ in .failure(.readOnly(cause: failure.description)) }
    }
    do throws(StoreError) {
      _ = try writerLock.lock(wait: true)
      var outcomes = try commitLocked(requests)
      // What fails from here on takes nothing back from those whose writes are committed.
      for (index, request) in requests.enumerated() {
        guard case .checkpoint = request else { continue }
        do throws(StoreError) { try checkpoint(emptying: true) } catch {
          outcomes[index] = .failure(error)
        }
      }
      do throws(StoreError) { try writerLock.unlock() } catch { failure = error }
      return outcomes
    } catch {
      try? writerLock.unlock()
      return requests.map { _ in .failure(error) }
    }
  }

  private func commitLocked(
    _ requests: [WriteRequest]
  ) throws(StoreError) -> [CommitQueue.Outcome] {
    var outcomes: [CommitQueue.Outcome] = []
    var group = CommitGroup(head: head, nextSlot: nextSlot, pages: pages)
    var isWritten = false
    do {
      try catalogue.write { db in
        try db.inTransaction(.immediate) {
          for request in requests { outcomes.append(try Self.add(request, to: &group, db)) }
          try self.writeSlots(of: group)
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
      // The transaction may be in the log or not: only opening anew tells.
      failure = .commitOutcomeUnknown(cause: error.description)
      throw .commitOutcomeUnknown(cause: error.description)
    }
    head = group.head
    nextSlot += group.slotCount
    do throws(IndexError) {
      if !group.changes.isEmpty { try live.apply(group.changes, covering: head.sequence) }
    } catch {
      // Room was reserved, so this is a defect; the data is safe, the index is behind.
      failure = .index(error)
    }
    return outcomes
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
      case .unknownMemory, .duplicateID, .conflictingKey: return .failure(error)
      default: throw error
      }
    }
  }

  private func writeSlots(of group: CommitGroup) throws(StoreError) {
    let slots = group.firstSlot + group.slotCount
    do throws(IndexError) { try live.reserve(group.slotCount, slots: slots) } catch {
      throw .index(error)
    }
    if group.slotCount > 0 {
      try makeRoom(slots: slots)
      try pages.writeSlots(group.slotBytes, from: group.firstSlot)
      pagesAreSynced = false
    }
    if durability == .full { try syncPages() }
  }

  private func makeRoom(slots: Int) throws(StoreError) {
    guard !pages.hasRoom(slots: slots) else { return }
    try pages.fill(slots: slots)
    pagesAreSynced = false
    try syncPages()
    try pages.extendMap()
  }

  private func syncPages() throws(StoreError) {
    guard !pagesAreSynced else { return }
    do throws(StoreError) { try pages.file.synchronise() } catch {
      failure = error
      throw error
    }
    pagesAreSynced = true
  }

  /// Moves the log into the database where it has grown long. After the callers have been answered.
  func checkpointIfDue() {
    guard failure == nil, durability != .none else { return }
    do {
      let written = catalogue.pagesWritten()
      guard written - pagesAtCheckpoint > Self.checkpointPages else { return }
      _ = try writerLock.lock(wait: true)
      defer { try? writerLock.unlock() }
      try checkpoint(emptying: false)
    } catch {
      failure = StoreError(error)
    }
  }

  /// Vectors reach the disk before the rows that name them leave the log.
  private func checkpoint(emptying: Bool) throws(StoreError) {
    try syncPages()
    do {
      try catalogue.checkpoint(emptying: emptying)
      pagesAtCheckpoint = catalogue.pagesWritten()
    } catch {
      failure = StoreError(error)
      throw StoreError(error)
    }
  }

  /// Lets the metadata postings be made anew where much has changed.
  func mergeMetadataIfDue() { live.metadata.mergeSoonIfDue() }

  /// Gets space for the next groups before they come.
  func growAhead() {
    // Where there is no space the commit that needs it says so; a failed sync is noted.
    try? makeRoom(slots: nextSlot + 16)
  }
}
