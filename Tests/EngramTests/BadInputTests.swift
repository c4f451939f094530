import EngramStore
import Foundation
import Testing

@testable import Engram

/// What is refused is refused with a typed error that says which, and leaves nothing behind.
///
/// One after the other: all tests begin at once, and Foundation's `Process` reads past the end of the list of open
/// files where a process has 1,360 of them.
@Suite(.serialized) struct BadInputTests {
  /// A call that is to be refused, on an engine that holds one memory.
  struct Refused: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// As `refusal` says it.
    var error: String
    var call: @Sendable (MemoryEngine, UUID) async throws -> Void

    init(
      _ description: String, _ error: String,
      _ call: @escaping @Sendable (MemoryEngine, UUID) async throws -> Void
    ) {
      testDescription = description
      self.error = error
      self.call = call
    }
  }

  private static let alice = Scope(user: "alice")
  private static let verbatim = AddOptions(mode: .verbatim)

  private static func add(
    _ description: String, _ error: String, _ change: @escaping @Sendable (inout AddOptions) throws -> Void
  ) -> Refused {
    Refused("add, \(description)", error) { engine, _ in
      var options = verbatim
      try change(&options)
      try await engine.add("tea", scope: alice, options: options)
    }
  }

  /// `messages` and `text` name the same thing: the store looks at what it is given, too.
  private static let badTexts: [(String, String, String)] = [
    ("empty", "", "invalid messages"), ("white space", " \n\t\u{3000}", "invalid messages"),
    ("too long", String(repeating: "x", count: StoreLimits.textBytes + 1), "invalid messages"),
    ("NUL", "a\0b", "invalid text"),
  ]

  private static let texts: [Refused] = badTexts.flatMap { name, text, error in
    [
      Refused("add, text: \(name)", error) { engine, _ in
        try await engine.add(text, scope: alice, options: verbatim)
      },
      // The good ones beside it are not written either.
      Refused("add, one message: \(name)", error) { engine, _ in
        let messages = [Message(.user, "good"), Message(.assistant, text), Message(.user, "good")]
        try await engine.add(messages, scope: alice, options: verbatim)
      },
      Refused("update, text: \(name)", "invalid text") { engine, id in
        try await engine.update(id, text: text, metadata: ["x": 1])
      },
    ]
  }

  private static let scopes: [Refused] = [
    Refused("add, no scope", "noScope") { engine, _ in
      try await engine.add("tea", scope: .all, options: verbatim)
    },
    Refused("search, no scope", "noScope") { engine, _ in _ = try await engine.search("tea", scope: .all) },
    Refused("list, no scope", "noScope") { engine, _ in _ = try engine.getAll(scope: .all) },
    Refused("delete all, no scope", "noScope") { engine, _ in try await engine.deleteAll(scope: .all) },
    Refused("add, empty user", "invalid user") { engine, _ in
      try await engine.add("tea", scope: Scope(user: ""), options: verbatim)
    },
    Refused("add, long run", "invalid run") { engine, _ in
      let run = String(repeating: "r", count: StoreLimits.nameBytes + 1)
      try await engine.add("tea", scope: Scope(run: run), options: verbatim)
    },
    Refused("add, NUL in agent", "invalid agent") { engine, _ in
      try await engine.add("tea", scope: Scope(agent: "a\0"), options: verbatim)
    },
  ]

  private static let adds: [Refused] = [
    Refused("add, no messages", "invalid messages") { engine, _ in
      try await engine.add([], scope: alice, options: verbatim)
    },
    Refused("add, only instructions", "invalid messages") { engine, _ in
      try await engine.add([Message(.system, "Be kind")], scope: alice, options: verbatim)
    },
    Refused("add, empty name of a speaker", "invalid actor") { engine, _ in
      try await engine.add([Message(.user, "tea", name: "")], scope: alice, options: verbatim)
    },
    add("metadata that are no JSON", "invalid metadata") { $0.metadata = try Metadata(json: "{") },
    add("metadata that are no object", "invalid metadata") { $0.metadata = try Metadata(json: "[1]") },
    add("metadata of NaN", "invalid metadata") { $0.metadata = try Metadata(["x": .double(.nan)]) },
    add("long metadata", "invalid metadata") {
      $0.metadata = try Metadata(["x": .string(String(repeating: "x", count: StoreLimits.textBytes))])
    },
    add("importance above 1", "invalid importance") { $0.importance = 1.5 },
    add("importance that is no number", "invalid importance") { $0.importance = .nan },
    add("empty category", "invalid category") { $0.categories = ["good", ""] },
    add("too many categories", "invalid categories") {
      $0.categories = [String](repeating: "c", count: StoreLimits.categories + 1)
    },
    add("created at no time", "invalid createdAt") { $0.createdAt = Date(timeIntervalSince1970: .nan) },
    add("expires in year 300,000", "invalid expiresAt") { $0.expiresAt = Date(timeIntervalSince1970: 1e13) },
    add("a date that is none", "invalid expiration_date") {
      $0.expiresAt = try Memory.expiry(lastDay: "2025-02-30")
    },
    add("long key", "invalid key") { $0.key = String(repeating: "k", count: StoreLimits.nameBytes + 1) },
  ]

  private static let filters: [Refused] = [
    ("no JSON", "{"), ("a list", "[]"), ("an operator that there is not", #"{"a": {"near": 1}}"#),
    ("no operator", #"{"a": {}}"#), ("an empty key", #"{"": 1}"#), ("null", #"{"a": null}"#),
    ("an operand of another type", #"{"a": {"gt": true}}"#), ("no list", #"{"AND": {"a": 1}}"#),
    ("too deep", String(repeating: #"{"NOT": "#, count: 70) + "{}" + String(repeating: "}", count: 70)),
  ].map { name, text in
    Refused("filter: \(name)", "filter") { engine, _ in
      _ = try await engine.search("tea", scope: alice, options: SearchOptions(filter: try Filter(parsing: text)))
    }
  }

  private static let queries: [Refused] = ["", " \n", "\u{3000}"].map { query in
    Refused("search for \(query.debugDescription)", "invalid query") { engine, _ in
      _ = try await engine.search(query, scope: alice)
    }
  }

  private static let thresholds: [Refused] = [-0.001, 1.001, Double.nan, .infinity, -.infinity].map {
    threshold in
    Refused("threshold \(threshold)", "invalid threshold") { engine, _ in
      _ = try await engine.search("tea", scope: alice, options: SearchOptions(threshold: threshold))
    }
  }

  private static let searches: [Refused] = [
    ("weights.recency", SearchOptions(weights: RankingWeights(recency: -0.1))),
    ("weights.text", SearchOptions(weights: RankingWeights(text: .nan))),
    ("weights", SearchOptions(weights: RankingWeights(recency: 0.5, importance: 0.4, access: 0.2))),
    ("weights", SearchOptions(weights: RankingWeights(recencyHalfLife: 0))),
    ("weights", SearchOptions(weights: RankingWeights(accessHalfLife: .nan))),
    ("diversity", SearchOptions(diversity: 1.01)), ("diversity", SearchOptions(diversity: .nan)),
    ("maxTokens", SearchOptions(maxTokens: 0)), ("maxTokens", SearchOptions(maxTokens: .min)),
    ("asOf", SearchOptions(asOf: Date(timeIntervalSince1970: 1e15))),
    ("asOf", SearchOptions(asOf: Date(timeIntervalSince1970: .nan))),
  ].map { field, options in
    Refused("search, option \(field)", "invalid \(field)") { engine, _ in
      _ = try await engine.search("tea", scope: alice, options: options)
    }
  }

  private static let limits: [Refused] = [0, -1, 10_001, Int.max, .min].flatMap { limit in
    [
      Refused("search for \(limit)", "invalid limit") { engine, _ in
        _ = try await engine.search("tea", scope: alice, options: SearchOptions(limit: limit))
      },
      Refused("list of \(limit)", "invalid limit") { engine, _ in
        _ = try engine.getAll(scope: alice, limit: limit)
      },
    ]
  }

  private static let cursors: [Refused] = ["", "-1", "ä", "zzzzzzzzzzzzzzzzzzz"].map { cursor in
    Refused("cursor \(cursor.debugDescription)", "badCursor") { engine, _ in
      _ = try engine.getAll(scope: alice, after: cursor)
    }
  }

  private static let ids: [Refused] = [
    Refused("get, unknown id", "unknownMemory") { engine, _ in _ = try engine.get(UUID()) },
    Refused("history, unknown id", "unknownMemory") { engine, _ in _ = try engine.history(of: UUID()) },
    Refused("update, unknown id", "unknownMemory") { engine, _ in
      try await engine.update(UUID(), text: "x")
    },
    Refused("update of metadata, unknown id", "unknownMemory") { engine, _ in
      try await engine.update(UUID(), metadata: ["x": 1])
    },
    Refused("delete, unknown id", "unknownMemory") { engine, _ in try await engine.delete(UUID()) },
    Refused("delete, one unknown id", "unknownMemory") { engine, id in
      try await engine.delete([id, UUID()])
    },
    Refused("update of nothing", "invalid update") { engine, id in try await engine.update(id) },
    Refused("update, metadata of NaN", "invalid metadata") { engine, id in
      try await engine.update(id, text: "x", metadata: ["x": .double(.nan)])
    },
    Refused("update, long metadata", "invalid metadata") { engine, id in
      let long = String(repeating: "x", count: StoreLimits.textBytes)
      try await engine.update(id, text: "x", metadata: ["x": .string(long)])
    },
  ]

  private static let all: [Refused] = [
    texts, scopes, adds, filters, queries, thresholds, searches, limits, cursors, ids,
  ].flatMap(\.self)

  @Test(arguments: all)
  func isRefused(refused: Refused) async throws {
    try await withEngine { engine in
      let id = try await engine.add("tea", scope: Self.alice, options: Self.verbatim)[0].id
      let before = try engine.get(id)
      #expect(await refusal { try await refused.call(engine, id) } == refused.error)
      #expect(try engine.store.statistics().changes == 1)
      #expect(try engine.store.episodes(scope: .all, last: 10).count == 1)
      #expect(try engine.get(id) == before)
      // And it goes on.
      _ = try await engine.add("coffee", scope: Self.alice, options: Self.verbatim)
      #expect(try await engine.search("coffee", scope: Self.alice, options: SearchOptions(threshold: 0)).count == 2)
    }
  }

  @Test(arguments: ["tool", "User", "", "function"]) func unknownRole(name: String) {
    #expect(Message.Role(rawValue: name) == nil)
  }
}
