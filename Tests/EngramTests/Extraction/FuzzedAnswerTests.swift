import EngramModels
import EngramStore
import Foundation
import ModelService
import Synchronization
import Testing

@testable import Engram

/// Random answers of a model, over the schema and beyond.
@Suite(.serialized) struct FuzzedAnswerTests {
  private static let words = [
    "tea", "coffee", "Berlin", "Rome", "Ann", "Bob", "cat", "2", "3", "not", "like", "live", "no longer",
    "€",
  ]

  private static func sentence(_ generator: inout Generator) -> String {
    (0..<Int.random(in: 1...5, using: &generator)).map { _ in words.randomElement(using: &generator) ?? "" }
      .joined(separator: " ")
  }

  private static func anything(_ generator: inout Generator) -> Any {
    switch Int.random(in: 0..<9, using: &generator) {
    case 0: NSNull()
    case 1: generator.oneIn(2)
    case 2: Int.random(in: -2...9, using: &generator)
    case 3: 0.5
    case 4: [sentence(&generator)]
    case 5: ["text": sentence(&generator)]
    case 6: "\(Int.random(in: -1...9, using: &generator))"
    case 7: ""
    default: sentence(&generator)
    }
  }

  private static func facts(_ generator: inout Generator) -> [Any] {
    (0..<Int.random(in: 0...5, using: &generator)).map { _ in
      if generator.oneIn(6) { return anything(&generator) }
      var fact: [String: Any] = [
        "text": sentence(&generator), "role": generator.oneIn(3) ? "assistant" : "user", "importance": 0.5,
      ]
      for name in ["text", "role", "importance"] where generator.oneIn(12) {
        fact[name] = anything(&generator)
      }
      return fact
    }
  }

  private static func decisions(
    _ question: MemoryQuestion, _ generator: inout Generator
  ) -> [Any] {
    (0..<Int.random(in: 0...8, using: &generator)).map { _ in
      if generator.oneIn(8) { return anything(&generator) }
      let memories = question.memories
      let id = memories.isEmpty ? 0 : Int.random(in: 0..<memories.count, using: &generator)
      let fact = Int.random(in: 0..<max(question.facts.count, 1), using: &generator)
      let text =
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: memories.isEmpty ? "" : memories[id]
        case 1: question.facts.isEmpty ? "" : question.facts[fact] + " and tea"
        case 2: ""
        default: sentence(&generator)
        }
      var decision: [String: Any] = [
        "fact": fact, "id": String(id), "text": text,
        "event": ["ADD", "UPDATE", "DELETE", "NONE"].randomElement(using: &generator) ?? "",
      ]
      for name in ["fact", "id", "text", "event"] where generator.oneIn(10) {
        decision[name] = anything(&generator)
      }
      return decision
    }
  }

  private static func answer(
    _ name: String, _ list: [Any], _ generator: inout Generator
  ) -> TestServer.Answer {
    let object: Any = generator.oneIn(6) ? list : [name: list]
    let data = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
    let text = String(decoding: data, as: UTF8.self)
    return .chat(generator.oneIn(5) ? "Here:\n```json\n\(text)\n```" : text)
  }

  /// The facts that an answer holds, as this test reads them: texts that are not blank.
  private static func texts(_ facts: [Any]) -> [String] {
    facts.compactMap { fact in
      let text = fact as? String ?? (fact as? [String: Any])?["text"] as? String
      return text.flatMap { $0.isEmpty ? nil : $0 }
    }
  }

  /// Whether a text may say what a fact says, as far as this test can tell: they have words in common, and
  /// the same numbers and negations.
  private static func maySay(_ text: String, _ fact: String) -> Bool {
    func words(_ text: String) -> Set<String> {
      Set(text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init))
    }
    let (old, new) = (words(text), words(fact))
    let negations: Set = ["not", "no"]
    return text == fact
      || !old.isDisjoint(with: new) && new.filter { Int($0) != nil }.isSubset(of: old)
        && old.isDisjoint(with: negations) == new.isDisjoint(with: negations)
  }

  private struct Round: Sendable {
    var facts: [String] = []
    /// Texts of memories that an UPDATE or a DELETE could have meant.
    var named = Set<String>()
  }

  /// Every fact ends as a memory, is known by one that says it, or has been superseded or changed by a
  /// later one; nothing is touched that no answer named.
  @Test(arguments: [Consolidation.additive, .update, .supersede], [1, 2, 3] as [UInt64])
  func nothingIsLostOrTouched(mode: Consolidation, seed: UInt64) async throws {
    let state = Mutex((generator: Generator(seed: seed), round: Round()))
    let scope = Scope(user: "u")
    try await withModel({ question in
      state.withLock { state in
        if question.kind == "facts" {
          let facts = Self.facts(&state.generator)
          state.round.facts = Self.texts(facts)
          return Self.answer("facts", facts, &state.generator)
        }
        let decisions = Self.decisions(question, &state.generator)
        for case let decision as [String: Any] in decisions {
          guard ["UPDATE", "DELETE"].contains(decision["event"] as? String) else { continue }
          let number = decision["id"] as? Int ?? (decision["id"] as? String).flatMap { Int($0) }
          if let number, question.memories.indices.contains(number) {
            state.round.named.insert(question.memories[number])
          }
        }
        return Self.answer("decisions", decisions, &state.generator)
      }
    }) { engine, _ in
      var touched = 0
      for number in 0..<25 {
        state.withLock { $0.round = Round() }
        let before = try engine.getAll(scope: scope, limit: 1_000).memories
        let added = try await engine.add(
          "Something said in round \(number).", scope: scope, options: .waiting(mode))
        let round = state.withLock { $0.round }
        let after = try engine.getAll(scope: scope, limit: 1_000).memories
        let texts = Dictionary(
          uniqueKeysWithValues: after.map { ($0.id, $0.text) })

        for memory in before where texts[memory.id] != memory.text {
          touched += 1
          #expect(mode != .additive && round.named.contains(memory.text), "\(memory.text), seed \(seed)")
        }
        // One report for each fact, beside those of what it ended.
        let kept = added.filter { $0.event != .delete }
        #expect(kept.count == round.facts.count, "\(added) of \(round.facts)")
        for (fact, report) in zip(round.facts, kept) {
          // What the reported memory has ever said.
          let said = try engine.history(of: report.id).compactMap(\.newMemory)
          switch report.event {
          case .none:
            #expect(said.contains { Self.maySay($0, fact) }, "\(fact) is not \(said)")
          default:
            #expect(
              said.contains { RuleConsolidator.covers($0, RuleFact(text: fact, importance: 0)) },
              "\(fact) is not in \(said)")
            // Current still, or changed by a later fact of the call.
            let last = try engine.history(of: report.id).last?.event
            #expect(texts[report.id] != nil || last == .supersede, "\(fact)")
          }
        }
      }
      #expect(try engine.pending().isEmpty && engine.deadLetters().isEmpty)
      if mode != .additive { #expect(touched > 10) }
      let report = try await engine.store.verify()
      #expect(report.problems.filter { !$0.hasSuffix("rows cannot be reached") }.isEmpty)
    }
  }
}
