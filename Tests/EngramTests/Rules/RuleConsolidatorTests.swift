import Testing

@testable import Engram

@Suite struct RuleConsolidatorTests {
  private func decide(
    _ text: String, against held: String..., similarity: Float? = nil
  ) throws -> ConsolidationDecision<Int> {
    let fact = try #require(RuleExtractor().facts(in: text).first)
    return RuleConsolidator().decide(
      fact,
      against: held.enumerated().map { HeldFact(id: $0, text: $1, similarity: similarity) })
  }

  /// Embeddings hardly tell a sentence from its negation.
  @Test(arguments: [
    ("I don't like tea", "I like tea"), ("I like tea", "I don't like tea"),
    ("I never take the lift at work", "I take the lift at work"),
    ("I no longer collect stamps", "I collect stamps"),
    ("My brother doesn't eat fish", "My brother eats fish"),
  ])
  func aNegationIsNoDuplicate(new: String, held: String) throws {
    let decision = try decide(new, against: held, similarity: 0.99)
    #expect(decision == .replace([0]) || decision == .retract([0]))
  }

  @Test(arguments: [
    ("I have lived with 3 friends since 2018", "I have lived with 4 friends since 2018"),
    ("I like green tea", "I like black tea"), ("My sister likes tea", "I like tea"),
  ])
  func whatDiffersInANumberAValueOrAPersonIsKept(new: String, held: String) throws {
    #expect(try decide(new, against: held, similarity: 0.99) == .add)
  }

  @Test func similarTextsWithoutSlotAreDuplicatesFromTheThresholdOn() throws {
    let new = "I wear boots every winter"
    let held = "Heavy shoes are what the cold season means"
    #expect(try decide(new, against: held, similarity: 0.96) == .none(because: 0))
    #expect(try decide(new, against: held, similarity: 0.9) == .add)
    #expect(try decide(new, against: held) == .add)
  }

  @Test func aTextWithoutSlotIsReplacedByWhatItSays() throws {
    #expect(try decide("I moved to Berlin", against: "I live in Paris") == .replace([0]))
    #expect(
      try decide("I don't live in Paris any more", against: "I live in Paris") == .retract([0]))
  }

  @Test func aTextThatSaysMoreIsNotEnded() throws {
    let held = "I live in Paris and I work at Siemens."
    #expect(try decide("I moved to Berlin", against: held) == .add)
  }

  @Test func aTextThatIsNoEnglishIsItsOwnDuplicateOnly() throws {
    #expect(
      try decide("Ich wohne seit 2010 in Hamburg", against: "ich wohne seit 2010 in Hamburg!")
        == .none(because: 0))
    #expect(
      try decide("Ich wohne seit 2010 in Hamburg", against: "Ich wohne seit 2011 in Bremen") == .add
    )
  }

  @Test func aRetractionOfNothingIsKept() throws {
    let fact = try #require(RuleExtractor().facts(in: "I don't live in Rome any more").first)
    #expect(fact.kind == .retraction)
    let held: [HeldFact<Int>] = []
    #expect(RuleConsolidator().decide(fact, against: held) == .add)
  }

  @Test func aCorrectionReachesIntoEarlierMessages() {
    let extractor = RuleExtractor()
    let before = extractor.facts(in: "I live in Lille. My name is Ann.")
    let facts = extractor.facts(in: "No, I meant Lyon, not Lille.", after: before)
    #expect(facts.map(\.text) == ["I live in Lyon"])
    #expect(facts.first?.previousValue == "lille")
    #expect(extractor.facts(in: "No, I meant Lyon, not Lille.").isEmpty)
  }
}
