import EngramIndex
import Foundation
import GRDB
import Testing

@testable import EngramStore

/// Many write and read at once: nobody is refused, nobody waits for all others.
@Suite struct WriterTests {
  @Test(arguments: [Durability.full, .process])
  func sixteenWriters(durability: Durability) async throws {
    let (writers, each) = (16, 150)
    try await withTemporaryDirectory { directory in
      let store = try openStore(
        directory, dimension: 16, metric: .squaredL2, durability: durability)
      let isDone = Flag()
      let written = try await withThrowingTaskGroup(
        of: [(UUID, [Float], Scope)].self, returning: [(UUID, [Float], Scope)].self
      ) { group in
        for writer in 0..<writers {
          group.addTask {
            var generator = Generator(seed: UInt64(writer))
            var acknowledged: [(UUID, [Float], Scope)] = []
            for number in 0..<each {
              let vector = generator.vector(16)
              let scope = Scope(user: "user \(writer)", agent: number % 2 == 0 ? "even" : nil)
              let id = try await store.insert(
                NewMemory(text: "\(writer) \(number)", vector: vector, scope: scope))
              // What was acknowledged is there at once.
              #expect(try store.search(vector, k: 1, scope: scope).first?.memory.id == id)
              acknowledged.append((id, vector, scope))
            }
            return acknowledged
          }
        }
        let readers = Task { try await Self.readers(of: store, until: isDone) }
        let result = try await group.reduce(into: []) { $0 += $1 }
        isDone.raise()
        #expect(try await readers.value > 0)
        return result
      }
      #expect(written.count == writers * each)
      for (id, vector, scope) in written {
        #expect(try store.get(id).scope == scope)
        for scope in [scope, .all] {
          let best = try store.search(vector, k: 1, scope: scope, ef: 200).first
          #expect(best?.memory.id == id && best?.score == 0)
        }
      }
      #expect(try store.statistics().changes == Int64(writers * each))
      #expect(try store.list(scope: Scope(user: "user 3"), limit: 1_000).memories.count == each)
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
      try Self.expectGroups(directory, changes: writers * each)
    }
  }

  /// Reads over and over; each answer is of one moment.
  private static func readers(of store: Store, until isDone: Flag) async throws -> Int {
    var rounds = 0
    repeat {
      let before = try store.statistics()
      let results = try store.search([Float](repeating: 0.1, count: 16), k: 50)
      #expect(Set(results.map(\.memory.id)).count == results.count)
      #expect(zip(results, results.dropFirst()).allSatisfy { $0.score <= $1.score })
      #expect(results.count >= min(50, before.memories))
      let page = try store.list(limit: 1_000)
      #expect(page.memories.count >= min(1_000, before.memories))
      for memory in page.memories.prefix(5) { #expect(try store.get(memory.id) == memory) }
      #expect(before.changes == Int64(before.memories))
      rounds += 1
      await Task.yield()
    } while !isDone.isRaised
    return rounds
  }

  /// Each slot names the first change of the group that wrote it.
  private static func expectGroups(_ directory: URL, changes: Int) throws {
    let bytes = try Data(contentsOf: directory.pages)
    let slotBytes = 128
    var groups = Set<Int64>()
    for slot in 0..<changes {
      let offset = 4_096 + slot * slotBytes + 24
      groups.insert(
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Int64.self) })
    }
    print("writers: \(changes) changes in \(groups.count) groups")
    #expect(groups.count < changes / 2)
    #expect(groups.max() ?? 0 <= Int64(changes))
  }

  /// Deletes alone may ask for a new calibration.
  @Test(.timeLimit(.minutes(10))) func waitingAfterDeletes() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 44)
      let store = try openStore(directory, dimension: 12)
      let ids = try await store.insert(
        (0..<5_000).map {
          NewMemory(
            text: "memory \($0)", vector: generator.vector(12), scope: Scope(user: "anna"))
        })
      try await store.waitUntilIndexed()
      try await store.delete(Array(ids[..<2_495]))
      try await store.waitUntilIndexed()
      #expect(try store.statistics().deadRows == 0)
      #expect(store.core.index.live.index.calibration?.rows == 5_000)
      try await store.delete(Array(ids[2_495..<2_505]))
      try await store.waitUntilIndexed()
      #expect(store.core.index.live.index.calibration?.rows == 2_495)
      try await store.close()
    }
  }
}
