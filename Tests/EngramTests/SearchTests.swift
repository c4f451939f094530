import EngramStore
import Foundation
import Testing

@testable import Engram

/// What a search of the layer returns beside the ranking, which the store's tests compare with its formulas.
@Suite(.serialized) struct SearchTests {
  private static let alice = Scope(user: "alice")
  private static let verbatim = AddOptions(mode: .verbatim)

  /// The components make the score, as `RankingWeights` says.
  @Test func explainsItsScores() async throws {
    try await withEngine { engine in
      for (number, text) in ["I like green tea", "Coffee is for Mondays", "The tea shop moved"].enumerated() {
        var options = Self.verbatim
        options.importance = [0, 1, nil][number]
        options.createdAt = Date(timeIntervalSinceNow: Double(-number) * 30 * 86_400)
        try await engine.add(text, scope: Self.alice, options: options)
      }
      let weights = RankingWeights(text: 0.4, recency: 0.1, importance: 0.2, access: 0.05)
      for _ in 1...3 {
        let plain = try await engine.search(
          "green tea?", scope: Self.alice, options: SearchOptions(weights: weights))
        #expect(plain.count == 3 && plain.allSatisfy { $0.components == nil })
        let found = try await engine.search(
          "green tea?", scope: Self.alice, options: SearchOptions(weights: weights, explain: true))
        for (place, one) in found.enumerated() {
          let parts = try #require(one.components)
          let relevance = 0.4 * (parts.text + parts.context) + 0.6 * parts.similarity
          let score =
            0.65 * relevance + 0.1 * parts.recency + 0.2 * parts.importance + 0.05 * parts.access
          #expect(abs(one.score - score) < 1e-5)
          #expect(place == 0 || one.score <= found[place - 1].score)
          #expect(parts.access > 0, "it was found before")
        }
        let byText = Dictionary(uniqueKeysWithValues: found.map { ($0.memory.text, $0.components) })
        #expect(byText["I like green tea"]??.importance == 0)
        #expect(byText["Coffee is for Mondays"]??.importance == 1)
        #expect(byText["The tea shop moved"]??.importance == 0.5)
        for (text, recency) in [("I like green tea", 1.0), ("Coffee is for Mondays", 0.5), ("The tea shop moved", 0.25)] {
          #expect(abs((byText[text]??.recency ?? 0) - recency) < 1e-3)
        }
      }
    }
  }

  /// What is returned fits; what is left out would not have.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func packsIntoTokens(seed: UInt64) async throws {
    var generator = Generator(seed: seed)
    try await withEngine { engine in
      for number in 0..<60 {
        let length = Int.random(in: 1...40, using: &generator)
        let text = "tea \(number) " + (0..<length).map { "word\($0)" }.joined(separator: " ")
        try await engine.add(text, scope: Self.alice, options: Self.verbatim)
      }
      let all = try await engine.search(
        "which tea", scope: Self.alice, options: SearchOptions(limit: 60, weights: .relevance))
      for tokens in [1, 5, 40, 100, 1_000, 100_000] {
        let found = try await engine.search(
          "which tea", scope: Self.alice,
          options: SearchOptions(limit: 60, weights: .relevance, maxTokens: tokens))
        let places = found.compactMap { one in all.firstIndex { $0.memory.id == one.memory.id } }
        #expect(places == places.sorted() && places.count == found.count)
        var left = tokens
        for one in all {
          let size = TokenEstimate.tokens(in: one.memory.text)
          let isIn = found.contains { $0.memory.id == one.memory.id }
          #expect(isIn == (size <= left), "\(size) tokens, \(left) left")
          if isIn { left -= size }
        }
      }
    }
  }

  /// The summary comes first where it fits, and only where a budget is given.
  @Test func summaryFirst() async throws {
    try await withEngine { engine in
      for text in ["I like green tea", "I live in Berlin", "I have two cats", "I work as a nurse"] {
        try await engine.add(text, scope: Self.alice)
      }
      let summary = try #require(try await engine.summarize(Self.alice, maxTokens: 16))
      let size = TokenEstimate.tokens(in: summary.text)
      func found(_ tokens: Int?, asOf: Date? = nil) async throws -> [FoundMemory] {
        try await engine.search(
          "Which tea?", scope: Self.alice, options: SearchOptions(maxTokens: tokens, asOf: asOf))
      }
      let packed = try await found(1_000)
      #expect(packed.first?.memory == summary && packed.count == 5)
      #expect(try await found(size).map(\.memory) == [summary])
      #expect(try await !found(size - 1).contains { $0.memory == summary })
      #expect(try await !found(nil).contains { $0.memory == summary })
      #expect(try await !found(1_000, asOf: Date()).contains { $0.memory == summary })
    }
  }

  /// What was said before, what has ended, and what the past knew, only for who asks for it.
  @Test func thePastOnRequest() async throws {
    try await withEngine { engine in
      let start = Date()
      try await engine.add("I live in Paris", scope: Self.alice)
      try await Task.sleep(for: .milliseconds(2))
      let inParis = Date()
      try await Task.sleep(for: .milliseconds(2))
      try await engine.add("I moved to Berlin", scope: Self.alice)
      var expired = Self.verbatim
      expired.expiresAt = Date(timeIntervalSince1970: 1_000_000_000)
      try await engine.add("The ticket for the tram", scope: Self.alice, options: expired)
      let gone = try #require(
        try await engine.add("The door code is 1234", scope: Self.alice, options: Self.verbatim).first)
      try await engine.delete(gone.id)

      func texts(_ options: SearchOptions) async throws -> Set<String> {
        Set(
          try await engine.search("Where does she live?", scope: Self.alice, options: options)
            .map(\.memory.text))
      }
      let now = try await texts(SearchOptions(threshold: 0))
      #expect(now.count == 1 && now.allSatisfy { $0.contains("Berlin") })
      let before = try await texts(SearchOptions(threshold: 0, asOf: inParis))
      #expect(before.count == 1 && before.allSatisfy { $0.contains("Paris") })
      #expect(try await texts(SearchOptions(threshold: 0, asOf: start)).isEmpty)
      let versions = try await texts(SearchOptions(threshold: 0, latestOnly: false))
      #expect(versions.count == 2, "what was deleted stays out: \(versions)")
      let withExpired = try await texts(SearchOptions(threshold: 0, showExpired: true))
      #expect(withExpired == now.union(["The ticket for the tram"]))
      // The store of another user knows none of it.
      let bob = try await engine.search(
        "Where?", scope: Scope(user: "bob"), options: SearchOptions(threshold: 0, latestOnly: false))
      #expect(bob.isEmpty)
    }
  }

  /// What the layer wrote by itself is no result, however many there are of it and however well they fit.
  @Test func summariesAreNoResults() async throws {
    try await withEngine { engine in
      let summary = try Metadata([FactSlot.key: ["kind": "summary"]])
      for number in 0..<40 {
        let text = "green tea \(number)"
        let vector = try await engine.embedders.current.vectors(of: [text])[0]
        try await engine.store.insert(
          NewMemory(text: text, vector: vector, scope: Self.alice, metadata: summary))
      }
      for text in ["green tea", "tea", "coffee"] {
        try await engine.add(text, scope: Self.alice, options: Self.verbatim)
      }
      for limit in [1, 2, 3, 100] {
        let found = try await engine.search(
          "green tea", scope: Self.alice, options: SearchOptions(limit: limit, threshold: 0))
        #expect(found.map(\.memory.text) == Array(["green tea", "tea", "coffee"].prefix(limit)))
      }
    }
  }
}
