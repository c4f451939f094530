import Foundation
import Testing

@testable import EngramStore

/// How searches are planned, and that the plan is told.
@Suite struct ExplainTests {
  private static let dimension = 12
  private static let query = (0..<dimension).map { Float($0) - 4.5 }

  /// 5,000 memories in the graph: enough for a walk, and few enough for a scan where a filter keeps
  /// less than half.
  private static func withStore(_ body: (Store, [UUID]) async throws -> Void) async throws {
    var generator = Generator(seed: 61)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension)
      let ids = try await store.insert((0..<5_000).map { try memory($0, &generator) })
      try await store.waitUntilIndexed()
      try await body(store, ids)
      try await store.close()
    }
  }

  private static func memory(_ number: Int, _ generator: inout Generator) throws -> NewMemory {
    let values: [String: JSONValue] = [
      "tenth": .int(Int64(number % 10)), "number": .int(Int64(number)),
      "word": .string("word \(number % 50)"),
      "tags": [.string("t\(number % 3)"), .string("t\(number % 7)")],
      "deep": ["half": .bool(number % 2 == 0)],
    ]
    return NewMemory(
      text: "memory \(number)", vector: generator.vector(dimension),
      scope: Scope(user: number % 100 == 0 ? "few" : "many", agent: "agent \(number % 2)"),
      metadata: try Metadata(values))
  }

  private static func explain(
    _ store: Store, scope: Scope = .all, _ filter: String? = nil
  ) throws -> SearchExplanation {
    try store.explain(
      query, k: 10, scope: scope, filter: try filter.map { try Filter(parsing: $0) })
  }

  @Test func scopesComeFromPostings() async throws {
    try await Self.withStore { store, _ in
      let all = try Self.explain(store)
      #expect(all.cost.plan == .walk && all.candidates == .all && !all.isScoped)
      #expect(all.memories == 5_000 && all.passing == 5_000 && all.results == 10)
      #expect(all.cost.hops > 0 && all.cost.distances < 5_000)
      #expect(all.cost.reranked >= 10 && all.cost.bytes > 0)

      let few = try Self.explain(store, scope: Scope(user: "few"))
      #expect(few.cost.plan == .scan && few.candidates == .list && few.isScoped)
      #expect(few.passing == 50 && few.cost.distances == 50 && few.cost.hops == 0 && few.results == 10)

      for _ in 1...2 {
        let many = try Self.explain(store, scope: Scope(user: "many"))
        #expect(many.candidates == .set && many.passing == 4_950)
        #expect(many.cost.plan == .filteredWalk && many.cost.hops > 0 && many.results == 10)
      }
      let both = try Self.explain(store, scope: Scope(user: "few", agent: "agent 0"))
      #expect(both.cost.plan == .scan && both.passing == 50)
      let none = try Self.explain(store, scope: Scope(user: "few", agent: "agent 1"))
      #expect(none.cost.plan == .scan && none.passing == 0 && none.results == 0)
      let unknown = try Self.explain(store, scope: Scope(user: "nobody"), #"{"tenth": 1}"#)
      #expect(unknown.filter == .none && unknown.passing == 0 && unknown.results == 0)
    }
  }

  @Test func filtersComeFromPostings() async throws {
    try await Self.withStore { store, _ in
      let cases: [(filter: String, passing: Int, isScanned: Bool)] = [
        (#"{"tenth": 3}"#, 500, true),
        (#"{"tenth": {"ne": 3}}"#, 4_500, false),
        (#"{"tenth": {"in": [1, 2, 77]}}"#, 1_000, true),
        (#"{"tenth": {"nin": [1, 2]}}"#, 4_000, false),
        (#"{"tenth": {"gte": 8}}"#, 1_000, true),
        (#"{"number": {"lt": 4600}}"#, 4_600, false),
        (#"{"number": {"gt": 17, "lte": 27}}"#, 10, true),
        (#"{"word": {"contains": "word 4"}}"#, 1_100, true),
        (#"{"word": {"icontains": "WORD 49"}}"#, 100, true),
        (#"{"tags": "t6"}"#, 714, true),
        (#"{"tags": {"contains": "t0"}}"#, 2_143, true),
        (#"{"tags": "*"}"#, 5_000, false),
        (#"{"NOT": [{"tags": "*"}]}"#, 0, true),
        (#"{"deep.half": true}"#, 2_500, true),
        (#"{"absent": {"ne": 1}}"#, 5_000, false),
        (#"{"OR": [{"tenth": 1}, {"word": "word 2"}], "number": {"lt": 1000}}"#, 120, true),
        (#"{"NOT": [{"tenth": 1}, {"tenth": {"gt": 2}}]}"#, 1_000, true),
      ]
      var keys = Set<String>()
      for (filter, passing, isScanned) in cases {
        let first = try Self.explain(store, filter)
        let second = try Self.explain(store, filter)
        #expect(second.filter == .postings, "\(filter)")
        #expect(first.filter == .postings || first.filter == .postingsBuilt)
        for explanation in [first, second] {
          #expect(explanation.passing == passing, "\(filter)")
          #expect(explanation.results == min(10, passing), "\(filter)")
          if isScanned {
            #expect(explanation.cost.plan == .scan && explanation.cost.distances == passing, "\(filter)")
          } else {
            #expect(explanation.cost.plan != .scan && explanation.cost.hops > 0, "\(filter)")
          }
        }
        keys.formUnion(try Filter(parsing: filter).keys)
      }
      let statistics = try store.statistics()
      #expect(statistics.filterKeys == keys.count && statistics.filterBytes > 0)
    }
  }

  /// Reading few rows is cheaper than postings, until it has been done often enough.
  @Test func aSmallScopeIsReadUntilPostingsPay() async throws {
    try await Self.withStore { store, _ in
      let few = Scope(user: "few")
      for _ in 1..<100 {
        let explanation = try Self.explain(store, scope: few, #"{"tenth": 0}"#)
        #expect(explanation.filter == .catalogue && explanation.passing == 50)
      }
      #expect(try store.statistics().filterKeys == 0)
      let built = try Self.explain(store, scope: few, #"{"tenth": 0}"#)
      #expect(built.filter == .postingsBuilt && built.passing == 50)
      let later = try Self.explain(store, scope: few, #"{"tenth": 1}"#)
      #expect(later.filter == .postings && later.passing == 0)
    }
  }

  @Test func changesAreSeenAtOnce() async throws {
    try await Self.withStore { store, ids in
      func passing(_ filter: String) throws -> Int {
        let explanation = try Self.explain(store, filter)
        #expect(explanation.filter != .catalogue)
        return explanation.passing
      }
      #expect(try passing(#"{"tenth": 3}"#) == 500)
      try await store.update(ids[0], MemoryUpdate(metadata: try Metadata(["tenth": 3])))
      #expect(try passing(#"{"tenth": 3}"#) == 501)
      #expect(try passing(#"{"tenth": {"ne": 3}}"#) == 4_499)
      // A new vector, the metadata as it was; then the text alone.
      try await store.update(ids[0], MemoryUpdate(vector: Self.query))
      try await store.update(ids[3], MemoryUpdate(text: "new text"))
      #expect(try passing(#"{"tenth": 3}"#) == 501)
      let best = try store.search(
        Self.query, k: 1, filter: try Filter(parsing: #"{"tenth": 3}"#))
      #expect(best.first?.memory.id == ids[0])
      try await store.delete([ids[0], ids[3], ids[13]])
      #expect(try passing(#"{"tenth": 3}"#) == 498)
      #expect(try passing(#"{"tenth": {"ne": 3}}"#) == 4_499)
      // More than are kept beside the postings.
      for part in [ids[100..<1_000], ids[1_000..<1_300]] { try await store.delete(Array(part)) }
      #expect(try passing(#"{"tenth": 3}"#) == 378)
      #expect(try passing(#"{"NOT": [{"tenth": 3}]}"#) == 3_419)
    }
  }

  @Test func readableAndCodable() async throws {
    try await Self.withStore { store, _ in
      let explanation = try Self.explain(store, scope: Scope(user: "few"), #"{"tenth": 0}"#)
      let text = explanation.description
      #expect(text.hasPrefix("50 of 5000 memories (scope: postings, filter: catalogue)\n"))
      #expect(text.contains("scan over list: 50 distances, 0 hops"))
      let data = try JSONEncoder().encode(explanation)
      #expect(try JSONDecoder().decode(SearchExplanation.self, from: data) == explanation)
      #expect(explanation.resolveMicroseconds > 0 && explanation.indexMicroseconds > 0)
    }
  }
}
