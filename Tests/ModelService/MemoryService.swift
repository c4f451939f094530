import Foundation

/// What an extracting model was asked: which facts there are in messages, or what facts do to memories.
public struct MemoryQuestion: Sendable {
  /// `facts` or `decisions`.
  public var kind: String
  public var instructions: String
  /// The JSON document that it was shown, as it came.
  public var document: String

  public init?(_ received: TestServer.Received) {
    guard let json = try? received.json, let messages = json["messages"] as? [[String: String]],
      messages.count == 2, messages.map({ $0["role"] }) == ["system", "user"],
      let format = json["response_format"] as? NSDictionary,
      let schema = format["json_schema"] as? NSDictionary, let name = schema["name"] as? String
    else { return nil }
    kind = name
    instructions = messages[0]["content"] ?? ""
    document = messages[1]["content"] ?? ""
  }

  private var members: [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(document.utf8))) as? [String: Any] ?? [:]
  }

  private func texts(_ list: String, _ member: String) -> [String] {
    (members[list] as? [[String: Any]] ?? []).compactMap { $0[member] as? String }
  }

  /// What was said.
  public var messages: [String] { texts("messages", "content") }
  public var earlier: [String] { texts("earlier", "content") }
  public var facts: [String] { texts("facts", "text") }
  /// Those near the facts, in the order of their numbers.
  public var memories: [String] { texts("memories", "text") }
  public var ids: [String] { texts("memories", "id") }
}

extension TestServer.Answer {
  /// Facts that a user has said.
  public static func facts(_ texts: [String], role: String = "user") -> TestServer.Answer {
    json(["facts": texts.map { ["text": $0, "role": role, "importance": 0.5] as [String: Any] }])
  }

  public static func decisions(
    _ decisions: [(fact: Int, event: String, id: String, text: String)]
  ) -> TestServer.Answer {
    json([
      "decisions": decisions.map {
        ["fact": $0.fact, "event": $0.event, "id": $0.id, "text": $0.text] as [String: Any]
      }
    ])
  }

  private static func json(_ object: [String: Any]) -> TestServer.Answer {
    let text = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
    return .chat(String(decoding: text, as: UTF8.self))
  }
}

extension TestServer {
  /// Runs `body` while a model answers questions about memories.
  public static func memories<Value: Sendable>(
    _ answer: @escaping @Sendable (MemoryQuestion) async -> Answer,
    while body: (TestServer) async throws -> Value
  ) async throws -> Value {
    try await run({ received in
      guard let question = MemoryQuestion(received) else { return .error(400, "another question") }
      return await answer(question)
    }, while: body)
  }

  /// The questions so far.
  public var questions: [MemoryQuestion] { received.compactMap(MemoryQuestion.init) }
}
