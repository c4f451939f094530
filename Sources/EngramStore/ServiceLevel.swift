import EngramIndex
import Foundation

/// What a store is to hold: `Store.advise` reports against it.
public struct ServiceLevel: Sendable, Hashable {
  /// 95 of 100 searches take no longer. 10 milliseconds.
  public var searchP95: Duration
  /// 95 of 100 inserts are acknowledged in this time. 50 milliseconds.
  public var addP95: Duration
  /// Requests by which the queue of writes may become longer in a minute. 60.
  public var queueGrowth: Double
  /// A backup takes no longer. 10 minutes.
  public var backup: Duration
  /// Bytes of memory that the index and the postings of filters may take; nil for half of the
  /// machine's.
  public var memoryBytes: Int?
  /// Bytes that the files may take; nil for half of what the files and the free space of their file
  /// system make together, so that a copy has room beside them.
  public var diskBytes: Int?
  /// Share of the true neighbours that searches find in the mean, above 0 and at most 1. What searches
  /// ask for by default.
  public var recall: Double
  /// How many days ahead growth is looked at: what will not hold by then is said now. 30.
  public var daysAhead: Double

  public init(
    searchP95: Duration = .milliseconds(10), addP95: Duration = .milliseconds(50),
    queueGrowth: Double = 60, backup: Duration = .seconds(600), memoryBytes: Int? = nil,
    diskBytes: Int? = nil, recall: Double = HNSWIndex.defaultRecall, daysAhead: Double = 30
  ) {
    self.searchP95 = searchP95
    self.addP95 = addP95
    self.queueGrowth = queueGrowth
    self.backup = backup
    self.memoryBytes = memoryBytes
    self.diskBytes = diskBytes
    self.recall = recall
    self.daysAhead = daysAhead
  }

  /// Refuses limits that nothing can be measured against.
  func check() throws(StoreError) {
    let limits = [
      ("searchP95", searchP95.seconds), ("addP95", addP95.seconds), ("queueGrowth", queueGrowth),
      ("backup", backup.seconds), ("memoryBytes", Double(memoryBytes ?? 1)),
      ("diskBytes", Double(diskBytes ?? 1)), ("recall", recall), ("daysAhead", daysAhead),
    ]
    for (field, limit) in limits where !(limit > 0 && limit.isFinite) {
      throw .invalid(field: field, reason: "it must be above 0")
    }
    guard recall <= 1 else { throw .invalid(field: "recall", reason: "it must be at most 1") }
  }
}
