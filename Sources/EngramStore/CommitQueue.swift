import Foundation
import Synchronization

/// Group commit: requests of many callers wait here, and a thread of the store's own makes all
/// that wait durable together. While one group is being synced the next one gathers by itself, so
/// nobody waits for company.
final class CommitQueue: Sendable {
  private struct Pending: Sendable {
    let ticket: Int
    let request: WriteRequest
    let done: @Sendable (Outcome) -> Void
  }

  /// The ids of what an insert inserted.
  typealias Outcome = Result<[UUID], StoreError>

  private struct State {
    var waiting: [Pending] = []
    var tickets = 0
    var isClosed = false
  }

  private let state = Mutex(State())
  /// Signalled when something waits, or the queue is closed.
  private let work = DispatchSemaphore(value: 0)
  private let finished = DispatchGroup()
  private let figures: LiveFigures

  /// A group holds no more than this, so that the first in it does not wait long for the last.
  private static let groupMemories = 1_024
  private static let groupBytes = 4 << 20

  init(figures: LiveFigures) { self.figures = figures }

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

  /// Waits until the request is durable. If the task is cancelled before a group has taken it, it is
  /// taken back; from then on its outcome counts.
  func submit(_ request: WriteRequest) async throws(StoreError) -> [UUID] {
    let ticket = state.withLock { state in
      state.tickets += 1
      return state.tickets
    }
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        submit(Pending(ticket: ticket, request: request) { continuation.resume(returning: $0) })
        // Cancelled before it was there to be taken back.
        if Task.isCancelled { takeBack(ticket) }
      }
    } onCancel: {
      takeBack(ticket)
    }
    return try outcome.get()
  }

  /// Calls `done` on the commit thread once the request is durable or refused.
  func submit(_ request: WriteRequest, _ done: @escaping @Sendable (Outcome) -> Void) {
    submit(Pending(ticket: 0, request: request, done: done))
  }

  private func submit(_ pending: Pending) {
    figures.queued(1)
    let isClosed = state.withLock { state in
      if !state.isClosed { state.waiting.append(pending) }
      return state.isClosed
    }
    if isClosed {
      figures.queued(-1)
      pending.done(.failure(.closed))
    } else {
      work.signal()
    }
  }

  private func takeBack(_ ticket: Int) {
    let pending = state.withLock { state in
      state.waiting.firstIndex { $0.ticket == ticket }.map { state.waiting.remove(at: $0) }
    }
    guard let pending else { return }
    figures.queued(-1)
    pending.done(.failure(.cancelled))
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
        figures.queued(-group.count)
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
