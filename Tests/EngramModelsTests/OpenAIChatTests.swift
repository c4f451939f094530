import Foundation
import ModelService
import Testing

@testable import EngramModels

@Suite struct OpenAIChatTests {
  private let schema = ChatRequest.Schema(
    name: "facts",
    json: #"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}}"#)

  private func chat(_ server: TestServer, _ ledger: UsageLedger? = nil) throws -> OpenAIChat {
    try OpenAIChat(service(endpoint(server.baseURL), ledger), model: "m")
  }

  private func format(_ received: TestServer.Received) throws -> String? {
    (try received.json["response_format"] as? NSDictionary)?["type"] as? String
  }

  @Test func conversationsAreAnswered() async throws {
    try await TestServer.run([.chat("h\u{e9}llo \"you\"\n")]) { server in
      let ledger = UsageLedger(prices: ["m": ModelPrice(prompt: 1, completion: 2)])
      let request = ChatRequest(
        messages: [.init(.system, "be kind"), .init(.user, "hi \"\0"), .init(.assistant, "")],
        maxTokens: 10, temperature: 0.5)
      let reply = try await chat(server, ledger).reply(to: request)
      #expect(
        reply
          == ChatReply(text: "h\u{e9}llo \"you\"\n", usage: TokenUsage(prompt: 10, completion: 5)))
      let received = try #require(server.received.first)
      #expect(received.path == "/v1/chat/completions")
      #expect(
        try received.json == [
          "model": "m", "max_tokens": 10, "temperature": 0.5,
          "messages": [
            ["role": "system", "content": "be kind"], ["role": "user", "content": "hi \"\0"],
            ["role": "assistant", "content": ""],
          ],
        ])
      #expect(ledger.records.map(\.cost) == [0.00002])
      #expect(ledger.records.map(\.kind) == [.chat])
    }
  }

  @Test func cutOffAnswersAreMarked() async throws {
    try await TestServer.run([.chat("hel", finish: "length")]) { server in
      let reply = try await chat(server).reply(to: ChatRequest(messages: [.init(.user, "hi")]))
      #expect(reply.isCutOff)
    }
  }

  @Test func aSchemaIsEnforcedWhereItCanBe() async throws {
    try await TestServer.run([.chat("{}")]) { server in
      _ = try await chat(server).reply(
        to: ChatRequest(messages: [.init(.user, "hi")], schema: schema))
      let received = try #require(server.received.first)
      let format = try received.json["response_format"] as? NSDictionary
      let sent = format?["json_schema"] as? NSDictionary
      #expect(format?["type"] as? String == "json_schema")
      #expect(sent?["name"] as? String == "facts")
      #expect(sent?["strict"] as? Bool == true)
      // In the schema's own order, which is the order of the answer.
      #expect(String(decoding: received.body, as: UTF8.self).contains(schema.json))
      #expect((try received.json["messages"] as? [Any])?.count == 1)
    }
  }

  /// Services that take other forms than the strongest, and what is sent to them in two calls.
  @Test(
    arguments: [
      (["json_object", nil], ["json_schema", "json_object", "json_object"]),
      ([nil], ["json_schema", "json_object", nil, nil]),
    ] as [([String?], [String?])])
  func weakerFormsAreFoundOnce(taken: [String?], sent: [String?]) async throws {
    try await TestServer.run { received in
      let format = try? format(received)
      return taken.contains(format) ? .chat("{}") : .error(400, "response_format.type: no")
    } while: { server in
      let chat = try chat(server)
      for system in [[], [ChatRequest.Message(.system, "be kind")]] {
        _ = try await chat.reply(
          to: ChatRequest(messages: system + [.init(.user, "hi")], schema: schema))
      }
      #expect(try server.received.map { try format($0) } == sent)
      // Where nothing enforces the schema, the model is told, in the one system message.
      let last = try #require(server.received.last)
      let messages = try #require(try last.json["messages"] as? [[String: String]])
      #expect(messages.map { $0["role"] } == ["system", "user"])
      let told = try #require(messages[0]["content"])
      #expect(told.hasPrefix("be kind") && told.hasSuffix(schema.json) && told.contains("JSON"))
    }
  }

  @Test func aRequestThatIsWrongInEveryFormChangesNothing() async throws {
    try await TestServer.run([
      .error(400, "too long"), .error(400, "b"), .error(400, "c"), .chat("{}"),
    ]) { server in
      let chat = try chat(server)
      let request = ChatRequest(messages: [.init(.user, "hi")], schema: schema)
      let error = await modelError { try await chat.reply(to: request) }
      #expect(error == .service(status: 400, message: "too long"))
      _ = try await chat.reply(to: request)
      #expect(
        try server.received.map { try format($0) }
          == ["json_schema", "json_object", nil, "json_schema"])
    }
  }

  @Test func whatFailsOtherwiseInAWeakerFormIsTheError() async throws {
    try await TestServer.run([.error(400, "response_format"), .error(401, "key")]) { server in
      let request = ChatRequest(messages: [.init(.user, "hi")], schema: schema)
      let error = await modelError { try await chat(server).reply(to: request) }
      #expect(error == .service(status: 401, message: "key"))
    }
  }

  @Test func newerModelsNameTheLimitOtherwise() async throws {
    try await TestServer.run { received in
      let json = (try? received.json) ?? [:]
      if json["max_tokens"] != nil {
        return .error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
      }
      return json["temperature"] == nil ? .chat("ok") : .error(400, "Unsupported value: 'temperature'")
    } while: { server in
      let chat = try chat(server)
      let request = ChatRequest(messages: [.init(.user, "hi")], maxTokens: 9, temperature: 0)
      for _ in 0..<2 { _ = try await chat.reply(to: request) }
      #expect(server.received.count == 4)
      let last = try #require(try server.received.last?.json)
      #expect(last["max_completion_tokens"] as? Int == 9)
      #expect(last["temperature"] == nil)
    }
  }

  @Test(arguments: [401, 403, 404, 500])
  func otherRefusalsDoNotWeakenTheForm(status: Int) async throws {
    try await TestServer.run([.error(status, "response_format")]) { server in
      let error = await modelError {
        try await chat(server).reply(
          to: ChatRequest(messages: [.init(.user, "hi")], schema: schema))
      }
      #expect(error == .service(status: status, message: "response_format"))
      let formats = try server.received.map { try format($0) }
      #expect(Set(formats) == ["json_schema"])
    }
  }

  @Test(
    arguments: [
      ("", "it is empty"), ("<html>", "it is a page of HTML, not JSON"),
      ("{\"choices\":[{", "not a chat completion: not valid JSON"),
      ("{}", "not a chat completion: no choices in it"), ("{\"choices\":[]}", "no choice in it"),
      (#"{"choices":[{"message":{"content":null}}]}"#, "no text in it"),
      (#"{"choices":[{"message":{"content":null,"refusal":"I will not"}}]}"#,
        "the model refused: I will not"),
      (#"{"choices":[{"message":{"content":[1]}}]}"#,
        "not a chat completion: choices.[0].message.content is of another type"),
    ] as [(String, String)])
  func badRepliesAreErrors(body: String, reason: String) async throws {
    try await TestServer.run([.init(body: body)]) { server in
      let error = await modelError {
        try await chat(server).reply(to: ChatRequest(messages: [.init(.user, "hi")]))
      }
      #expect(error == .badReply(reason: reason))
      #expect(server.received.count == 1)
    }
  }

  @Test(
    arguments: [
      (#"{"error":{"message":"a"}}"#, "a"), (#"{"error":"b"}"#, "b"), (#"{"message":"c"}"#, "c"),
      (#"{"detail":"d"}"#, "d"), (#"{"error":{"message":"e","code":7}}"#, "e"),
      (#"{"detail":[{"loc":["body"]}]}"#, #"{"detail":[{"loc":["body"]}]}"#),
      (" plain words ", "plain words"), ("<html><h1>Sorry", "a page of HTML"),
      ("", "no explanation"), (#"{"error":{}}"#, #"{"error":{}}"#),
    ] as [(String, String)])
  func whatServicesSayIsUnderstood(body: String, message: String) async throws {
    try await TestServer.run([.init(status: 404, body: body)]) { server in
      let error = await modelError {
        try await chat(server).reply(to: ChatRequest(messages: [.init(.user, "hi")]))
      }
      #expect(error == .service(status: 404, message: message))
    }
  }

  @Test(
    arguments: [
      ChatRequest(messages: []),
      ChatRequest(messages: [.init(.user, "a")], maxTokens: 0),
      ChatRequest(messages: [.init(.user, "a")], temperature: .nan),
      ChatRequest(messages: [.init(.user, "a")], temperature: 2.1),
      ChatRequest(messages: [.init(.user, "a")], schema: .init(name: "", json: "{}")),
      ChatRequest(messages: [.init(.user, "a")], schema: .init(name: "a b", json: "{}")),
      ChatRequest(messages: [.init(.user, "a")], schema: .init(name: "a", json: "{},\"b\":{}")),
      ChatRequest(messages: [.init(.user, "a")], schema: .init(name: "a", json: "[]")),
    ])
  func whatNoServiceTakesIsNotSent(request: ChatRequest) async throws {
    try await TestServer.run([.chat("ok")]) { server in
      let error = await modelError { try await chat(server).reply(to: request) }
      guard case .invalid = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(server.received.isEmpty)
    }
  }
}
