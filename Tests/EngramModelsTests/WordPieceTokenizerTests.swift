import Foundation
import Testing

@testable import EngramModels

@Suite struct WordPieceTokenizerTests {
  /// Numbers of pieces by their line.
  private func tokenizer(_ pieces: [String]) throws -> WordPieceTokenizer {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("vocab.txt")
    try (["[UNK]", "[CLS]", "[SEP]"] + pieces).joined(separator: "\n").write(
      to: file, atomically: true, encoding: .utf8)
    return WordPieceTokenizer(vocabulary: try Vocabulary(contentsOf: file.path))
  }

  private func pieces(_ text: String, of vocabulary: [String]) throws -> [String] {
    let all = ["[UNK]", "[CLS]", "[SEP]"] + vocabulary
    return try tokenizer(vocabulary).tokens(of: text).dropFirst().dropLast().map { all[Int($0)] }
  }

  /// The tokens that the model's authors' tokenizer gives.
  @Test(.enabled(if: ModelFiles.datasets != nil))
  func agreesWithTheReference() throws {
    let folder = try #require(ModelFiles.datasets)
    let tokenizer = WordPieceTokenizer(vocabulary: try Vocabulary(contentsOf: folder + "/vocab.txt"))
    #expect(tokenizer.vocabulary.count == 30_522)
    let reference = try ModelFiles.datasetReference()
    #expect(reference.count == 64)
    for line in reference { #expect(tokenizer.tokens(of: line.text) == line.ids, "\(line.text)") }
  }

  @Test func takesTheLongestPiece() throws {
    let vocabulary = ["a", "ab", "abc", "##b", "##c", "##cd", "##d"]
    #expect(try pieces("abcd", of: vocabulary) == ["abc", "##d"])
    #expect(try pieces("abbcd", of: vocabulary) == ["ab", "##b", "##cd"])
    #expect(try pieces("abx a", of: vocabulary) == ["[UNK]", "a"])
  }

  @Test func splitsAndCleans() throws {
    let vocabulary = ["a", "b", "e", "!", "-", "—", "東", "京", "ss", "ß", "ᄒ", "##ᅡ", "##ᆫ"]
    #expect(try pieces("A!b-a", of: vocabulary) == ["a", "!", "b", "-", "a"])
    #expect(try pieces("\u{E9}\u{301}\u{A0}a\u{200B}\u{0}\u{FFFD}\tb\r\na", of: vocabulary)
      == ["e", "a", "b", "a"])
    #expect(try pieces("a—b東京", of: vocabulary) == ["a", "—", "b", "東", "京"])
    #expect(try pieces("\u{DF}", of: vocabulary) == ["ß"])
    #expect(try pieces("한", of: vocabulary) == ["ᄒ", "##ᅡ", "##ᆫ"])
  }

  /// Marks are tokens of their own where they are spelled exactly so.
  @Test func marks() throws {
    let tokenizer = try tokenizer(["a", "[", "]", "sep", "unk", "##a"])
    #expect(tokenizer.tokens(of: "a[SEP]a [UNK][CLS]") == [1, 3, 2, 3, 0, 1, 2])
    #expect(tokenizer.tokens(of: "[[SEP]]") == [1, 4, 2, 5, 2])
    #expect(tokenizer.tokens(of: "[sep] [SEP [MASK]") == [1, 4, 6, 5, 4, 6, 4, 0, 5, 2])
    #expect(tokenizer.tokens(of: "a[SEP]\u{301}a") == [1, 3, 2, 3, 2])
    #expect(tokenizer.tokens(of: "a[SEP]a[SEP]", limit: 4) == [1, 3, 2, 2])
  }

  /// Between texts there is nothing that joins them, and cutting one off leaves its beginning.
  @Test func textsSideBySide() throws {
    let vocabulary = ["a", "b", "##a", "##b", "!", "é", "e", "東"]
    let tokenizer = try tokenizer(vocabulary)
    let alphabet = Array("ab!eé東 \u{301}x")
    var state: UInt64 = 1
    func text() -> String {
      String((0..<12).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return alphabet[Int(state >> 33) % alphabet.count]
      })
    }
    for _ in 0..<2_000 {
      let (left, right) = (text(), text())
      let (first, second) = (tokenizer.tokens(of: left), tokenizer.tokens(of: right))
      let both = tokenizer.tokens(of: left + " " + right)
      #expect(both == first.dropLast() + second.dropFirst())
      for limit in 2...both.count {
        #expect(tokenizer.tokens(of: left + " " + right, limit: limit)
          == both.prefix(limit - 1) + both.suffix(1))
      }
    }
  }

  @Test func longWordsAreUnknown() throws {
    let tokenizer = try tokenizer(["a", "##a"])
    #expect(tokenizer.tokens(of: String(repeating: "a", count: 100)).count == 102)
    #expect(tokenizer.tokens(of: String(repeating: "a", count: 101)) == [1, 0, 2])
    #expect(tokenizer.tokens(of: String(repeating: "a", count: 100), limit: 10).count == 10)
  }

  @Test(arguments: ["[UNK]\n[CLS]", "[UNK]\n[CLS]\n[SEP]\na\na", "[UNK]\n[CLS]\n[SEP]\n\u{FF}"])
  func refusesAVocabulary(text: String) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(text.unicodeScalars.map { UInt8($0.value) }).write(to: file)
    #expect { try Vocabulary(contentsOf: file.path) } throws: { error in
      guard case .damaged(file.path, _)? = error as? ModelError else { return false }
      return true
    }
    #expect { try Vocabulary(contentsOf: file.path + "-none") } throws: { error in
      guard case .unreadable? = error as? ModelError else { return false }
      return true
    }
  }
}
