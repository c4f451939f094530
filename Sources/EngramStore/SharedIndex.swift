import EngramIndex
import Foundation
import GRDB
import Synchronization

/// The index of this process over a store that other processes write to as well: brought up to what
/// they have committed whenever somebody asks, and exchanged for a snapshot that one of them wrote.
final class SharedIndex: Sendable {
  private let source: IndexSource
  private let writerLock: WriterLock
  let figures: LiveFigures
  private let current: LeftRight<LiveIndex>
  /// The writer lock's mark up to which the index is known to hold everything.
  private let known: Atomic<UInt64>
  /// Held by whoever brings the index up to date: never by a writer while it waits for a disk.
  private let turn = Mutex<Void>(())

  /// Signalled when there is something to link.
  let arrival = NSCondition()

  /// No mark is this.
  private static let unknown = UInt64.max

  /// - Parameter restored: what opening has found, not brought up to date yet.
  init(
    _ restored: LiveIndex, source: IndexSource, writerLock: WriterLock, figures: LiveFigures
  ) throws(StoreError) {
    current = LeftRight(restored)
    self.source = source
    self.writerLock = writerLock
    self.figures = figures
    known = Atomic(Self.unknown)
    try show(restored, isNew: true)
  }

  /// The index as it is.
  var live: LiveIndex { current.read { copy $0 } }

  /// The file of its vectors; compaction puts another one in its place.
  var pages: VectorPages { live.pages }

  /// The index with everything that was committed before the call, by whatever process.
  func upToDate() throws(StoreError) -> LiveIndex {
    if writerLock.mark != known.load(ordering: .acquiring) { try follow() }
    return live
  }

  /// Brings the index up to the last commit.
  func follow() throws(StoreError) {
    try turn.withLock { _ throws(StoreError) in
      let mark = writerLock.mark
      guard mark != known.load(ordering: .relaxed) else { return }
      try show(live, isNew: false)
      // While a commit is under way elsewhere, or died, the catalogue is asked each time.
      if mark % 2 == 0 { known.store(mark, ordering: .releasing) }
    }
  }

  /// Brings an index up to the last commit and lets searches see it; one whose file of vectors is no
  /// longer the store's gives way to a new one.
  ///
  /// - Parameter isNew: whether searches have not seen it yet.
  private func show(_ restored: LiveIndex, isNew: Bool) throws(StoreError) {
    do {
      var (live, isNew) = (restored, isNew)
      while try !bringUp(live, isNew: isNew) {
        (live, _) = try source.open(source.openPages(after: live.pages))
        isNew = true
      }
      let before = self.live
      guard live !== before else { return }
      current.write { $0 = live }
      if live.pages !== before.pages { before.pages.close() }
    } catch { throw StoreError(error) }
  }

  /// Whether that could be done: false where compaction, or a reembed, has put another file of vectors in
  /// the place of this index's.
  private func bringUp(_ live: LiveIndex, isNew: Bool) throws -> Bool {
    let committed = try source.catalogue.read { db -> CommittedChanges? in
      guard try live.pages.isCurrent(db) else { return nil }
      if isNew { try expectExpiries(of: live, db) }
      return try CommittedChanges(
        of: live, withMetadata: !isNew, withTexts: !isNew || live.text.index != nil, db)
    }
    guard let committed else { return false }
    if try live.apply(committed) { announce() }
    return true
  }

  /// Tells whoever waits for work, or for its end, to look.
  func announce() {
    noteTail()
    arrival.lock()
    arrival.broadcast()
    arrival.unlock()
  }

  func noteTail() { figures.tailMoved { live.index.tailCount } }

  /// A snapshot does not say which of its memories expire. The plus keeps SQLite at the index over
  /// those that do.
  private func expectExpiries(of live: LiveIndex, _ db: Database) throws {
    let expiring = try Row.fetchCursor(
      db,
      sql: """
        SELECT m.expires_at, v.slot FROM memory m
        JOIN vector v ON v.change = m.vector AND v.space = ?
        WHERE m.ended IS NULL AND m.expires_at IS NOT NULL AND +m.change <= ?
        """, arguments: [live.pages.header.space, live.covered])
    while let row = try expiring.next() {
      live.expect(expiry: try row.value(0), ofSlot: try row.value(1))
    }
  }

  // MARK: The commits of this process, under the writer lock

  /// Says that a commit begins, whose changes `endCommit` will show.
  func beginCommit() throws(StoreError) {
    let mark = try writerLock.beginCommit()
    // From here on nobody takes the changes from the catalogue.
    turn.withLock { _ in known.store(mark, ordering: .releasing) }
  }

  /// Shows what has been committed to searches, first of this process, then of others.
  ///
  /// - Parameter slots: slots lie below it.
  /// - Returns: the writer lock's mark.
  func endCommit(
    _ changes: [AppliedChange], slots: Int, covering change: Int64
  ) throws(StoreError) -> UInt64 {
    try turn.withLock { _ throws(StoreError) in
      do throws(IndexError) {
        // A snapshot that has been taken over since may hold them.
        if live.covered < change {
          try live.reserve(changes.count, slots: slots)
          try live.apply(changes, covering: change)
          announce()
        }
      } catch { throw .index(error) }
      let mark = try writerLock.endCommit()
      known.store(mark, ordering: .releasing)
      return mark
    }
  }

  /// The commit may have taken place: the catalogue is asked from here on.
  func abandonCommit() {
    turn.withLock { _ in known.store(Self.unknown, ordering: .releasing) }
  }

  /// Shows the index that a commit has put in the place of this one: the same memories, their vectors in
  /// another file.
  ///
  /// - Returns: the writer lock's mark.
  func endSwitch(to other: LiveIndex) throws(StoreError) -> UInt64 {
    try turn.withLock { _ throws(StoreError) in
      try show(other, isNew: true)
      announce()
      let mark = try writerLock.endCommit()
      known.store(mark, ordering: .releasing)
      return mark
    }
  }

  // MARK: Snapshots of other processes

  /// Exchanges the index for one that was restored from a snapshot; searches that have begun keep
  /// theirs.
  func replace(with restored: LiveIndex) throws(StoreError) {
    try turn.withLock { _ throws(StoreError) in try show(restored, isNew: true) }
  }
}
