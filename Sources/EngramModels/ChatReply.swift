/// A model's answer.
public struct ChatReply: Sendable, Hashable {
  /// What the model said, as it said it.
  public var text: String
  /// The answer was cut off: it reached the length that the request or the model allows.
  public var isCutOff: Bool
  /// nil where the service does not count.
  public var usage: TokenUsage?

  public init(text: String, isCutOff: Bool = false, usage: TokenUsage? = nil) {
    self.text = text
    self.isCutOff = isCutOff
    self.usage = usage
  }
}
