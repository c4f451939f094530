import EngramStore
import Foundation
import Testing

/// Filters are right while others write, and while the postings they need are being made.
@Suite struct FilteredWritesTests {
  private static let dimension = 8
  private static let keys = 42
  private static let writers = 4

  /// What one writer has written, which no other touches.
  private struct Own {
    let writer: Int
    let store: Store
    var generator: Generator
    var memories: [UUID: Metadata] = [:]

    private mutating func metadata() throws -> Metadata {
      var values: [String: JSONValue] = ["writer": .int(Int64(writer))]
      for key in 0..<FilteredWritesTests.keys where generator.oneIn(2) {
        values["k\(key)"] = .int(Int64.random(in: 0..<4, using: &generator))
      }
      return try Metadata(values)
    }

    private mutating func some() -> UUID? { memories.keys.randomElement(using: &generator) }

    mutating func write() async throws {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0...3:
        var new: [NewMemory] = []
        for _ in 0..<Int.random(in: 1...20, using: &generator) {
          new.append(
            NewMemory(
              text: "w", vector: generator.vector(FilteredWritesTests.dimension),
              scope: Scope(user: "user \(writer % 2)"), metadata: try metadata()))
        }
        for (id, memory) in zip(try await store.insert(new), new) { memories[id] = memory.metadata }
      case 4...6:
        guard let id = some() else { return }
        let metadata = try metadata()
        var update = MemoryUpdate(metadata: metadata)
        if generator.oneIn(2) {
          update.vector = generator.vector(FilteredWritesTests.dimension)
        }
        try await store.update(id, update)
        memories[id] = metadata
      case 7:
        guard let id = some() else { return }
        try await store.update(
          id, MemoryUpdate(vector: generator.vector(FilteredWritesTests.dimension)))
      default:
        let gone = Set((0..<3).compactMap { _ in some() })
        try await store.delete(Array(gone))
        for id in gone { memories[id] = nil }
      }
    }

    /// What was acknowledged is found, and nothing else of this writer's.
    mutating func search(_ key: Int) throws {
      let value = Int64.random(in: 0..<4, using: &generator)
      let condition = [#"\#(value)"#, #"{"ne": \#(value)}"#, #"{"gte": \#(value)}"#, #""*""#]
        .randomElement(using: &generator) ?? ""
      let filter = try Filter(
        parsing: #"{"writer": \#(writer), "k\#(key)": \#(condition)}"#)
      let scope = generator.oneIn(2) ? Scope.all : Scope(user: "user \(writer % 2)")
      let found = try store.search(
        generator.vector(FilteredWritesTests.dimension), k: 10_000, scope: scope, filter: filter)
      var expected = Set<UUID>()
      for (id, metadata) in memories where filter.matches(.object(metadata.values)) {
        expected.insert(id)
      }
      #expect(Set(found.map(\.memory.id)) == expected, "writer \(writer), \(filter)")
    }
  }

  @Test func agreeWithAModelPerWriter() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: Self.dimension, durability: .none)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<Self.writers {
          group.addTask {
            var own = Own(
              writer: writer, store: store, generator: Generator(seed: UInt64(90 + writer)))
            for step in 0..<250 {
              try await own.write()
              // A key that no filter has named before, again and again.
              try own.search(step / 6)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try store.statistics().filterKeys > Self.keys / 2)
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
    }
  }
}
