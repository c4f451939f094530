import Foundation
import ModelService
import Testing

@testable import EngramModels

@Suite struct OpenAIEmbedderTests {
  private func embedder(
    _ server: TestServer, dimension: Int = 2, _ ledger: UsageLedger? = nil
  ) throws -> OpenAIEmbedder {
    try OpenAIEmbedder(service(endpoint(server.baseURL), ledger), model: "m", dimension: dimension)
  }

  /// The vector (x, 1) at length 1.
  private func unit(_ x: Double) -> [Float] {
    let length = (x * x + 1).squareRoot()
    return [Float(x / length), Float(1 / length)]
  }

  @Test func vectorsComeInTheOrderOfTheTexts() async throws {
    try await TestServer.run([.embeddings(count: 3)]) { server in
      let texts = ["one", "two \"\\\n\0\u{1f600}", String(repeating: "x", count: 100_000)]
      let vectors = try await embedder(server).embed(texts)
      #expect(vectors == [unit(1), unit(2), unit(3)])
      let received = try #require(server.received.first)
      #expect(received.path == "/v1/embeddings")
      #expect(received.headers["authorization"] == "Bearer " + secret)
      #expect(
        try received.json == ["model": "m", "input": texts, "encoding_format": "float"])
    }
  }

  @Test func batchesAreBounded() async throws {
    try await TestServer.run { received in
      let count = ((try? received.json)?["input"] as? [String])?.count ?? 0
      return .embeddings(count: count)
    } while: { server in
      let service = service(try endpoint(server.baseURL))
      let embedder = try OpenAIEmbedder(
        service, model: "m", dimension: 2, batchTextsMax: 3, batchBytesMax: 10)
      let texts = ["a", "b", "c", "d", String(repeating: "e", count: 11), "12345", "12345", "f"]
      let vectors = try await embedder.embed(texts)
      let batches = try server.received.map { try $0.json["input"] as? [String] }
      #expect(
        batches == [["a", "b", "c"], ["d"], [texts[4]], ["12345", "12345"], ["f"]])
      #expect(vectors.count == texts.count)
      #expect(vectors == [1, 2, 3, 1, 1, 1, 2, 1].map { unit($0) })
    }
  }

  @Test func theDimensionIsAskedForWhereWanted() async throws {
    try await TestServer.run([.embeddings(count: 1)]) { server in
      let service = service(try endpoint(server.baseURL))
      let embedder = try OpenAIEmbedder(
        service, model: "m", dimension: 2, asksForDimension: true)
      _ = try await embedder.embed(["a"])
      #expect(try server.received.first?.json["dimensions"] as? Int == 2)
    }
  }

  @Test func theDimensionIsLearned() async throws {
    try await TestServer.run([.embeddings(count: 1)]) { server in
      let service = service(try endpoint(server.baseURL))
      let embedder = try await OpenAIEmbedder.connect(service, model: "m")
      #expect(embedder.dimension == 2)
      #expect(server.received.count == 1)
      #expect(try server.received.first?.json["dimensions"] == nil)
    }
  }

  @Test func nothingIsSentForNothing() async throws {
    try await TestServer.run([.embeddings(count: 1)]) { server in
      let embedder = try embedder(server)
      #expect(try await embedder.embed([]) == [])
      let error = await modelError { try await embedder.embed(["a", ""]) }
      #expect(error == .invalid(field: "texts[1]", reason: "is empty; leave it out"))
      #expect(server.received.isEmpty)
    }
  }

  @Test(
    arguments: [
      ("", "it is empty"), (" \n", "it is empty"),
      ("<!DOCTYPE html><html></html>", "it is a page of HTML, not JSON"),
      ("hello", "not a list of embeddings: not valid JSON"),
      (#"{"data":[{"index":0,"embedding":[1,"#, "not a list of embeddings: not valid JSON"),
      ("{}", "not a list of embeddings: no data in it"),
      ("null", "not a list of embeddings: it is null"),
      (#"{"error":"no"}"#, "not a list of embeddings: no data in it"),
      (#"{"data":[]}"#, "0 vectors for 2 texts"),
      (#"{"data":[{"index":0,"embedding":[1,0]}]}"#, "1 vectors for 2 texts"),
      (pair(#"{"embedding":[1,0]}"#), "a vector without index"),
      (pair(#"{"index":0,"embedding":[1,0]}"#), "two vectors of index 0"),
      (pair(#"{"index":2,"embedding":[1,0]}"#), "a vector of index 2 for 2 texts"),
      (pair(#"{"index":-1,"embedding":[1,0]}"#), "a vector of index -1 for 2 texts"),
      (pair(#"{"index":1,"embedding":[1]}"#),
        "a vector of 1 components where there should be 2"),
      (pair(#"{"index":1,"embedding":[]}"#),
        "a vector of 0 components where there should be 2"),
      (pair(#"{"index":1,"embedding":[1,1e39]}"#), "a vector with a number that is not finite"),
      (pair(#"{"index":1,"embedding":[1,NaN]}"#), "not a list of embeddings: not valid JSON"),
      (pair(#"{"index":1,"embedding":[0,0]}"#), "a vector without length"),
      (pair(#"{"index":1,"embedding":"AACAPw=="}"#),
        "not a list of embeddings: data.[1].embedding is of another type"),
      (pair(#"{"index":1,"embedding":[1,null]}"#),
        "not a list of embeddings: data.[1].embedding.[1] is null"),
      (pair(#"{"index":99999999999999999999,"embedding":[1,0]}"#),
        "not a list of embeddings: not valid JSON"),
    ] as [(String, String)])
  func badRepliesAreErrors(body: String, reason: String) async throws {
    try await TestServer.run([.init(body: body)]) { server in
      let ledger = UsageLedger()
      let embedder = try embedder(server, ledger)
      let error = await modelError { try await embedder.embed(["a", "b"]) }
      #expect(error == .badReply(reason: reason))
      #expect(ledger.records.map(\.failure) == [error])
      #expect(server.received.count == 1)
    }
  }

  private static func pair(_ second: String) -> String {
    #"{"data":[{"index":0,"embedding":[1,0]},\#(second)]}"#
  }

  @Test func callsAreNoted() async throws {
    try await TestServer.run([.embeddings(count: 2), .error(400)]) { server in
      let ledger = UsageLedger(prices: ["m": ModelPrice(prompt: 0.5)])
      let embedder = try embedder(server, ledger)
      _ = try await embedder.embed(["a", "b"])
      _ = await modelError { try await embedder.embed(["a"]) }
      let records = ledger.records
      #expect(records.map(\.usage) == [TokenUsage(prompt: 6), nil])
      #expect(records.map(\.cost) == [0.000003, nil])
      #expect(records.map(\.failure) == [nil, .service(status: 400, message: "no")])
      #expect(records.allSatisfy { $0.kind == .embedding && $0.model == "m" && $0.duration > .zero })
      #expect(ledger.totals["m"]?.calls == 2)
    }
  }

  @Test func figuresOfAServiceMayBeAnything() async throws {
    let max = Int.max
    let body =
      #"{"data":[{"index":0,"embedding":[1,0]}],"usage":{"prompt_tokens":\#(max)}}"#
    try await TestServer.run([.init(body: body)]) { server in
      let ledger = UsageLedger()
      let embedder = try embedder(server, ledger)
      for _ in 0..<3 { _ = try await embedder.embed(["a"]) }
      #expect(ledger.totals["m"]?.promptTokens == 3 << 40)
    }
  }

  @Test func manyAtOnce() async throws {
    try await TestServer.run { received in
      let number = ((try? received.json)?["input"] as? [String])?.first.flatMap(Int.init) ?? 0
      return .embeddings(count: 1, first: number)
    } while: { server in
      let embedder = try embedder(server)
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<64 {
          group.addTask { try await embedder.embed(["\(number)"]) == [unit(Double(number + 1))] }
        }
        for try await isRight in group { #expect(isRight) }
      }
      #expect(server.received.count == 64)
    }
  }

  @Test func whatNoModelHasIsRefused() throws {
    let service = service(try endpoint("http://127.0.0.1:1"))
    #expect(throws: ModelError.self) { try OpenAIEmbedder(service, model: "", dimension: 1) }
    #expect(throws: ModelError.self) { try OpenAIEmbedder(service, model: "m", dimension: 0) }
    #expect(throws: ModelError.self) {
      try OpenAIEmbedder(service, model: "m", dimension: 1, batchTextsMax: 0)
    }
  }
}
