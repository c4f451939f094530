import Foundation
import GRDB
import Testing

@testable import EngramStore

/// No search waits for a commit, shown without a clock: another connection holds SQLite's write lock,
/// the store's writer stands still inside its transaction's beginning, and all searches complete.
@Suite struct StoppedWriterTests {
  @Test(.timeLimit(.minutes(10))) func whileACommitStandsStill() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 71)
      let store = try openStore(directory, dimension: 12)
      let alice = Scope(user: "alice")
      _ = try await store.insert(
        (0..<4_000).map {
          NewMemory(
            text: "memory \($0)", vector: generator.vector(12),
            scope: $0 % 2 == 0 ? alice : Scope(user: "bob"))
        })
      try await store.waitUntilIndexed()
      let queries = (0..<50).map { _ in generator.vector(12) }
      let late = generator.vector(12)

      let acknowledged = Flag()
      var configuration = Configuration()
      configuration.allowsUnsafeTransactions = true
      let blocker = try DatabaseQueue(
        path: directory.catalogue.path, configuration: configuration)
      try await blocker.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
      let insert = Task {
        _ = try await store.insert(NewMemory(text: "late", vector: late, scope: alice))
        acknowledged.raise()
      }
      // The commit thread takes this lock right before its transaction.
      let lock = try File.open(store.core.directory.appending("writer.lock"), .write)
      while try lock.lock(wait: false) {
        try lock.unlock()
        await Task.yield()
      }
      for number in 0..<1_000 {
        let scope = number % 3 == 0 ? alice : .all
        let found = try store.search(queries[number % 50], k: 10, scope: scope)
        #expect(found.count == 10)
        #expect(!found.contains { $0.memory.text == "late" })
      }
      #expect(!acknowledged.isRaised)
      try await blocker.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
      try await insert.value
      #expect(try store.search(late, k: 1, scope: alice).first?.memory.text == "late")
      try await store.close()
    }
  }

  /// The commit thread stands where it shows changes to searches, with the lock that it holds for it.
  /// Memories have expired, which nobody could note in the index yet.
  @Test(.timeLimit(.minutes(10))) func whileChangesAreApplied() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 72)
      let store = try openStore(directory, dimension: 12)
      let alice = Scope(user: "alice")
      let queries = (0..<50).map { _ in generator.vector(12) }
      try await store.insert(
        (0..<4_000).map {
          NewMemory(text: "memory \($0)", vector: generator.vector(12), scope: alice)
        }
          + (0..<500).map {
            // Many for one query, and one for each of the others.
            NewMemory(
              text: "expired", vector: queries[max(0, $0 - 450)], scope: alice,
              expiresAt: Date(timeIntervalSince1970: 1))
          })
      let wrong = try Self.searches(1_000, store, queries, alice)
      #expect(wrong == 0)
      try await store.close()
    }
  }

  /// Searches while another thread holds the lock; how many found an expired memory, or too few.
  private static func searches(
    _ count: Int, _ store: Store, _ queries: [[Float]], _ scope: Scope
  ) throws -> Int {
    let held = DispatchSemaphore(value: 0)
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      store.core.index.live.withState { _, _ in
        held.signal()
        done.wait()
      }
    }
    held.wait()
    defer { done.signal() }
    return try (0..<count).count { number in
      let found = try store.search(
        queries[number % queries.count], k: 10, scope: number % 3 == 0 ? scope : .all)
      return found.count != 10 || found.contains { $0.memory.text == "expired" }
    }
  }
}
