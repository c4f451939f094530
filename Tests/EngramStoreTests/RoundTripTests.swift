import EngramIndex
import EngramStore
import Foundation
import Testing

/// Whatever is put into a memory comes out of get, list and search the same, also after reopening.
@Suite struct RoundTripTests {
  private static func date(_ microseconds: Int64) -> Date {
    Date(timeIntervalSince1970: Double(microseconds) / 1e6)
  }

  private static func metadata() throws -> Metadata {
    try Metadata([
      "null": nil, "true": true, "int": 42, "least": .int(.min), "most": .int(.max), "double": 1.5,
      "whole": .double(3), "tiny": .double(.leastNonzeroMagnitude), "zero": .double(-0.0),
      "string": "a\"\\\n\u{1}é",
      "": "empty key", "list": [1, "two", [], nil, ["deep": [true]]],
      "object": ["a.b": 1, "ключ": "значение", "🔑": [:]],
    ])
  }

  static let memories: [NewMemory] = {
    let vector: [Float] = [1, -2, 3.5, 1e-7, -1e7, 0, .leastNonzeroMagnitude, -0.0]
    let bare = NewMemory(text: "a", vector: vector, scope: .all)
    var full = NewMemory(
      id: UUID(),
      text: "Zoë, 東京, 🏳️‍🌈, e\u{301}, \u{202E}rtl, line\nbreak\ttab, 'quote' \"double\" -- ; %",
      vector: vector,
      scope: Scope(
        user: "anna@example.org", agent: "агент", run: String(repeating: "r", count: 512)),
      categories: ["a", "b,c", "d\"e", "日本"],
      role: "assistant", actor: "it's me", importance: 0.1 + 0.2,
      createdAt: date(1_699_999_999_123_457), expiresAt: date(4_102_444_800_000_001),
      validFrom: date(-1_234_567_890_123_457), validTo: date(1_700_000_000_000_001))
    full.metadata = (try? metadata()) ?? .empty
    var big = bare
    big.text = String(repeating: "é", count: StoreLimits.textBytes / 2)
    big.categories = (1...64).map { "category \($0)" }
    big.importance = 0
    var edge = bare
    edge.text = " \u{FEFF}x "
    edge.importance = 1
    edge.createdAt = date(0)
    edge.validFrom = date(1)
    edge.validTo = date(1)
    return [bare, full, big, edge]
  }()

  @Test(arguments: Metric.allCases) func everyField(metric: Metric) async throws {
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory, metric: metric)
      var model = StoreModel(metric: metric)
      let begin = Date()
      var ids = [try await store.insert(Self.memories[0])]
      ids += try await store.insert(Array(Self.memories.dropFirst()))
      model.insert(Self.memories, ids: ids, time: begin...Date())
      #expect(ids[1] == Self.memories[1].id)
      #expect(Set(ids).count == ids.count)
      for _ in 1...2 {
        for id in ids {
          #expect(try model.problem(with: store.get(id)) == nil)
          #expect(try model.problem(with: store.history(of: id), of: id) == nil)
          let vector = try store.vector(of: id)
          #expect(vector.map(\.bitPattern) == Self.memories[0].vector.map(\.bitPattern))
        }
        let listed = try store.list().memories
        #expect(listed.map(\.id) == ids)
        #expect(listed.compactMap(model.problem).isEmpty)
        let found = try store.search(Self.memories[0].vector, k: 10).map(\.memory)
        #expect(found.count == ids.count)
        #expect(found.compactMap(model.problem).isEmpty)
        #expect(try store.get(ids[1]).metadata.values == Self.metadata().values)
        try await store.close()
        store = try openStore(directory, metric: metric)
      }
      try await store.close()
    }
  }

  @Test func anEmptyInsertAndDelete() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      #expect(try await store.insert([]).isEmpty)
      try await store.delete([])
      #expect(try store.statistics().changes == 0)
      #expect(try store.list().memories.isEmpty)
      #expect(try store.search(Self.memories[0].vector, k: 10).isEmpty)
      let report = try await store.verify()
      #expect(report.isSound)
      try await store.close()
      let again = try openStore(directory)
      #expect(try again.statistics().indexOrigin == .empty || again.statistics().memories == 0)
      try await again.close()
    }
  }

  @Test(arguments: [1, 2, 15, 16, 1_008, 4_096, 16_383])
  func everyDimension(dimension: Int) async throws {
    var generator = Generator(seed: UInt64(dimension))
    try await withTemporaryDirectory { directory in
      let vectors = (0..<6).map { _ in generator.vector(dimension) }
      let store = try openStore(directory, dimension: dimension, metric: .squaredL2)
      let ids = try await store.insert(
        vectors.map { NewMemory(text: "x", vector: $0, scope: .all) })
      try await store.close()
      let again = try openStore(directory, dimension: dimension, metric: .squaredL2)
      for (id, vector) in zip(ids, vectors) {
        #expect(try again.vector(of: id) == vector)
        let best = try again.search(vector, k: 1).first
        #expect(best?.memory.id == id && best?.score == 0)
      }
      let report = try await again.verify()
      #expect(report.problems.isEmpty)
      try await again.close()
    }
  }
}
