import EngramModels
import EngramStore
import Foundation
import Testing

@testable import Engram

/// The estimate against the word pieces of a real model, and what its documentation promises.
@Suite struct TokenEstimateTests {
  @Test func countsWhatItSays() {
    let cases: [(String, Int)] = [
      ("", 0), (" \n\t ", 0), ("tea", 1), ("I like tea.", 4), ("elephant", 1), ("elephants", 2),
      ("internationalisation", 3), ("2026", 2), ("123456", 2), ("a1b2", 4), ("caf\u{E9}", 1),
      ("cafe\u{301}", 1), ("\u{6771}\u{4EAC}", 2), ("...", 3), ("don't", 3),
    ]
    for (text, tokens) in cases { #expect(TokenEstimate.tokens(in: text) == tokens, "\(text)") }
  }

  /// A beginning takes no more than it may, and one word more would.
  @Test func beginnings() {
    var generator = Generator(seed: 1)
    let words = ["tea", "internationalisation", "42", "\u{6771}\u{4EAC}", "a,b", "caf\u{E9}", "1234567"]
    for _ in 0..<500 {
      let count = Int.random(in: 0...20, using: &generator)
      let text = (0..<count).map { _ in words.randomElement(using: &generator) ?? "" }
        .joined(separator: generator.oneIn(2) ? " " : "  ")
      let limit = Int.random(in: 0...30, using: &generator)
      let prefix = TokenEstimate.prefix(of: text, tokens: limit)
      #expect(text.hasPrefix(prefix) && TokenEstimate.tokens(in: String(prefix)) <= limit)
      if TokenEstimate.tokens(in: text) <= limit {
        #expect(prefix == text)
      } else if prefix.contains(" ") {
        let more = text.dropFirst(prefix.count).prefix { $0 == " " }
        let word = text.dropFirst(prefix.count + more.count).prefix { $0 != " " }
        #expect(TokenEstimate.tokens(in: "\(prefix)\(more)\(word)") > limit, "\(text): \(prefix)")
      }
    }
  }

  /// What the documentation says of how far it is off.
  @Test func againstAModel() throws {
    guard let datasets = ProcessInfo.processInfo.environment["ENGRAM_DATASETS"] else { return }
    let vocabulary = try Vocabulary(contentsOf: datasets + "/model/vocab.txt")
    let tokenizer = WordPieceTokenizer(vocabulary: vocabulary)
    let lines = try String(contentsOfFile: datasets + "/dialog-100k/queries.public.jsonl", encoding: .utf8)
    let texts = lines.split(separator: "\n").compactMap { line -> String? in
      guard case .object(let members)? = try? JSONValue(parsing: String(line)),
        case .string(let text)? = members["memory"] ?? members["text"] ?? members["query"]
      else { return nil }
      return text
    }
    #expect(texts.count > 500)
    let pairs = texts.map { text in
      (Double(TokenEstimate.tokens(in: text)), Double(tokenizer.tokens(of: text, limit: .max).count - 2))
    }
    let ratio = pairs.reduce(0) { $0 + $1.0 } / pairs.reduce(0) { $0 + $1.1 }
    let errors = pairs.map { abs($0 - $1) / max($1, 1) }.sorted()
    print("token estimate: \(texts.count) texts, sum \(ratio), median \(errors[errors.count / 2]),",
      "p95 \(errors[errors.count * 95 / 100])")
    #expect(0.99...1.03 ~= ratio && errors[errors.count / 2] < 0.04 && errors[errors.count * 95 / 100] < 0.2)
  }
}
