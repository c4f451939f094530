import EngramIndex
import Foundation
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Puts rows that were committed into the graph and takes dead ones out, on a thread of its own, and
/// says when it is time for a snapshot. Until a row is in the graph searches scan it.
///
/// One process at a time does so, the one that holds `indexer.lock`: it takes the lock when there is
/// something to do and gives it back when there has been nothing for a while, so that an idle process
/// is in nobody's way. The others take over the snapshots that it writes.
final class Indexer: Sendable {
  private struct State {
    var isStopped = false
    var failure: IndexError?
  }

  private let index: SharedIndex
  private let snapshots: SnapshotFile
  private let threads: Int
  private let lock: File
  /// How many of this process's threads hold the lock together.
  private let holders = Mutex(0)
  private let isHolder = Atomic<Bool>(false)
  private let state = Mutex(State())
  private let finished = DispatchGroup()

  static let lockName = "indexer.lock"
  private static let holder = File.LockByte(offset: 0)
  /// Shared by every process that has the store open.
  static let presence = File.LockByte(offset: 1)

  /// Writers wait while the graph is further behind: searches scan the rest, and that has a price.
  static let largestTail = 8_192
  private static let niceness: Int32 = 5
  /// Rows linked between two looks at whether to stop.
  private static let step = 4_096
  /// How long the lock is kept while there is nothing to do.
  private static let rest: TimeInterval = 1
  /// Between two looks at what the process does that holds the lock.
  private static let pause: TimeInterval = 0.02
  /// The longest that a writer waits for an indexer that may stand still.
  static let patience: TimeInterval = 10

  init(
    _ directory: FilePath, index: SharedIndex, snapshots: SnapshotFile, threads: Int
  ) throws(StoreError) {
    self.index = index
    self.snapshots = snapshots
    self.threads = max(1, threads)
    lock = try File.open(directory.appending(Self.lockName), .create)
    try lock.share(Self.presence)
  }

  func start() {
    finished.enter()
    let thread = Thread { [self] in
      Self.giveWay()
      run()
      giveBack()
      finished.leave()
    }
    thread.name = "engram.index"
    thread.start()
  }

  /// Lets writers and searches go first where cores are few: what waits here is found meanwhile, and
  /// writers wait where it becomes too much. Threads that this one starts do the same.
  static func giveWay() {
    #if os(Linux)
      // Of the calling thread, on Linux.
      _ = setpriority(__priority_which_t(UInt32(PRIO_PROCESS.rawValue)), 0, niceness)
    #else
      pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0)
    #endif
  }

  /// Ends the thread after the step that it is at.
  func stop() {
    state.withLock { $0.isStopped = true }
    index.announce()
    finished.wait()
  }

  /// Writes a snapshot, unless another process has the lock.
  func writeSnapshot() throws(StoreError) {
    guard hold() else { return }
    defer { release() }
    try snapshots.write()
  }

  /// Waits until no other process links rows or writes snapshots, a moment after the last one that did;
  /// none does until `release`.
  ///
  /// - Throws: `StoreError.inUse` where one does not stop.
  func waitToHold() throws(StoreError) {
    let begin = Date()
    while !hold() {
      guard -begin.timeIntervalSinceNow < Self.patience else {
        throw .inUse(lock.path.removingLastComponent().string)
      }
      // Waiting for the lock itself would have no end.
      Thread.sleep(forTimeInterval: Self.pause)
    }
  }

  /// The store is closed: others may repair it, though this object lives on.
  func leave() { try? lock.unlock(Self.presence) }

  /// Whether other processes have the store open.
  var hasCompany: Bool { lock.isShared(Self.presence) }

  // MARK: Waiting for it

  /// Holds a writer back while the graph is far behind; where another process links the rows, until
  /// it has written a snapshot.
  func waitForTail() {
    let begin = Date()
    let allowed =
      isHolder.load(ordering: .relaxed)
      ? Self.largestTail : Self.largestTail + snapshots.changesUntilDue(hasCompany: true)
    // A failed indexer, or one that stands still, holds nobody up.
    try? wait { index.live.index.tailCount <= allowed || -begin.timeIntervalSinceNow > Self.patience }
  }

  /// Waits until there is nothing to do, or the thread has ended.
  func waitUntilIdle() throws(IndexError) { try wait { !hasWork } }

  private func wait(until isReached: () -> Bool) throws(IndexError) {
    index.arrival.lock()
    while !isReached(), !state.withLock({ $0.isStopped || $0.failure != nil }) {
      index.arrival.wait(until: Date(timeIntervalSinceNow: Self.rest))
    }
    index.arrival.unlock()
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  // MARK: The thread

  private var hasWork: Bool {
    let index = index.live.index
    return index.hasWork || index.needsCalibration
  }

  private var isStopped: Bool { state.withLock { $0.isStopped } }

  private func run() {
    while !isStopped {
      if !hasWork {
        rest()
      } else if takeLock() {
        do throws(IndexError) { try work() } catch {
          // Memory was refused. Searches go on by scanning; whoever waits is told.
          state.withLock { $0.failure = error }
          index.announce()
          return
        }
        index.announce()
      } else if snapshots.takeOver() {
        index.announce()
      } else {
        pause()
      }
    }
  }

  private func takeLock() -> Bool {
    if isHolder.load(ordering: .relaxed) { return true }
    guard hold() else { return false }
    isHolder.store(true, ordering: .relaxed)
    return true
  }

  private func giveBack() {
    if isHolder.exchange(false, ordering: .relaxed) { release() }
  }

  private func hold() -> Bool {
    holders.withLock { holders in
      if holders == 0 {
        guard (try? lock.lock(Self.holder, wait: false)) ?? false else { return false }
        // Whoever had it before may have linked rows that are not in the graph of this process.
        _ = snapshots.takeOver()
      }
      holders += 1
      return true
    }
  }

  func release() {
    holders.withLock { holders in
      holders -= 1
      if holders == 0 { try? lock.unlock(Self.holder) }
    }
  }

  private func work() throws(IndexError) {
    let index = index.live.index
    if index.tailCount == 0, index.needsCalibration {
      let begin = MonotonicTime.now
      index.calibrate(threads: threads)
      if let calibrated = StoreFigures.CalibratedSearch(index) {
        self.index.figures.calibrated(width: calibrated.width, since: begin)
      }
    } else {
      try index.link(threads: threads, limit: Self.step)
      snapshots.writeIfDue(hasCompany: hasCompany)
    }
  }

  /// Waits for something to do, and gives the lock back if that takes long.
  private func rest() {
    guard isHolder.load(ordering: .relaxed) else { return waitForWork() }
    waitForWork(until: Date(timeIntervalSinceNow: Self.rest))
    if !hasWork { giveBack() }
  }

  private func waitForWork(until limit: Date? = nil) {
    index.arrival.lock()
    defer { index.arrival.unlock() }
    while !hasWork, !isStopped {
      if let limit {
        guard index.arrival.wait(until: limit) else { return }
      } else {
        index.arrival.wait()
      }
    }
  }

  /// Waits a moment for the process that holds the lock.
  private func pause() {
    index.arrival.lock()
    if !isStopped { index.arrival.wait(until: Date(timeIntervalSinceNow: Self.pause)) }
    index.arrival.unlock()
  }
}
