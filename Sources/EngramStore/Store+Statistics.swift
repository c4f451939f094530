import EngramIndex
import Foundation
import GRDB

/// What a store holds and takes.
public struct StoreStatistics: Sendable {
  public var memories: Int
  /// Versions that were updated or deleted; they are kept for the past.
  public var endedVersions: Int
  /// Writes since the store was made; the number of the last change.
  public var changes: Int64
  public var users: Int
  public var agents: Int
  public var runs: Int
  /// Rows of the index, those of deleted memories included; how many of them are dead and still
  /// passed through by searches, and how many not yet in the graph.
  public var indexRows: Int
  public var deadRows: Int
  public var tailRows: Int
  /// Bytes on disk by file name.
  public var fileBytes: [String: Int]
  /// Bytes of memory that codes, links and tables of the index take.
  public var indexBytes: Int
  /// Metadata keys whose postings filters have had made, and about how much memory these take.
  public var filterKeys: Int
  public var filterBytes: Int
  /// Requests of this process that wait to be committed.
  public var waitingWrites: Int
  /// What a search with the default recall does; nil where nothing is calibrated.
  public var calibration: StoreFigures.CalibratedSearch?
  public var indexOrigin: IndexOrigin
  public var sqliteVersion: String
  public var kernels: String
}

extension Store {
  /// What the store holds and takes now. It counts rows of the catalogue: milliseconds at 100,000
  /// memories.
  ///
  /// - Throws: `StoreError.closed` after `close`; an error of reading.
  public func statistics() throws(StoreError) -> StoreStatistics {
    let (memories, ended, changes, sqlite) = try read { db in
      (
        try Int.fetchOne(db, sql: "SELECT count(*) FROM memory WHERE ended IS NULL") ?? 0,
        try Int.fetchOne(db, sql: "SELECT count(*) FROM memory WHERE ended IS NOT NULL") ?? 0,
        try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM history") ?? 0,
        try String.fetchOne(db, sql: "SELECT sqlite_version()") ?? ""
      )
    }
    let live = try core.index.upToDate()
    let (counts, index, postings) = (live.postings.counts, live.index, live.metadata.size)
    return StoreStatistics(
      memories: memories, endedVersions: ended, changes: changes, users: counts.users,
      agents: counts.agents, runs: counts.runs, indexRows: index.rowCount,
      deadRows: index.buriedCount, tailRows: index.tailCount,
      fileBytes: try Directory.fileSizes(core.directory),
      indexBytes: index.memoryBytes + index.rowCount * LiveIndex.bytesPerRow,
      filterKeys: postings.keys, filterBytes: postings.bytes,
      waitingWrites: core.figures.waitingWrites,
      calibration: StoreFigures.CalibratedSearch(index),
      indexOrigin: core.origin, sqliteVersion: sqlite, kernels: Kernels.name)
  }
}
