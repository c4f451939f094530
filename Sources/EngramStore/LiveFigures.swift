import EngramIndex
import Foundation
import Synchronization

/// What an open store measures of itself: told by whoever does the work, read by `Store.figures` and
/// `Store.advise`, and passed on to swift-metrics where somebody collects that.
final class LiveFigures: Sendable {
  let opened = MonotonicTime.now
  let search = LatencyHistogram()
  /// Inserts, from the call to its acknowledgement.
  let add = LatencyHistogram()
  let commit = LatencyHistogram()
  let checkpoint = LatencyHistogram()

  private let metrics: StoreMetrics?
  private let scans = Atomic(0)
  private let walks = Atomic(0)
  private let filteredWalks = Atomic(0)
  private let filteredWalksThenScans = Atomic(0)
  private let failedSearches = Atomic(0)
  private let failedWrites = Atomic(0)
  private let waiting = Atomic(0)
  private let writes = Mutex(Writes())
  private let backlog: Mutex<Backlog>
  /// As the gauge was told last.
  private let tail = Mutex(0)
  private let background = Mutex(Background())

  init(_ configuration: StoreConfiguration) {
    metrics = StoreMetrics(name: configuration.name, factory: configuration.metrics)
    backlog = Mutex(Backlog(opened))
  }

  // MARK: Searches

  func searched(_ plan: SearchPlan, since begin: MonotonicTime) {
    let now = MonotonicTime.now
    let nanoseconds = now.since(begin)
    search.record(nanoseconds, at: now)
    switch plan {
    case .scan: scans.add(1, ordering: .relaxed)
    case .walk: walks.add(1, ordering: .relaxed)
    case .filteredWalk: filteredWalks.add(1, ordering: .relaxed)
    case .filteredWalkThenScan: filteredWalksThenScans.add(1, ordering: .relaxed)
    }
    metrics?.searched(plan, nanoseconds: nanoseconds)
  }

  func searchFailed(_ error: StoreError) {
    guard error.isFailure else { return }
    failedSearches.add(1, ordering: .relaxed)
    metrics?.searchFailed()
  }

  // MARK: Writes

  /// So many requests more wait to be committed, or fewer.
  func queued(_ difference: Int) {
    let before = waiting.add(difference, ordering: .relaxed).oldValue
    if difference > 0 { backlog.withLock { $0.turn(at: .now, waiting: before) } }
    metrics?.queued(difference)
  }

  func wrote(_ request: WriteRequest, since begin: MonotonicTime) {
    guard let operation = request.operation else { return }
    let now = MonotonicTime.now
    let nanoseconds = now.since(begin)
    if operation == .add { add.record(nanoseconds, at: now) }
    metrics?.wrote(operation, nanoseconds: nanoseconds)
  }

  func writeFailed(_ error: StoreError) {
    guard error.isFailure else { return }
    failedWrites.add(1, ordering: .relaxed)
    metrics?.writeFailed()
  }

  /// - Parameter vectors: nanoseconds that writing the vectors took, to their file and into the log.
  func committed(_ counts: ChangeCounts, vectors: UInt64, since begin: MonotonicTime) {
    let now = MonotonicTime.now
    let nanoseconds = now.since(begin)
    commit.record(nanoseconds, at: now)
    writes.withLock { writes in
      writes.groups += 1
      writes.changes += counts
    }
    metrics?.committed(
      counts, vectors: vectors, transaction: nanoseconds > vectors ? nanoseconds - vectors : 0)
  }

  func checkpointed(since begin: MonotonicTime) {
    let now = MonotonicTime.now
    checkpoint.record(now.since(begin), at: now)
    metrics?.checkpointed(nanoseconds: now.since(begin))
  }

  // MARK: In the background

  /// - Parameter count: the rows that are not in the graph; asked so that the last to tell is right.
  func tailMoved(_ count: () -> Int) {
    guard let metrics else { return }
    tail.withLock { tail in
      let now = count()
      metrics.tailMoved(by: now - tail)
      tail = now
    }
  }

  func snapshotWritten(since begin: MonotonicTime) {
    metrics?.snapshotWritten(nanoseconds: MonotonicTime.now.since(begin))
  }

  /// - Parameter width: what the default recall takes now.
  func calibrated(width: Int, since begin: MonotonicTime) {
    background.withLock { $0.calibratedAt = Date() }
    metrics?.calibrated(width: width, nanoseconds: MonotonicTime.now.since(begin))
  }

  func backedUp(bytes: Int, since begin: MonotonicTime) {
    let nanoseconds = MonotonicTime.now.since(begin)
    background.withLock {
      $0.backup = StoreFigures.Backup(
        endedAt: Date(), duration: .nanoseconds(nanoseconds), bytes: bytes)
    }
    metrics?.backedUp(nanoseconds: nanoseconds)
  }

  /// What this store has added to gauges that others share is taken back.
  func closed() { tailMoved { 0 } }

  deinit { closed() }

  // MARK: Reading

  var waitingWrites: Int { waiting.load(ordering: .relaxed) }

