import Foundation

extension TestServer.Answer {
  /// Vectors (i + 1, 1), (i + 2, 1) ... with their indexes, the last first.
  public static func embeddings(count: Int, first: Int = 0) -> TestServer.Answer {
    let items = (0..<count).reversed().map {
      #"{"object":"embedding","index":\#($0),"embedding":[\#(first + $0 + 1),1]}"#
    }
    return TestServer.Answer(
      body: #"""
        {"object":"list","data":[\#(items.joined(separator: ","))],"model":"m",
        "usage":{"prompt_tokens":\#(count * 3),"total_tokens":\#(count * 3)}}
        """#)
  }

  public static func chat(_ text: String, finish: String = "stop") -> TestServer.Answer {
    // One string is JSON by itself, as a fragment.
    let content = (try? JSONSerialization.data(withJSONObject: text, options: .fragmentsAllowed)) ?? Data()
    return TestServer.Answer(
      body: #"""
        {"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",
        "content":\#(String(decoding: content, as: UTF8.self))},"finish_reason":"\#(finish)"}],
        "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}
        """#)
  }

  public static func error(
    _ status: Int, _ message: String = "no", code: String = "c", headers: [String: String] = [:]
  ) -> TestServer.Answer {
    TestServer.Answer(
      status: status, headers: headers,
      body: #"{"error":{"message":"\#(message)","type":"t","code":"\#(code)"}}"#)
  }
}
