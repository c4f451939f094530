import EngramIndex
import Foundation

/// What a store has measured of itself since this process opened it. Figures of other processes that
/// have it open are theirs.
public struct StoreFigures: Sendable, Hashable {
  /// Since this process opened the store.
  public var openFor: Duration
  /// How far back what is called recent goes: 5 to 10 minutes, or to the opening.
  public var recentSpan: Duration
  /// Searches that were answered, from the call to its result.
  public var search: Latencies
  /// Inserts, of one or of many memories, from the call to its acknowledgement.
  public var add: Latencies
  /// Commits of groups of writes, once the right to commit was had.
  public var commit: Latencies
  /// Moving SQLite's log into the database.
  public var checkpoint: Latencies
  /// Searches that were answered, by how the index answered them.
  public var searches: [SearchPlan: Int]
  /// Memories added, updated and deleted.
  public var added: Int
  public var updated: Int
  public var deleted: Int
  /// Groups of writes that were committed together.
  public var groups: Int
  /// Calls that the store could not serve. What it refuses, as a vector of another dimension, is not
  /// counted.
  public var failedSearches: Int
  public var failedWrites: Int
  /// Requests that wait to be committed.
  public var waitingWrites: Int
  /// Requests by which that number has risen in a minute, in the mean of `recentSpan`; nil until it has
  /// been watched for ten seconds.
  public var queueGrowth: Double?
  /// Rows that are not in the graph yet: searches scan them.
  public var tailRows: Int
  /// What a search with the default recall does; nil where nothing is calibrated, as up to 2,000
  /// memories are always scanned.
  public var calibration: CalibratedSearch?
  /// When this process calibrated last.
  public var calibratedAt: Date?
  /// The last backup that this process made.
  public var lastBackup: Backup?

  /// Changes that a group had in the mean; nil where there was none.
  public var changesPerGroup: Double? {
    groups > 0 ? Double(added + updated + deleted) / Double(groups) : nil
  }

  /// A search with the default recall, as it was calibrated.
  public struct CalibratedSearch: Sendable, Hashable {
    /// Of the candidate list, for 10 results.
    public var width: Int
    /// What that width was measured to reach.
    public var recall: Double
    /// Live rows when it was measured.
    public var rows: Int
  }

  /// A backup that was made.
  public struct Backup: Sendable, Hashable {
    public var endedAt: Date
    public var duration: Duration
    /// Of its files.
    public var bytes: Int
  }
}

/// Durations of one kind, lately and since the store was opened.
public struct Latencies: Sendable, Hashable {
  public var recent: LatencySummary
  public var sinceOpening: LatencySummary

  init(_ read: (recent: LatencyCounts, recentNanoseconds: UInt64, all: LatencyCounts)) {
    recent = LatencySummary(read.recent)
    sinceOpening = LatencySummary(read.all)
  }
}

/// How long something took: within 1/32 of the truth, from 1 microsecond to 275 seconds.
public struct LatencySummary: Sendable, Hashable {
  public var count: Int
  /// Half of all took no longer, 95 of 100, 99 of 100, none; zero where there were none.
  public var p50 = Duration.zero
  public var p95 = Duration.zero
  public var p99 = Duration.zero
  public var longest = Duration.zero

  init(_ counts: LatencyCounts) {
    count = Int(clamping: counts.total)
    guard count > 0 else { return }
    func quantile(_ share: Double) -> Duration { .nanoseconds(counts.quantile(share) ?? 0) }
    (p50, p95, p99, longest) = (quantile(0.5), quantile(0.95), quantile(0.99), quantile(1))
  }
}

extension StoreFigures.CalibratedSearch {
  init?(_ index: HNSWIndex) {
    guard let calibration = index.calibration,
      let setting = calibration.setting(recall: HNSWIndex.defaultRecall)
    else { return nil }
    self.init(width: setting.width, recall: setting.recall, rows: calibration.rows)
  }
}

extension Store {
  /// What this process has measured since it opened the store: latencies, counts, what waits. It
  /// costs microseconds and asks neither disk nor database.
  ///
  /// - Throws: `StoreError.closed` after `close`.
  public func figures() throws(StoreError) -> StoreFigures {
    try core.ensureOpen()
    return core.figures.read(core.index.live.index)
  }
}
