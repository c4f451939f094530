import Foundation

/// The answer to `POST /chat/completions`, checked.
struct ChatCompletion: Decodable {
  private struct Choice: Decodable {
    struct Message: Decodable {
      let content: String?
      let refusal: String?
    }

    let message: Message
    let finish_reason: String?
  }

  private struct Usage: Decodable {
    let prompt_tokens: Int?
    let completion_tokens: Int?
  }

  private let choices: [Choice]
  private let usage: Usage?

  init(_ body: [UInt8]) throws(ModelError) {
    do { self = try JSONDecoder().decode(Self.self, from: Data(body)) } catch {
      throw .badReply(reason: "not a chat completion: " + explanation(of: error))
    }
  }

  var reply: ChatReply {
    get throws(ModelError) {
      guard let choice = choices.first else { throw .badReply(reason: "no choice in it") }
      if let refusal = choice.message.refusal, !refusal.isEmpty {
        throw .badReply(reason: "the model refused: \(refusal)")
      }
      guard let text = choice.message.content else { throw .badReply(reason: "no text in it") }
      return ChatReply(text: text, isCutOff: choice.finish_reason == "length", usage: tokens)
    }
  }

  private var tokens: TokenUsage? {
    guard let usage, usage.prompt_tokens != nil || usage.completion_tokens != nil else { return nil }
    return TokenUsage(
      reportedPrompt: usage.prompt_tokens ?? 0, completion: usage.completion_tokens ?? 0)
  }
}
