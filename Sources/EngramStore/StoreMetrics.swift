import CoreMetrics
import EngramIndex

/// The figures of a store as swift-metrics has them: made once, when the store is opened.
///
/// Labels and units are documented in docs/figures.md. Stores of one process without a name, and those
/// with the same one, share their series: counts and times add up in a backend, and gauges are moved
/// by differences, so that each is the sum over the stores. So ten thousand tenants make no more series
/// than one. For the same reason nothing is destroyed when a store is closed: another may share it.
final class StoreMetrics: Sendable {
  private let searchTimes: [Timer]
  private let writeTimes: [Timer]
  private let changes: [Counter]
  private let failedSearches: Counter
  private let failedWrites: Counter
  private let waiting: Meter
  private let groupMemories: Recorder
  private let commitVectors: Timer
  private let commitTransaction: Timer
  private let checkpoint: Timer
  private let snapshot: Timer
  private let backup: Timer
  private let calibration: Timer
  private let calibratedWidth: Recorder
  private let tail: Meter

  /// - Returns: nil where nobody collects: nothing is to be told then.
  init?(name: String?, factory: (any MetricsFactory)?) {
    let factory = factory ?? MetricsSystem.factory
    if factory is NOOPMetricsHandler { return nil }
    let store = name.map { [("store", $0)] } ?? []
    func timer(_ label: String, _ dimensions: [(String, String)] = []) -> Timer {
      Timer(label: "engram_store_\(label)_seconds", dimensions: store + dimensions, factory: factory)
    }
    func counter(_ label: String, _ dimensions: [(String, String)] = []) -> Counter {
      Counter(label: "engram_store_\(label)_total", dimensions: store + dimensions, factory: factory)
    }
    searchTimes = SearchPlan.inOrder.map { timer("search", [("plan", $0.label)]) }
    writeTimes = WriteOperation.allCases.map { timer("write", [("operation", $0.label)]) }
    changes = WriteOperation.allCases.map { counter("changes", [("operation", $0.label)]) }
    failedSearches = counter("failures", [("operation", "search")])
    failedWrites = counter("failures", [("operation", "write")])
    waiting = Meter(label: "engram_store_waiting_writes", dimensions: store, factory: factory)
    groupMemories = Recorder(
      label: "engram_store_group_memories", dimensions: store, aggregate: true, factory: factory)
    commitVectors = timer("commit", [("part", "vectors")])
    commitTransaction = timer("commit", [("part", "transaction")])
    checkpoint = timer("checkpoint")
    snapshot = timer("snapshot")
    backup = timer("backup")
    calibration = timer("calibration")
    calibratedWidth = Recorder(
      label: "engram_store_calibrated_width", dimensions: store, aggregate: true, factory: factory)
    tail = Meter(label: "engram_store_tail_rows", dimensions: store, factory: factory)
  }

  func searched(_ plan: SearchPlan, nanoseconds: UInt64) {
    searchTimes[plan.number].record(nanoseconds)
  }

  func searchFailed() { failedSearches.increment() }

  func wrote(_ operation: WriteOperation, nanoseconds: UInt64) {
    writeTimes[operation.rawValue].record(nanoseconds)
  }

  func writeFailed() { failedWrites.increment() }

  func queued(_ difference: Int) { waiting.move(by: difference) }

  func committed(_ counts: ChangeCounts, vectors: UInt64, transaction: UInt64) {
    for operation in WriteOperation.allCases where counts[operation] > 0 {
      changes[operation.rawValue].increment(by: counts[operation])
    }
    groupMemories.record(counts.total)
    commitVectors.record(vectors)
    commitTransaction.record(transaction)
  }

  func checkpointed(nanoseconds: UInt64) { checkpoint.record(nanoseconds) }

  func snapshotWritten(nanoseconds: UInt64) { snapshot.record(nanoseconds) }

  func backedUp(nanoseconds: UInt64) { backup.record(nanoseconds) }

  func calibrated(width: Int, nanoseconds: UInt64) {
    calibration.record(nanoseconds)
    calibratedWidth.record(width)
  }

  func tailMoved(by difference: Int) { tail.move(by: difference) }
}

extension Timer {
  fileprivate func record(_ nanoseconds: UInt64) {
    recordNanoseconds(Int64(clamping: nanoseconds))
  }
}

extension Meter {
  fileprivate func move(by difference: Int) {
    if difference > 0 {
      increment(by: Double(difference))
    } else if difference < 0 {
      decrement(by: Double(-difference))
    }
  }
}
