import EngramIndex
import Foundation
import Synchronization
import SystemPackage

/// The snapshot of a store's index on disk: written by the process that links rows, taken over by the
/// others.
final class SnapshotFile: Sendable {
  private let source: IndexSource
  private let index: SharedIndex

  /// What the file holds, as far as this process knows: the change that it covers, and what had been
  /// made of the index, all but the rows that were not in the graph yet.
  private struct Saved {
    var covered: Int64
    var revision: Int
    var tail: Int
    var calibration: Calibration?
  }
  private let saved: Mutex<Saved>

  /// A snapshot is due when this many changes, and this part of all rows, are not in the last one:
  /// earlier where other processes scan what it lacks.
  private static let changes = 8_192
  private static let share = 4
  private static let changesInCompany = 4_096
  private static let shareInCompany = 20
  /// What is left to the next opening, so that a process which comes and goes with a few memories does
  /// not write them all: so many changes, which cost it 3 ms, and no more than this part of all rows.
  private static let changesLeft = 256
  private static let shareLeft = 64

  /// - Parameter restored: the change that the file covered, where the index came from it.
  init(source: IndexSource, index: SharedIndex, restored: Int64?) {
    self.source = source
    self.index = index
    // One that was of no use is replaced whatever it covers.
    let live = index.live.index
    saved = Mutex(
      Saved(
        covered: restored ?? -1, revision: live.revision, tail: live.tailCount,
        calibration: live.calibration))
  }

  // MARK: Writing, by the holder of the indexer lock

  /// Writes a snapshot unless the one on disk holds all there is.
  func write() throws(StoreError) {
    try saved.withLock { saved throws(StoreError) in
      let live = index.live
      // Read before: what comes in between is written once more.
      let (revision, tail) = (live.index.revision, live.index.tailCount)
      guard live.covered > saved.covered || revision > saved.revision else { return }
      // Another process may have put other vectors in their place and left nothing of these.
      guard try isCurrent(live.pages) else { return }
      let begin = MonotonicTime.now
      let covered = try Snapshot.write(
        live, identity: source.identity(of: live.pages), to: source.snapshotPath(of: live.pages)
      ) { change throws(StoreError) in
        try source.catalogue.chainHash(of: change) ?? HistoryRow.origin
      }
      saved = Saved(
        covered: covered, revision: revision, tail: tail, calibration: live.index.calibration)
      index.figures.snapshotWritten(since: begin)
    }
  }

  private func isCurrent(_ pages: VectorPages) throws(StoreError) -> Bool {
    do { return try source.catalogue.read(pages.isCurrent) } catch { throw StoreError(error) }
  }

  /// Runs what puts another file of vectors in the place of this one, with a snapshot of its own, while
  /// nobody writes one.
  ///
  /// - Parameter body: its value, the index afterwards, and the change that the snapshot covers.
  func switching<Result, Failure: Error>(
    _ body: () throws(Failure) -> (Result, LiveIndex, covered: Int64)
  ) throws(Failure) -> Result {
    try saved.withLock { saved throws(Failure) in
      // Where it fails the file may hold anything.
      saved.covered = -1
      let (result, live, covered) = try body()
      saved = Saved(
        covered: covered, revision: live.index.revision, tail: live.index.tailCount,
        calibration: live.index.calibration)
      return result
    }
  }

  /// Whether the next opening would have something to do that is more work than a snapshot.
  var isWorthwhile: Bool {
    let live = index.live
    let left = min(live.index.rowCount / Self.shareLeft, Self.changesLeft)
    return saved.withLock { saved in
      saved.covered < 0 || live.covered - saved.covered > Int64(left)
        || saved.tail - live.index.tailCount > left
        || live.index.calibration != saved.calibration
    }
  }

  func writeIfDue(hasCompany: Bool) {
    let behind = index.live.covered - saved.withLock { $0.covered }
    guard behind >= changesUntilDue(hasCompany: hasCompany) else { return }
    // Derived data: where this fails, the next attempt or the next opening makes up for it.
    try? write()
  }

  func changesUntilDue(hasCompany: Bool) -> Int {
    let rows = index.live.index.rowCount
    return hasCompany
      ? max(Self.changesInCompany, rows / Self.shareInCompany)
      : max(Self.changes, rows / Self.share)
  }

  // MARK: Taking over

  /// Exchanges the index for the snapshot that another process has written, if that leaves fewer rows
  /// to scan; whether it did.
  func takeOver() -> Bool {
    // One that is damaged is as good as none: its writer, or the next one, makes another.
    (try? saved.withLock { saved throws(StoreError) in
      let live = index.live
      let identity = source.identity(of: live.pages)
      guard let covered = try Snapshot.covered(source.snapshotPath(of: live.pages), identity: identity),
        covered > saved.covered, live.covered - covered < live.index.tailCount,
        let restored = try source.restore(live.pages)
      else { return false }
      try index.replace(with: restored)
      saved = Saved(
        covered: covered, revision: restored.index.revision, tail: restored.index.tailCount,
        calibration: restored.index.calibration)
      return true
    }) ?? false
  }
}
