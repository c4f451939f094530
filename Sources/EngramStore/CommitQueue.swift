import Foundation
import Synchronization

/// Group commit: requests of many callers wait here, and a thread of the store's own makes all
/// that wait durable together. While one group is being synced the next one gathers by itself, so
/// nobody waits for company.
final class CommitQueue: Sendable {
  private struct Pending: Sendable {
    let request: WriteRequest
    let done: @Sendable (Result<Void, StoreError>) -> Void
  }

  private struct State {
    var waiting: [Pending] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  /// Signalled when something waits, or the queue is closed.
  private let work = DispatchSemaphore(value: 0)
  private let finished = DispatchGroup()

  /// A group holds no more than this, so that the first in it does not wait long for the last.
  private static let groupMemories = 1_024
  private static let groupBytes = 4 << 20

  /// Starts the commit thread. `beforeGroup` may wait, which holds writers back.
  func start(
    _ makeCommitter: sending @escaping () throws(StoreError) -> Committer,
    beforeGroup: @escaping @Sendable () -> Void
  ) throws(StoreError) {
    let committer = Handover(try makeCommitter())
    finished.enter()
    let thread = Thread { [self] in
      run(committer.value, beforeGroup)
      finished.leave()
    }
    thread.name = "engram.commit"
    thread.start()
  }

  /// Waits until the request is durable.
  func submit(_ request: WriteRequest) async throws(StoreError) {
    let result = await withCheckedContinuation { continuation in
      submit(request) { continuation.resume(returning: $0) }
    }
    try result.get()
  }

  /// Calls `done` on the commit thread once the request is durable or refused.
  func submit(
    _ request: WriteRequest, _ done: @escaping @Sendable (Result<Void, StoreError>) -> Void
  ) {
    let isClosed = state.withLock { state in
      if !state.isClosed { state.waiting.append(Pending(request: request, done: done)) }
      return state.isClosed
    }
    if isClosed { done(.failure(.closed)) } else { work.signal() }
  }

  /// Refuses further requests; the thread ends when those that wait are done.
  func close() {
    state.withLock { $0.isClosed = true }
    work.signal()
  }

  func waitUntilFinished() { finished.wait() }

  private func run(_ committer: Committer, _ beforeGroup: () -> Void) {
    while true {
      work.wait()
      beforeGroup()
      let (group, isLast) = takeGroup()
      if !group.isEmpty {
        let outcomes = committer.commit(group.map(\.request))
        for (pending, outcome) in zip(group, outcomes) { pending.done(outcome) }
        committer.growAhead()
        committer.checkpointIfDue()
        committer.mergeMetadataIfDue()
      }
      if isLast { return }
    }
  }

  /// The requests of the next group, and whether none can come after it.
  private func takeGroup() -> ([Pending], isLast: Bool) {
    state.withLock { state in
      var memories = 0
      var bytes = 0
      var count = 0
      for pending in state.waiting {
        let size = pending.request.size
        memories += size.memories
        bytes += size.bytes
        // The first is taken whatever its size.
        if count > 0, memories > Self.groupMemories || bytes > Self.groupBytes { break }
        count += 1
      }
      let group = Array(state.waiting.prefix(count))
      state.waiting.removeFirst(count)
      return (group, state.isClosed && state.waiting.isEmpty)
    }
  }
}

/// Carries a value to the one thread that uses it from then on.
private struct Handover<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: sending Value) { self.value = value }
}
