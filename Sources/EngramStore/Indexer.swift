import EngramIndex
import Foundation
import Synchronization

/// Puts rows that were committed into the graph and takes dead ones out, on a thread of its own, and
/// says when it is time for a snapshot. Until a row is in the graph searches scan it.
final class Indexer: Sendable {
  private struct State {
    var isStopped = false
    var failure: IndexError?
  }

  private let live: LiveIndex
  private let threads: Int
  private let condition = NSCondition()
  private let state = Mutex(State())
  private let finished = DispatchGroup()

  /// Writers wait while the graph is further behind: searches scan the rest, and that has a price.
  static let largestTail = 8_192
  /// Rows linked between two looks at whether to stop.
  private static let step = 4_096

  init(live: LiveIndex, threads: Int) {
    self.live = live
    self.threads = max(1, threads)
  }

  /// Starts the thread; `afterStep` is called on it whenever rows have been linked.
  func start(afterStep: @escaping @Sendable () -> Void) {
    finished.enter()
    let thread = Thread { [self] in
      run(afterStep)
      finished.leave()
    }
    thread.name = "engram.index"
    thread.start()
  }

  /// Tells the thread that there may be rows to link.
  func notify() {
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    notify()
    finished.wait()
  }

  /// Waits until the graph is at most `rows` behind, or the thread has ended.
  func wait(untilTail rows: Int) throws(IndexError) {
    try wait { live.index.tailCount <= rows }
  }

  /// Waits until there is nothing to do for the thread, or it has ended.
  func waitUntilIdle() throws(IndexError) {
    try wait { isIdle }
  }

  private var isIdle: Bool { !live.index.hasWork && !live.index.needsCalibration }

  private func wait(until isReached: () -> Bool) throws(IndexError) {
    condition.lock()
    while !isReached(), !state.withLock({ $0.isStopped || $0.failure != nil }) {
      condition.wait()
    }
    condition.unlock()
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  private func run(_ afterStep: () -> Void) {
    while !state.withLock({ $0.isStopped }) {
      if live.index.tailCount == 0, live.index.needsCalibration {
        live.index.calibrate(threads: threads)
        notify()
        continue
      }
      if isIdle {
        condition.lock()
        while isIdle, !state.withLock({ $0.isStopped }) { condition.wait() }
        condition.unlock()
        continue
      }
      do throws(IndexError) {
        try live.index.link(threads: threads, limit: Self.step)
      } catch {
        // Memory was refused. Searches go on by scanning; whoever waits is told.
        state.withLock { $0.failure = error }
        notify()
        return
      }
      notify()
      afterStep()
    }
  }
}
