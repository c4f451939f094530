import Foundation
import Testing

@testable import EngramModels

/// The real model. Skipped where it is not there, unless ENGRAM_REQUIRE_MODEL is 1.
@Suite(.enabled(if: ModelFiles.isWanted, Comment(rawValue: ModelFiles.whyNot)))
struct MiniLMTests {
  private func cosine(_ vector: [Float], _ reference: [Double]) -> Double {
    var (product, own, other) = (0.0, 0.0, 0.0)
    for (a, b) in zip(vector, reference) {
      product += Double(a) * b
      own += Double(a) * Double(a)
      other += b * b
    }
    return product / (own * other).squareRoot()
  }

  private func check(_ reference: [ModelFiles.Line]) throws {
    let model = try ModelFiles.model.get()
    for line in reference {
      #expect(model.tokenizer.tokens(of: line.text, limit: MiniLM.longestText) == line.ids)
      let vector = try model.embed(line.text)
      #expect(vector.count == 384 && line.vector.count == 384)
      #expect(cosine(vector, line.vector) >= 0.999_99, "\(line.text)")
      #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) <= 1e-5)
    }
  }

  @Test func isTheOneThatWasMeant() throws {
    let model = try ModelFiles.model.get()
    #expect(MiniLM.isWhole() && model.dimension == 384 && model.tokenizer.vocabulary.count == 30_522)
  }

  @Test func agreesWithTheReference() throws {
    let reference = try ModelFiles.reference()
    #expect(reference.count == 24 && reference.contains { $0.ids.count == MiniLM.longestText })
    try check(reference)
  }

  @Test(.enabled(if: ModelFiles.datasets != nil)) func agreesWithTheReferenceOfTheDatasets() throws {
    let reference = try ModelFiles.datasetReference()
    #expect(reference.count == 64)
    try check(reference)
  }

  @Test(arguments: [1, 2, 3]) func aBatchEqualsOneByOne(threads: Int) async throws {
    let model = try ModelFiles.model.get()
    let texts = try ModelFiles.reference().map(\.text)
    let alone = try texts.map { try model.embed($0) }
    #expect(try await model.embed(texts, threads: threads) == alone)
    #expect(try await model.embed(texts.reversed(), threads: threads) == alone.reversed())
  }

  /// A vocabulary of another model, and one that is a piece short.
  @Test func refusesAnotherVocabulary() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.path + "/" + name, withDestinationPath: MiniLM.defaultFolder + "/" + name)
    }
    let pieces = try String(contentsOfFile: MiniLM.defaultFolder + "/vocab.txt", encoding: .utf8)
      .split(separator: "\n")
    for vocabulary in [pieces.dropLast(), pieces + ["one more"], TinyModel.pieces.map { $0[...] }] {
      try vocabulary.joined(separator: "\n").write(
        to: folder.appendingPathComponent("vocab.txt"), atomically: true, encoding: .utf8)
      #expect { try MiniLM(folder: folder.path) } throws: {
        if case .damaged? = $0 as? ModelError { true } else { false }
      }
    }
  }
}
