import Foundation
import GRDB
import Testing

@testable import EngramStore

/// A write whose caller gives up is written as a whole or not at all, and the caller knows which.
@Suite struct CancellationTests {
  /// The commit thread stands before SQLite's write lock with one group; what waits behind it is
  /// cancelled, and the group itself, too late.
  @Test(.timeLimit(.minutes(10))) func ofThoseThatWait() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      @Sendable func insert(_ number: Int) -> Task<UUID, any Error> {
        Task {
          try await store.insert(
            NewMemory(
              text: "memory \(number)", vector: [Float(number), 1, 1, 1],
              scope: Scope(user: "anna")))
        }
      }
      var configuration = Configuration()
      configuration.allowsUnsafeTransactions = true
      let blocker = try DatabaseQueue(path: directory.catalogue.path, configuration: configuration)
      try await blocker.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
      let first = insert(0)
      let lock = try File.open(store.core.directory.appending("writer.lock"), .write)
      while try lock.lock(wait: false) {
        try lock.unlock()
        await Task.yield()
      }
      let tasks = (1...40).map(insert)
      for task in tasks[..<20] { task.cancel() }
      first.cancel()
      // These end while nothing can be written.
      for task in tasks[..<20] {
        #expect(await refusal { _ = try await task.value } == "cancelled")
      }
      try await blocker.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
      var written = [try await first.value]
      for task in tasks[20...] { written.append(try await task.value) }
      let listed = try store.list(limit: 1_000).memories
      #expect(Set(listed.map(\.id)) == Set(written) && listed.count == 21)
      #expect(try store.statistics().changes == 21)
      #expect(try await store.verify().problems.isEmpty)
      try await store.close()
    }
  }

  /// At any moment: what was reported as cancelled is not there, all else is, once.
  @Test(.timeLimit(.minutes(10))) func atAnyMoment() async throws {
    var generator = Generator(seed: 91)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      var outcomes = (written: 0, cancelled: 0)
      for round in 0..<60 {
        let tasks = (0..<16).map { number in
          Task {
            try await store.insert(
              NewMemory(
                text: "\(round) \(number)", vector: [Float(number), 1, 1, 1],
                scope: Scope(user: "\(round)")))
          }
        }
        for _ in 0..<Int.random(in: 0...40, using: &generator) { await Task.yield() }
        for task in tasks.shuffled(using: &generator).prefix(8) { task.cancel() }
        var written: Set<UUID> = []
        for task in tasks {
          let kind = await refusal { written.insert(try await task.value) }
          #expect(kind == nil || kind == "cancelled")
        }
        let listed = try store.list(scope: Scope(user: "\(round)")).memories
        #expect(Set(listed.map(\.id)) == written && listed.count == written.count)
        outcomes.written += written.count
        outcomes.cancelled += 16 - written.count
      }
      print("cancellation: \(outcomes.written) written, \(outcomes.cancelled) taken back")
      #expect(outcomes.written >= 60 * 8)
      #expect(try await store.verify().problems.isEmpty)
      try await store.close()
    }
  }
}
