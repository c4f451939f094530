import Foundation
import Testing

@testable import Engram

/// What holds for every text.
@Suite struct RulePropertyTests {
  private static let everySaid = (RuleCase.changes + RuleCase.nothings + RuleCase.lasting).flatMap(
    \.says)

  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private func isWellFormed(_ fact: RuleFact) -> Bool {
    !fact.text.isEmpty && (0...1).contains(fact.importance)
      && (fact.slot == nil) == (fact.value == nil)
  }

  @Test func aKeptTextReadsAsTheSameFact() {
    for text in Self.everySaid {
      for fact in RuleExtractor().facts(in: text) {
        let again = RuleExtractor().facts(in: fact.text)
        let same =
          again.count == 1 && again[0].slot == fact.slot && again[0].value == fact.value
          && again[0].text == fact.text
        #expect(same, Comment(rawValue: "\(text): \(fact) reads as \(again)"))
        #expect(isWellFormed(fact))
      }
    }
  }

  @Test func aFactIsItsOwnDuplicate() {
    for text in Self.everySaid {
      for fact in RuleExtractor().facts(in: text) where fact.kind == .state {
        for held in [
          HeldFact(id: 1, text: fact.text, slot: fact.slot, value: fact.value),
          HeldFact(id: 1, text: fact.text),
          HeldFact(id: 1, text: fact.text.uppercased() + " !!", slot: fact.slot, value: fact.value),
        ] {
          #expect(RuleConsolidator().decide(fact, against: [held]) == .none(because: 1), "\(fact)")
        }
      }
    }
  }

  @Test func theOrderOfDuplicatesDoesNotMatter() {
    let said = [
      "I live in Berlin.", "I moved to Berlin", "i'm living in berlin", "I like tea.",
      "I love tea!",
      "My name is José.", "my name's Jose", "I've been collecting stamps since 1990.",
      "I have been collecting stamps since 1990",
    ]
    var random = Random(state: 7)
    for _ in 0..<200 {
      var memory = RuleMemory()
      for text in said.shuffled(using: &random) { memory.hear(text) }
      #expect(memory.entries.count == 4)
    }
  }

  @Test func randomBytesNeverTrap() {
    var random = Random(state: 1)
    for _ in 0..<3_000 {
      let count = Int.random(in: 0..<200, using: &random)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = String(decoding: bytes, as: UTF8.self)
      for fact in RuleExtractor().facts(in: text) { #expect(isWellFormed(fact)) }
    }
  }

  /// Words that the rules know in any order, and cut anywhere, with marks between.
  @Test func shuffledWordsNeverTrap() {
    var random = Random(state: 2)
    let words = Self.everySaid.flatMap { $0.split(separator: " ") }
    let marks = [
      " ", " ", " ", ", ", " \"", "\" ", "\n", ": ", "'", "? ", ". ", " not ", " no, i meant ",
      "\0", "'s ", "🥾",
    ]
    for _ in 0..<10_000 {
      var text = ""
      for _ in 0..<Int.random(in: 1...14, using: &random) {
        let word = words.randomElement(using: &random) ?? ""
        text +=
          word.prefix(Int.random(in: 0...12, using: &random))
          + (marks.randomElement(using: &random) ?? "")
      }
      var memory = RuleMemory()
      memory.hear("I live in Berlin and my name isn't Jon")
      memory.hear(text)
      for fact in memory.entries.map(\.fact) { #expect(isWellFormed(fact)) }
      #expect((0...1).contains(RuleExtractor().salience(of: text)))
    }
  }

  /// Work that grew with the square of the length would not come to an end here.
  @Test(arguments: [
    "I live in Berlin. ", "so ", "and I ", ", ", "\"", "'", "not ", "my sister's ", "a", ".", "?",
    "I ", "i don't like tea and coffee or ", "🥾", "é", "- ", "my ", "no longer ",
    "because I work ", "I like tea, ", "(", "from ", "is my ", "no, I meant Lyon. ",
    "I moved from ", "それは", "> I\n", "```\n", "be be ", "actually ", "\0", "to be a ",
    "I said I like it, not tea, but ",
  ])
  func aLongRowOfAnythingIsRead(unit: String) {
    let text = String(repeating: unit, count: 200_000 / unit.utf8.count)
    for fact in RuleExtractor().facts(in: text) { #expect(isWellFormed(fact)) }
  }

  @Test(arguments: ["I live in Berlin. ", "so I like tea, "])
  func aMegabyteIsRead(unit: String) {
    let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
    #expect(RuleExtractor().facts(in: text).count == 1)
  }

  @Test func aHundredThousandSentencesGiveTheirFactsInOrder() {
    let text = (0..<100_000).map { "My locker \($0) is \($0 % 7) metres wide." }.joined(
      separator: "\n")
    let facts = RuleExtractor().facts(in: text)
    #expect(facts.count == 100_000)
    #expect(facts.last?.text == "My locker 99999 is 4 metres wide")
  }
}
