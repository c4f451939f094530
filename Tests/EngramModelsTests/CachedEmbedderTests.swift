import Foundation
import ModelService
import Synchronization
import Testing

@testable import EngramModels

@Suite struct CachedEmbedderTests {
  /// Vectors of the texts' lengths, from a service that counts its texts.
  private func run(
    fails: @escaping @Sendable (_ texts: [String]) async -> Bool = { _ in false },
    _ body: (CachedEmbedder, EmbeddingCache, TestServer) async throws -> Void
  ) async throws {
    try await TestServer.run { received in
      let texts = (try? received.json["input"] as? [String]) ?? []
      if await fails(texts) { return .error(400, "no") }
      let items = texts.enumerated().map {
        #"{"object":"embedding","index":\#($0),"embedding":[\#($1.utf8.count),1]}"#
      }
      return TestServer.Answer(body: #"{"data":[\#(items.joined(separator: ","))]}"#)
    } while: { server in
      let cache = EmbeddingCache()
      let embedder = try OpenAIEmbedder(endpoint(server.baseURL), model: "m", dimension: 2)
      try await body(CachedEmbedder(embedder, cache: cache), cache, server)
    }
  }

  private func texts(_ server: TestServer) throws -> [[String]] {
    try server.received.map { try $0.json["input"] as? [String] ?? [] }
  }

  /// Swift takes them for one text; a model does not.
  @Test func textsOfOtherBytesAreOthers() async throws {
    try await run { embedder, cache, server in
      let texts = ["Zo\u{EB}", "Zoe\u{308}"]
      #expect(texts[0] == texts[1])
      for _ in 1...2 {
        let vectors = try await embedder.embed(texts)
        #expect(vectors[0] != vectors[1])
        #expect(try await embedder.embed([texts[1], texts[0]]) == vectors.reversed())
      }
      #expect(cache.count == 2 && server.received.count == 1)
    }
  }

  @Test func whatIsKnownIsNotAsked() async throws {
    try await run { embedder, cache, server in
      let first = try await embedder.embed(["a", "bb", "a"])
      #expect(first.count == 3 && first[0] == first[2] && first[0] != first[1])
      let second = try await embedder.embed(["ccc", "bb"])
      #expect(second[1] == first[1])
      #expect(try texts(server) == [["a", "bb"], ["ccc"]])
      #expect(try await embedder.embed([]).isEmpty && cache.count == 3)
      // Another model's vectors are others.
      let other = try OpenAIEmbedder(endpoint(server.baseURL), model: "n", dimension: 2)
      _ = try await CachedEmbedder(other, cache: cache).embed(["a"])
      #expect(try texts(server).last == ["a"] && cache.count == 4)
      #expect(embedder.model == "m" && embedder.dimension == 2)
    }
  }

  /// Of many calls with the same texts at once each text is embedded once.
  @Test func equalTextsAtOnceAreEmbeddedOnce() async throws {
    let asked = Event()
    let mayAnswer = Event()
    try await run(fails: { _ in
      asked.happen()
      await mayAnswer.wait()
      return false
    }) { embedder, _, server in
      async let first = embedder.embed(["a", "b"])
      await asked.wait()
      let others = (0..<20).map { number in
        Task { try await embedder.embed(number % 2 == 0 ? ["b", "a"] : ["a"]) }
      }
      mayAnswer.happen()
      let vectors = try await first
      for (number, task) in others.enumerated() {
        let given = try await task.value
        #expect(given == (number % 2 == 0 ? [vectors[1], vectors[0]] : [vectors[0]]))
      }
      #expect(try texts(server) == [["a", "b"]])
    }
  }

  /// A failure is not kept: who waited for it tries for himself.
  @Test func failuresAreNotKept() async throws {
    let calls = Atomic(0)
    let asked = Event()
    let mayAnswer = Event()
    try await run(fails: { _ in
      guard calls.add(1, ordering: .relaxed).oldValue == 0 else { return false }
      asked.happen()
      await mayAnswer.wait()
      return true
    }) { embedder, cache, server in
      let first = Task { try await embedder.embed(["a"]) }
      await asked.wait()
      let others = (0..<5).map { _ in Task { try await embedder.embed(["a"]) } }
      mayAnswer.happen()
      #expect(await modelError { try await first.value } == .service(status: 400, message: "no"))
      for task in others {
        let vectors = try await task.value
        #expect(vectors.count == 1)
      }
      #expect(cache.count == 1 && server.received.count == 2)
    }
  }

  /// Who is cancelled goes at once; the others get what they wait for.
  @Test func cancelledCallsGo() async throws {
    let asked = Event()
    let mayAnswer = Event()
    try await run(fails: { _ in
      asked.happen()
      await mayAnswer.wait()
      return false
    }) { embedder, cache, _ in
      let first = Task { try await embedder.embed(["a"]) }
      await asked.wait()
      let cancelled = Task { try await embedder.embed(["a"]) }
      let stays = Task { try await embedder.embed(["a"]) }
      cancelled.cancel()
      #expect(await modelError { try await cancelled.value } == .cancelled)
      mayAnswer.happen()
      let vectors = try await (first.value, stays.value)
      #expect(vectors.0 == vectors.1 && cache.count == 1)
    }
  }

  private struct Miscounting: Embedder {
    var model = "m"
    var dimension = 1
    func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] { [[1], [2]] }
  }

  @Test func vectorsOfOtherTextsAreNotTaken() async {
    for count in [1, 3] {
      let texts = (0..<count).map { "\($0)" }
      let error = await modelError { try await CachedEmbedder(Miscounting()).embed(texts) }
      guard case .badReply = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  /// Against a list: the cache holds what was used last, and never more bytes than it may.
  @Test(arguments: 1...4 as ClosedRange<UInt64>) func theOldestGoesFirst(seed: UInt64) {
    var state = seed
    func random(_ count: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % count
    }
    let bytesMax = 5_000
    let cache = EmbeddingCache(bytesMax: bytesMax)
    var used: [(text: String, vector: [Float], bytes: Int)] = []
    for step in 0..<3_000 {
      let text = String(repeating: "x", count: Int(random(40)))
      let key = EmbeddingCache.Key(model: "m", dimension: 1, text: text)
      let known = used.firstIndex { $0.text == text }
      switch cache.begin(key) {
      case .vector(let vector):
        guard let known else {
          Issue.record("step \(step): \(text.count) should be gone")
          return
        }
        #expect(used[known].vector == vector)
        used.append(used.remove(at: known))
      case .missing:
        #expect(known == nil, "step \(step), seed \(seed)")
        guard random(5) > 0 else {
          cache.end(key, nil)
          continue
        }
        let vector = [Float](repeating: Float(step), count: Int(random(60)))
        cache.end(key, vector)
        let bytes = text.utf8.count + vector.count * 4 + 256
        while used.reduce(bytes, { $0 + $1.bytes }) > bytesMax { used.removeFirst() }
        used.append((text, vector, bytes))
      case .underway: Issue.record("nobody else is there")
      }
      #expect(cache.count == used.count && cache.bytes == used.reduce(0) { $0 + $1.bytes })
    }
    #expect(used.count > 5)
    let none = EmbeddingCache(bytesMax: 0)
    let key = EmbeddingCache.Key(model: "m", dimension: 1, text: "a")
    for _ in 0..<2 {
      guard case .missing = none.begin(key) else {
        Issue.record("kept")
        return
      }
      none.end(key, [1])
    }
    #expect(none.count == 0)
  }
}
