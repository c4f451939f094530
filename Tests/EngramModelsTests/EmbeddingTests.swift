import Foundation
import Testing

@testable import EngramModels

/// Embedding many texts, by a model that is quick.
@Suite struct EmbeddingTests {
  /// Of 0 to 300 tokens, the lengths in no order.
  private static let texts: [String] = (0..<120).map { number in
    let words = ["the", "houses", "garden", "tea!", "zz", "unknown"]
    let count = number % 10 == 9 ? 300 : number * 37 % 50
    return (0..<count).map { words[($0 * $0 + number) % words.count] }.joined(separator: " ")
  }

  @Test(arguments: [1, 2, 3, Int.max]) func aBatchEqualsOneByOne(threads: Int) async throws {
    let model = try TinyModel().load()
    let alone = try Self.texts.map { try model.embed($0) }
    #expect(Set(alone).count > 50)
    for count in [0, 1, 2, 7, Self.texts.count] {
      let batch = try await model.embed(Array(Self.texts.prefix(count)), threads: threads)
      #expect(batch == Array(alone.prefix(count)))
    }
  }

  @Test func fromManyTasks() async throws {
    let model = try TinyModel().load()
    let alone = try Self.texts.map { try model.embed($0) }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<16 {
        group.addTask {
          if task % 2 == 0 { return try await model.embed(Self.texts, threads: 2) == alone }
          return try Self.texts.indices.reversed().allSatisfy {
            try model.embed(Self.texts[$0]) == alone[$0]
          }
        }
      }
      for try await isEqual in group { #expect(isEqual) }
    }
  }

  @Test func aCancelledTaskGetsAnError() async throws {
    let model = try TinyModel().load()
    for texts in [Self.texts, ["one"]] {
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await model.embed(texts)
      }
      await #expect(throws: ModelError.cancelled) { try await task.value }
    }
  }

  /// Whenever it comes: the whole, or the error.
  @Test func cancelledAtAnyTime() async throws {
    let model = try TinyModel().load()
    let alone = try Self.texts.map { try model.embed($0) }
    for yields in 0..<40 {
      let task = Task { try await model.embed(Self.texts, threads: 2) }
      for _ in 0..<yields { await Task.yield() }
      task.cancel()
      do {
        #expect(try await task.value == alone)
      } catch { #expect(error as? ModelError == .cancelled) }
    }
  }

  /// Whatever a text is, its vector has length 1.
  @Test func anyTextHasAVector() throws {
    let model = try TinyModel().load()
    let texts = [
      "", "\0", String(repeating: "z", count: 1 << 20), String(repeating: "tea ", count: 1 << 18),
      String(repeating: "\u{301}", count: 10_000), String(repeating: "é", count: 100_000),
      "👨‍👩‍👧‍👦\u{FFFD}",
      String(decoding: [0xED, 0xA0, 0x80, 0xFF], as: UTF8.self),
    ]
    for text in texts {
      let vector = try model.embed(text)
      #expect(vector.count == TinyModel.width)
      #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) <= 1e-5)
    }
  }
}
