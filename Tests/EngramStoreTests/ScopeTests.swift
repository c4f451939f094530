import EngramIndex
import EngramStore
import Foundation
import Testing

/// A search within a scope misses nothing, whatever the size of the store: here the graph is walked
/// where no scope is asked for.
@Suite struct ScopeTests {
  private static let dimension = 12

  /// 5,000 memories of users of all sizes, some without a user.
  private static func memories(_ generator: inout Generator) throws -> [NewMemory] {
    try (0..<5_000).map { number in
      let draw = Double.random(in: 0..<1, using: &generator)
      return NewMemory(
        text: "memory \(number)", vector: generator.vector(dimension),
        scope: Scope(
          user: generator.oneIn(10) ? nil : "user \(Int(draw * draw * draw * 60))",
          agent: ["a", "b", nil].randomElement(using: &generator) ?? nil,
          run: generator.oneIn(3) ? "run \(generator.next() % 40)" : nil),
        metadata: try Metadata(["parity": .int(Int64(number % 2))]))
    }
  }

  private static func scope(_ generator: inout Generator) -> Scope {
    Scope(
      user: generator.oneIn(3) ? nil : "user \(generator.next() % 62)",
      agent: ["a", "b", "c", nil, nil].randomElement(using: &generator) ?? nil,
      run: generator.oneIn(4) ? "run \(generator.next() % 42)" : nil)
  }

  @Test(arguments: Metric.allCases) func neverMisses(metric: Metric) async throws {
    var generator = Generator(seed: 15)
    try await withTemporaryDirectory { directory in
      var model = StoreModel(metric: metric)
      var store = try openStore(directory, dimension: Self.dimension, metric: metric)
      let memories = try Self.memories(&generator)
      let begin = Date()
      let ids = try await store.insert(memories)
      model.insert(memories, ids: ids, time: begin...Date())
      // Rows that are dead, and vectors that have moved.
      let gone = Array(ids.prefix(300))
      try await store.delete(gone)
      model.delete(gone)
      for id in ids[300..<400] {
        let update = MemoryUpdate(vector: generator.vector(Self.dimension))
        let begin = Date()
        try await store.update(id, update)
        model.update(id, update, time: begin...Date())
      }
      try search(store, model, &generator, rounds: 60)
      try await store.waitUntilIndexed()
      try search(store, model, &generator, rounds: 60)
      for removing in [false, true] {
        try await store.close()
        if removing { try directory.snapshot.remove() }
        store = try openStore(directory, dimension: Self.dimension, metric: metric)
        // At once: after a rebuild nothing is in the graph yet.
        try search(store, model, &generator, rounds: 40)
      }
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
    }
  }

  private func search(
    _ store: Store, _ model: StoreModel, _ generator: inout Generator, rounds: Int
  ) throws {
    let even = try Filter(parsing: #"{"parity": 0}"#)
    for round in 1...rounds {
      var scope = Self.scope(&generator)
      if scope == .all { scope.user = "user 0" }
      let query = generator.vector(Self.dimension)
      let k = [1, 10, 100, 6_000].randomElement(using: &generator) ?? 1
      let isFiltered = generator.oneIn(3)
      let results = try store.search(query, k: k, scope: scope, filter: isFiltered ? even : nil)
      let problem = model.problem(with: results, query: query, k: k, scope: scope) {
        !isFiltered || $0["parity"] == 0
      }
      #expect(problem == nil, "round \(round), k \(k), \(scope), filtered: \(isFiltered)")
    }
  }

  /// Many pass the filter, so that the graph is walked with it; what is returned passes, even when
  /// the graph has hardly begun to be built.
  @Test func aFilterThatManyPass() async throws {
    var generator = Generator(seed: 16)
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory, dimension: Self.dimension)
      let filter = try Filter(parsing: #"{"rare": {"ne": true}}"#)
      try await store.insert(
        try (0..<5_000).map { number in
          NewMemory(
            text: "\(number)", vector: generator.vector(Self.dimension), scope: Scope(user: "anna"),
            metadata: try Metadata(["rare": .bool(number % 10 == 0)]))
        })
      for removing in [false, true, true] {
        if removing {
          try await store.close()
          try directory.snapshot.remove()
          store = try openStore(directory, dimension: Self.dimension)
        }
        for _ in 1...30 {
          let results = try store.search(
            generator.vector(Self.dimension), k: 20, filter: filter, ef: 32)
          #expect(results.count == 20)
          #expect(results.allSatisfy { $0.memory.metadata["rare"] == false })
        }
      }
      try await store.close()
    }
  }

  @Test func unknownNamesHaveNothing() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let vector: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
      try await store.insert(
        NewMemory(text: "x", vector: vector, scope: Scope(user: "u", agent: "a", run: "r")))
      for scope in [
        Scope(user: "v"), Scope(user: "u", agent: "b"), Scope(user: "u", agent: "a", run: "s"),
        Scope(agent: "u"), Scope(run: "a"), Scope(user: "U"), Scope(user: "u "), Scope(user: ""),
      ] {
        #expect(try store.search(vector, k: 10, scope: scope).isEmpty, "\(scope)")
        #expect(try store.list(scope: scope).memories.isEmpty, "\(scope)")
      }
      try await store.close()
    }
  }
}
