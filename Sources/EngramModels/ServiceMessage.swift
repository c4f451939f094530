import Foundation

/// What a service says about a call that it did not serve.
struct ServiceMessage {
  let text: String
  /// The same call may be served later.
  let isPassing: Bool

  init(_ reply: HTTPReply) {
    let body = try? JSONDecoder().decode(Body.self, from: Data(reply.body))
    text = body?.text ?? Self.plainText(reply) ?? "no explanation"
    // OpenAI calls an account without money "too many requests".
    isPassing =
      reply.status == 429
      ? body?.code != "insufficient_quota"
      : (500..<600).contains(reply.status) && reply.status != 501
  }

  private static func plainText(_ reply: HTTPReply) -> String? {
    let text = String(decoding: reply.body, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    if text.hasPrefix("<") { return "a page of HTML" }
    return text.isEmpty ? nil : text
  }

  /// `{"error": {"message": ..., "code": ...}}` as OpenAI has it; `{"error": "..."}`,
  /// `{"message": "..."}` and `{"detail": "..."}` as others do.
  private struct Body: Decodable {
    struct Details: Decodable {
      let message: String?
      let code: String?

      init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
          (message, code) = (text, nil)
          return
        }
        let members = try decoder.container(keyedBy: Key.self)
        message = try? members.decode(String.self, forKey: .message)
        // A number at some services.
        code = try? members.decode(String.self, forKey: .code)
      }
    }

    enum Key: CodingKey { case error, message, detail, code }

    let text: String?
    let code: String?

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Key.self)
      let error = try? members.decode(Details.self, forKey: .error)
      text =
        error?.message ?? (try? members.decode(String.self, forKey: .message))
        ?? (try? members.decode(String.self, forKey: .detail))
      code = error?.code
    }
  }
}