  var lastBackup: StoreFigures.Backup? { background.withLock { $0.backup } }

  /// - Parameter index: of the store, for what it knows itself.
  func read(_ index: HNSWIndex) -> StoreFigures {
    let now = MonotonicTime.now
    let writes = writes.withLock { $0 }
    let background = background.withLock { $0 }
    let waiting = waitingWrites
    let search = search.read(at: now)
    return StoreFigures(
      openFor: .nanoseconds(now.since(opened)),
      recentSpan: .nanoseconds(search.recentNanoseconds),
      search: Latencies(search), add: Latencies(add.read(at: now)),
      commit: Latencies(commit.read(at: now)), checkpoint: Latencies(checkpoint.read(at: now)),
      searches: [
        .scan: scans.load(ordering: .relaxed), .walk: walks.load(ordering: .relaxed),
        .filteredWalk: filteredWalks.load(ordering: .relaxed),
        .filteredWalkThenScan: filteredWalksThenScans.load(ordering: .relaxed),
      ],
      added: writes.changes.added, updated: writes.changes.updated,
      deleted: writes.changes.deleted, groups: writes.groups,
      failedSearches: failedSearches.load(ordering: .relaxed),
      failedWrites: failedWrites.load(ordering: .relaxed), waitingWrites: waiting,
      queueGrowth: backlog.withLock { $0.growth(at: now, waiting: waiting) },
      tailRows: index.tailCount, calibration: StoreFigures.CalibratedSearch(index),
      calibratedAt: background.calibratedAt, lastBackup: background.backup)
  }
}

/// Committed groups, and what was in them.
private struct Writes {
  var groups = 0
  var changes = ChangeCounts()
}

/// What was done last, beside searches and writes.
private struct Background {
  var calibratedAt: Date?
  var backup: StoreFigures.Backup?
}

/// How many requests waited at two moments: the beginning of this window and of the one before.
private struct Backlog {
  private var previous: (at: MonotonicTime, waiting: Int)
  private var current: (at: MonotonicTime, waiting: Int)

  private static let window = LatencyHistogram.windowSeconds * 1_000_000_000
  /// Over less than this a difference says nothing.
  private static let shortest: UInt64 = 10_000_000_000

  init(_ now: MonotonicTime) {
    previous = (now, 0)
    current = (now, 0)
  }

  mutating func turn(at now: MonotonicTime, waiting: Int) {
    let age = now.since(current.at)
    guard age >= Self.window else { return }
    previous = age < 2 * Self.window ? current : (now, waiting)
    current = (now, waiting)
  }

  /// Requests by which the queue has become longer in a minute, in the mean; nil where it has not been
  /// watched long enough.
  func growth(at now: MonotonicTime, waiting: Int) -> Double? {
    let span = now.since(previous.at)
    guard span >= Self.shortest else { return nil }
    return Double(waiting - previous.waiting) / (Double(span) / 60e9)
  }
}

// MARK: - What is counted

/// What a write does to memories.
enum WriteOperation: Int, CaseIterable {
  case add, update, delete

  var label: String {
    switch self {
    case .add: "add"
    case .update: "update"
    case .delete: "delete"
    }
  }
}

/// Changes of a group, or of all, by what they did.
struct ChangeCounts: Sendable {
  var added = 0
  var updated = 0
  var deleted = 0

  var total: Int { added + updated + deleted }

  subscript(operation: WriteOperation) -> Int {
    switch operation {
    case .add: added
    case .update: updated
    case .delete: deleted
    }
  }

  static func += (total: inout Self, one: Self) {
    total.added += one.added
    total.updated += one.updated
    total.deleted += one.deleted
  }
}

extension WriteRequest {
  /// Nil for what the store asks of itself.
  fileprivate var operation: WriteOperation? {
    switch self {
    case .insert: .add
    case .all(let requests, _): requests.lazy.compactMap(\.operation).first
    case .expect, .record, .finish, .postpone, .requeue, .ensureNoErasure: nil
    case .update: .update
    case .revive: .add
    case .delete, .erase, .retire: .delete
    case .recordAccess, .checkpoint, .compact, .work, .switchSpace: nil
    }
  }
}

extension SearchPlan {
  static let inOrder: [SearchPlan] = [.scan, .walk, .filteredWalk, .filteredWalkThenScan]

  /// Its place in `inOrder`.
  var number: Int {
    switch self {
    case .scan: 0
    case .walk: 1
    case .filteredWalk: 2
    case .filteredWalkThenScan: 3
    }
  }

  /// As a dimension of metrics.
  var label: String {
    switch self {
    case .scan: "scan"
    case .walk: "walk"
    case .filteredWalk: "filtered_walk"
    case .filteredWalkThenScan: "filtered_walk_then_scan"
    }
  }
}

extension StoreError {
  /// Whether the store could not do what it should, rather than refused what it was given.
  fileprivate var isFailure: Bool {
    switch self {
    case .damaged, .system, .database, .readOnly, .commitOutcomeUnknown: true
    case .index(.full), .index(.outOfMemory), .index(.damagedSnapshot): true
    default: false
    }
  }
}
