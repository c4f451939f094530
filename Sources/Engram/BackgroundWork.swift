import Synchronization

/// Work that an engine has going on by itself, until it is closed.
final class BackgroundWork: Sendable {
  private struct State {
    var tasks: [String: Task<Void, Never>] = [:]
    var isStopped = false
  }

  private let state = Mutex(State())

  /// Starts work, in the place of that with the same name.
  func start(_ name: String, _ work: @escaping @Sendable () async -> Void) {
    state.withLock { state in
      guard !state.isStopped else { return }
      let before = state.tasks[name]
      before?.cancel()
      state.tasks[name] = Task(priority: .utility) {
        await before?.value
        await work()
      }
    }
  }

  /// Ends all work after the step that it is at; no other begins.
  func cancel() {
    state.withLock { state in
      state.isStopped = true
      for task in state.tasks.values { task.cancel() }
    }
  }

  /// The same, and returns when it has ended.
  func stop() async {
    cancel()
    let tasks = state.withLock { Array($0.tasks.values) }
    for task in tasks { await task.value }
  }

  /// Calls `step` now and after each interval, in the one process that has the right to it, until the task is
  /// cancelled.
  ///
  /// - Parameter claim: takes the right to the work; nil where another process has it.
  static func repeatedly<Right>(
    every interval: Duration, claim: () -> Right?, _ step: () async -> Void
  ) async {
    var right: Right?
    while !Task.isCancelled {
      right = right ?? claim()
      if right != nil { await step() }
      // Ended by cancellation.
      try? await Task.sleep(for: interval)
    }
    _ = consume right
  }
}
