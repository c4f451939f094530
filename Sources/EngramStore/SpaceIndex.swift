import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// The index over a space that is to become the active one, made beside the one that is.
struct SpaceIndex: Sendable {
  let live: LiveIndex
  /// Of the active space's file when it was begun: a compaction since may have cut versions that it has.
  private let generation: UInt32
  /// The change that its snapshot covers; -1 where there is none.
  private(set) var saved: Int64

  /// Changes without which a snapshot is as good, and the part of all rows.
  private static let changes: Int64 = 4_096
  private static let share = 20
  /// Rows linked between two looks at whether to stop.
  private static let step = 4_096

  private init(_ source: IndexSource, _ pages: VectorPages) throws {
    generation = try source.catalogue.read(VectorSpace.active).generation
    let origin: IndexOrigin
    (live, origin) = try source.open(pages)
    saved = origin == .snapshot ? live.covered : -1
  }

  /// Whether no compaction has come since it was begun.
  func isOfUse(_ db: Database) throws -> Bool {
    try VectorSpace.active(db).generation == generation
  }

  /// The index over a space, brought up to a change up to which all versions have their vectors there, and
  /// its snapshot, for the other processes.
  ///
  /// - Parameter known: one that was made before, of the same space.
  static func make(
    _ known: SpaceIndex?, _ source: IndexSource, _ pages: VectorPages, upTo complete: Int64,
    _ call: LongCall
  ) throws -> SpaceIndex {
    Indexer.giveWay()
    var known = known
    while true {
      var index = try known ?? SpaceIndex(source, pages)
      if try index.build(source, upTo: complete, call) { return index }
      known = nil
    }
  }

  /// Whether that could be done: not where compaction has been quicker.
  private mutating func build(
    _ source: IndexSource, upTo complete: Int64, _ call: LongCall
  ) throws -> Bool {
    guard try bringUp(source, complete) else { return false }
    let threads = source.configuration.indexingThreads
    while live.index.hasWork {
      let rows = live.index.rowCount
      try call.reached(rows - live.index.tailCount, of: rows, .index)
      try live.index.link(threads: threads, limit: Self.step)
    }
    if live.index.needsCalibration { live.index.calibrate(threads: threads) }
    let missing = live.covered - saved
    guard saved < 0 || missing > max(Self.changes, Int64(live.index.rowCount / Self.share)) else {
      return true
    }
    return try save(source, complete)
  }

  private func bringUp(_ source: IndexSource, _ complete: Int64) throws -> Bool {
    let committed = try source.catalogue.read { db in
      let isRead = live.text.index != nil
      return try isOfUse(db)
        ? CommittedChanges(of: live, upTo: complete, withMetadata: false, withTexts: isRead, db) : nil
    }
    guard let committed else { return false }
    _ = try live.apply(committed)
    return true
  }

  /// Compaction, which takes such snapshots away, waits meanwhile; what it takes out is not in this one.
  private mutating func save(_ source: IndexSource, _ complete: Int64) throws -> Bool {
    let lock = try File.open(live.pages.file.path, .write)
    _ = try lock.lock(wait: true)
    defer { withExtendedLifetime(lock) {} }
    guard try bringUp(source, complete) else { return false }
    let threads = source.configuration.indexingThreads
    try live.index.link(threads: threads)
    live.index.removeDead(threads: threads)
    live.index.wipeVacant()
    saved = try Snapshot.write(
      live, identity: source.identity(of: live.pages), to: source.snapshotPath(of: live.pages)
    ) { change throws(StoreError) in
      try source.catalogue.chainHash(of: change) ?? HistoryRow.origin
    }
    return true
  }
}
