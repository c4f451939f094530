import Foundation

/// One call of a model, retries included.
public struct UsageRecord: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    case embedding, chat
  }

  /// When it ended.
  public var time: Date
  public var model: String
  public var kind: Kind
  /// nil where it failed or the service does not count.
  public var usage: TokenUsage?
  public var duration: Duration
  /// Why it failed; nil where it did not.
  public var failure: ModelError?
  /// In dollars; nil where the tokens or the model's price are not known.
  public var cost: Double?
}

/// What a model costs, in dollars for a million tokens.
public struct ModelPrice: Sendable, Hashable {
  public var prompt: Double
  public var completion: Double

  public init(prompt: Double, completion: Double = 0) {
    self.prompt = prompt
    self.completion = completion
  }

  func cost(of usage: TokenUsage) -> Double {
    (Double(usage.prompt) * prompt + Double(usage.completion) * completion) / 1_000_000
  }
}

/// The sum of a model's calls.
public struct UsageTotals: Sendable, Hashable {
  public var calls = 0
  public var failures = 0
  public var promptTokens = 0
  public var completionTokens = 0
  /// Of calls whose cost is known.
  public var cost = 0.0
  public var duration = Duration.zero

  mutating func add(_ record: UsageRecord) {
    calls += 1
    if record.failure != nil { failures += 1 }
    promptTokens += record.usage?.prompt ?? 0
    completionTokens += record.usage?.completion ?? 0
    cost += record.cost ?? 0
    duration += record.duration
  }
}
