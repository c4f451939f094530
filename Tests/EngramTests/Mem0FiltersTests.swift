import EngramStore
import Testing

@testable import Engram

@Suite struct Mem0FiltersTests {
  private static func read(_ text: String) throws -> Mem0Filters {
    try Mem0Filters(json: JSONValue(parsing: text))
  }

  /// However the ids stand among conditions joined by AND, the same is meant.
  @Test func idsAmongConditions() throws {
    let rest = #"{"topic": {"in": ["tea", "coffee"]}, "OR": [{"n": 1}, {"n": {"gt": 5}}]}"#
    for text in [
      #"{"user_id": "u", "run_id": "r", "topic": {"in": ["tea", "coffee"]}, "OR": [{"n": 1}, {"n": {"gt": 5}}]}"#,
      #"{"AND": [{"user_id": "u"}, {"run_id": "r"}, \#(rest)]}"#,
      #"{"user_id": "u", "AND": [{"AND": [{"run_id": "r", "topic": {"in": ["tea", "coffee"]}}]}, {"OR": [{"n": 1}, {"n": {"gt": 5}}]}]}"#,
    ] {
      let filters = try Self.read(text)
      #expect(filters.scope == Scope(user: "u", run: "r"))
      let (filter, expected) = (try #require(filters.filter), try Filter(parsing: rest))
      for topic in ["tea", "milk"] {
        for n in [1, 3, 9] as [Int64] {
          let metadata: JSONValue = ["topic": .string(topic), "n": .int(n)]
          #expect(filter.matches(metadata) == expected.matches(metadata))
        }
      }
    }
  }

  @Test func idsAlone() throws {
    for text in [
      #"{"user_id": "u"}"#, #"{"AND": [{"user_id": "u"}]}"#, #"{"AND": [{}, {"AND": [{"user_id": "u"}]}]}"#,
    ] {
      let filters = try Self.read(text)
      #expect(filters.scope == Scope(user: "u") && filters.filter == nil)
    }
    #expect(try Self.read("{}").scope == .all)
  }

  @Test(arguments: [
    #"{"user_id": 7}"#, #"{"user_id": {"in": ["a"]}}"#, #"{"user_id": "a", "AND": [{"user_id": "b"}]}"#,
    #"{"OR": [{"user_id": "a"}, {"user_id": "b"}]}"#, #"{"NOT": {"AND": [{"run_id": "a"}]}}"#,
    #"{"AND": [{"OR": [{"x": 1}, {"agent_id": "a"}]}]}"#, #"{"x": {"near": 1}}"#, #"[]"#, #""user_id""#,
  ])
  func refusals(text: String) throws {
    #expect(throws: EngramError.self) { try Self.read(text) }
  }
}
