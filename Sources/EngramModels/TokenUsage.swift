/// The tokens that a service counted for one call.
public struct TokenUsage: Sendable, Hashable {
  /// What was sent.
  public var prompt: Int
  /// What was answered; 0 for embeddings.
  public var completion: Int

  public init(prompt: Int, completion: Int = 0) {
    self.prompt = prompt
    self.completion = completion
  }

  /// A service's own figures, which may be anything.
  init(reportedPrompt prompt: Int, completion: Int = 0) {
    let sane = 0...(1 << 40)
    self.init(prompt: prompt.clamped(to: sane), completion: completion.clamped(to: sane))
  }
}

extension Comparable {
  func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
