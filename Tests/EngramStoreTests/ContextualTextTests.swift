import Foundation
import Testing

@testable import EngramStore

/// How well texts answer by their words and by those said around them.
@Suite struct ContextualTextTests {
  /// The scores of texts, one after the other in one run, or each for itself.
  private func scores(
    _ question: String, _ texts: [String], inOneRun: Bool = true
  ) throws -> ContextualText {
    let index = try TextIndex()
    for (row, text) in texts.enumerated() { try index.insert(row: UInt32(row), text: text) }
    let previous = texts.indices.map { inOneRun ? Int32($0) - 1 : -1 }
    return ContextualText(
      index.occurrences(of: TextQuery(question: question), in: texts.indices.map(UInt32.init)),
      previous: previous, meanLength: index.meanLength)
  }

  private static let k1 = Double(ContextualText.k1)
  private static let b = Double(ContextualText.b)

  /// `x / (1 + x)` of one term in a text of `length` terms.
  private func share(_ count: Double, length: Double, mean: Double) -> Double {
    let x = count / (Self.k1 * (1 - Self.b + Self.b * length / mean))
    return x / (1 + x)
  }

  @Test func liesBetweenNothingAndAll() throws {
    var generator = Generator(seed: 31)
    let words = (0..<12).map { "word\($0)" } + ["the", "is"]
    for round in 1...300 {
      let texts = (0..<Int.random(in: 1...30, using: &generator)).map { _ in
        // Some say one word very often.
        let isDull = generator.oneIn(8)
        return (0..<Int.random(in: 0...20, using: &generator)).map { _ in
          isDull ? "word1" : words.randomElement(using: &generator) ?? ""
        }.joined(separator: " ")
      }
      let question = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
        words.randomElement(using: &generator) ?? ""
      }.joined(separator: " ")
      let found = try scores(question, texts, inOneRun: generator.oneIn(2))
      #expect(found.own.count == texts.count && found.withContext.count == texts.count)
      for place in texts.indices {
        let (own, all) = (found.own[place], found.withContext[place])
        #expect(own >= 0 && own <= all + 1e-6 && all <= 1, "round \(round)")
        #expect(found.reached.contains(Int32(place)) == (all > 0), "round \(round)")
      }
      #expect(Set(found.reached).count == found.reached.count)
      #expect(found.hasTerms == !question.isEmpty)
    }
  }

  /// However often all that is asked is said around it, a text does not get beyond 1.
  @Test func theBoundHoldsWhereAllIsSaid() throws {
    let texts = [String](repeating: "", count: 40).enumerated().map { place, _ in
      (10...14).contains(place) ? String(repeating: "xylophone ", count: 50_000) : "rain"
    }
    let found = try scores("xylophone", texts)
    #expect(found.withContext[12] > 0.99 && found.withContext[12] <= 1)
  }

  /// BM25 over its upper bound, the sum of the idf: worked out by hand.
  @Test func isBM25OverItsBoundWhereNothingIsAround() throws {
    let texts = ["tea garden", "tea", "rain rain rain garden", "sun", "sun moon"]
    let mean = 2.0
    func idf(_ frequency: Double) -> Double { log(1 + (5 - frequency + 0.5) / (frequency + 0.5)) }
    let found = try scores("tea, or rain? unheard", texts, inOneRun: false)
    #expect(found.own == found.withContext)
    let total = idf(2) + idf(1) + idf(0)
    let expected = [
      idf(2) * share(1, length: 2, mean: mean) / total, idf(2) * share(1, length: 1, mean: mean) / total,
      idf(1) * share(3, length: 4, mean: mean) / total, 0, 0,
    ]
    for (own, expected) in zip(found.own, expected) { #expect(abs(Double(own) - expected) < 1e-5) }
    #expect(Set(found.reached) == [0, 1, 2])
  }

  /// One turn away 0.3 of an occurrence, two turns away 0.15, three away nothing, to both sides, each by
  /// the length of its own text; together they add up.
  @Test func turnsAroundCountByTheirDistance() throws {
    // So many that the term is not common.
    var texts = [String](repeating: "rain", count: 20)
    texts[8] = "xylophone rain"
    let mean = 21.0 / 20
    let x = 1 / (Self.k1 * (1 - Self.b + Self.b * 2 / mean))
    var found = try scores("xylophone", texts)
    for (place, reach) in [(5, 0), (6, 0.15), (7, 0.3), (8, 1), (9, 0.3), (10, 0.15), (11, 0)] {
      let expected = reach * x / (1 + reach * x)
      #expect(abs(Double(found.withContext[place]) - expected) < 1e-5, "\(place)")
      #expect(abs(Double(found.own[place]) - (place == 8 ? expected : 0)) < 1e-5, "\(place)")
    }
    texts[9] = "xylophone xylophone"
    found = try scores("xylophone", texts)
    let wider = 22.0 / 20
    let (one, two) = (
      1 / (Self.k1 * (1 - Self.b + Self.b * 2 / wider)), 2 / (Self.k1 * (1 - Self.b + Self.b * 2 / wider))
    )
    for (place, sum) in [(7, 0.3 * one + 0.15 * two), (8, one + 0.3 * two), (10, 0.15 * one + 0.3 * two)] {
      #expect(abs(Double(found.withContext[place]) - sum / (1 + sum)) < 1e-5, "\(place)")
    }
  }

  /// What more than a fifth of the texts say tells nothing of those around it.
  @Test(arguments: [(2, true), (3, false)]) func commonTermsReachNobody(often: Int, reaches: Bool) throws {
    var texts = [String](repeating: "rain", count: 10)
    for place in 0..<often { texts[place] = "xylophone" }
    let found = try scores("xylophone", texts)
    #expect((found.withContext[often] > 0) == reaches)
    #expect(found.own[0] > 0 && found.own[often] == 0)
  }

  /// Another run in between is in nobody's way, and no word crosses from one run into another.
  @Test func runsAreApart() throws {
    let index = try TextIndex()
    let texts = ["xylophone"] + [String](repeating: "rain", count: 11)
    for (row, text) in texts.enumerated() { try index.insert(row: UInt32(row), text: text) }
    // Even places are one run, odd ones the other.
    let found = ContextualText(
      index.occurrences(of: TextQuery(question: "xylophone"), in: (0..<12).map(UInt32.init)),
      previous: (0..<12).map { $0 < 2 ? -1 : $0 - 2 }, meanLength: index.meanLength)
    #expect(Set(found.reached) == [0, 2, 4])
    #expect(found.withContext[2] > found.withContext[4])
  }

  @Test func nothingAskedIsNothingFound() throws {
    for question in ["", "?!", " \n"] {
      let found = try scores(question, ["tea", "rain"])
      #expect(!found.hasTerms && found.reached.isEmpty && found.withContext == [0, 0])
    }
    #expect(try scores("tea", []).own.isEmpty)
    // Words that tell nothing are looked for where there are no others.
    #expect(try scores("is it the", ["the tea", "rain"]).reached.contains(0))
  }
}
