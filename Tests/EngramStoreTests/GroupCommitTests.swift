import Foundation
import GRDB
import Synchronization
import Testing

@testable import EngramStore

/// Adding tasks that wait take no thread of the pool that they run on, so that many of them share a
/// commit however few threads there are.
@Suite struct GroupCommitTests {
  /// 64 tasks on two threads, shown without a clock: another connection holds SQLite's write lock until
  /// all of them wait. The group that stands still then has those that came before it began, the next
  /// one all others.
  @Test(.timeLimit(.minutes(10))) func tasksOnTwoThreadsShareAGroup() async throws {
    let writers = 64
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 12)
      var configuration = Configuration()
      configuration.allowsUnsafeTransactions = true
      let blocker = try DatabaseQueue(path: directory.catalogue.path, configuration: configuration)
      try await blocker.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }

      let pool = ThreadPool(threads: 2)
      let begun = Shared(0)
      let adding = (0..<writers).map { number in
        var generator = Generator(seed: UInt64(number))
        let memory = NewMemory(
          text: "memory \(number)", vector: generator.vector(12), scope: Scope(user: "alice"))
        return Task(executorPreference: pool) {
          begun.change { $0 += 1 }
          return try await store.insert(memory)
        }
      }
      // A task that began and runs on no thread waits for its commit: nobody else resumes it.
      while begun.value < writers || !pool.isIdle { await Task.yield() }
      try await blocker.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
      var ids: [UUID] = []
      for task in adding { ids.append(try await task.value) }
      pool.stop()

      #expect(Set(ids).count == writers)
      var groups: [Int64: Int] = [:]
      for slot in 0..<writers {
        let header = try #require(try store.core.index.pages.readSlot(slot)).header
        groups[header.group, default: 0] += 1
      }
      #expect(groups.count <= 2 && groups.values.reduce(0, +) == writers)
      #expect(try #require(groups.values.max()) >= writers / 2)
      try await store.close()
    }
  }
}

/// Threads that run tasks, as the cooperative pool of a machine with so many cores does.
private final class ThreadPool: TaskExecutor {
  private struct State {
    var jobs: [UnownedJob] = []
    var running = 0
    var isStopped = false
  }

  private let state = Mutex(State())
  private let work = DispatchSemaphore(value: 0)

  init(threads: Int) {
    for _ in 0..<threads { Thread { [self] in run() }.start() }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
    work.signal()
  }

  /// Whether no job runs, and none waits.
  var isIdle: Bool { state.withLock { $0.jobs.isEmpty && $0.running == 0 } }

  /// Ends the threads; no task may run here any more.
  func stop() {
    state.withLock { $0.isStopped = true }
    work.signal()
  }

  private func run() {
    while true {
      work.wait()
      let (job, isStopped) = state.withLock { state in
        guard !state.jobs.isEmpty else { return (UnownedJob?.none, state.isStopped) }
        state.running += 1
        return (state.jobs.removeFirst(), false)
      }
      if let job {
        job.runSynchronously(on: asUnownedTaskExecutor())
        state.withLock { $0.running -= 1 }
      } else if isStopped {
        // The next thread.
        work.signal()
        return
      }
    }
  }
}
