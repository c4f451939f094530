import EngramModels
import Testing

@Suite struct HashingEmbedderTests {
  private func dot(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  @Test func everyTextHasLengthOne() async throws {
    let texts = [
      "", " ", "...", "\0", "a", "The quick brown fox", "\u{1f600}", "\u{65e5}\u{672c}\u{8a9e}",
      "e\u{301}", String(repeating: "word ", count: 5_000), String(repeating: "x", count: 20_000),
    ]
    for dimension in [1, 2, 3, 384, 16_383] {
      let vectors = try await HashingEmbedder(dimension: dimension).embed(texts)
      #expect(vectors.count == texts.count)
      for vector in vectors {
        #expect(vector.count == dimension)
        #expect(abs(dot(vector, vector) - 1) < 1e-6)
      }
      #expect(vectors[0] == [1] + [Float](repeating: 0, count: dimension - 1))
      #expect(vectors[1] == vectors[0] && vectors[2] == vectors[0])
    }
  }

  /// The vectors themselves, so that no platform and no later version gives others.
  @Test func vectorsStayAsTheyAre() async throws {
    let vectors = try await HashingEmbedder(dimension: 8).embed(["Hello, w\u{f6}rld 42", "a"])
    #expect(
      vectors == [
        [0, 0.375, 0.125, -0.375, 0.75, -0.125, 0.25, 0.25],
        [0.9701425, 0, 0, 0, 0, 0, 0, -0.24253562],
      ])
  }

  @Test func textsThatShareWordsAreNear() async throws {
    let vectors = try await HashingEmbedder().embed([
      "Anna likes green tea", "green tea is what ANNA likes!", "Anna liked the green teas",
      "the train to Paris was late",
    ])
    let near = [dot(vectors[0], vectors[1]), dot(vectors[0], vectors[2])]
    #expect(near.allSatisfy { $0 > 0.4 })
    #expect(dot(vectors[0], vectors[3]) < 0.2)
  }

  @Test func orderAndLettersMatter() async throws {
    let vectors = try await HashingEmbedder().embed(["dog bites man", "man bites dog", "DOG, bites: man"])
    #expect(vectors[0] != vectors[1])
    #expect(vectors[0] == vectors[2])
  }

  @Test func theNameSaysTheDimension() throws {
    #expect(try HashingEmbedder().model == "hashing-384")
    #expect(try HashingEmbedder(dimension: 64).model == "hashing-64")
    for dimension in [Int.min, -1, 0, 16_384, .max] {
      #expect(throws: ModelError.self) { try HashingEmbedder(dimension: dimension) }
    }
  }
}
