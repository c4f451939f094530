/// When a scope is summed up by itself, and how long its summary is.
public struct SummaryPolicy: Sendable, Hashable {
  /// So many memories must have come, changed or ended since the last summary.
  public var changes: Int
  /// Tokens of a summary at most, as ``TokenEstimate`` counts them.
  public var maxTokens: Int
  /// How often that is looked at.
  public var interval: Duration

  public init(changes: Int = 32, maxTokens: Int = 256, interval: Duration = .seconds(5)) {
    self.changes = changes
    self.maxTokens = maxTokens
    self.interval = interval
  }

  /// The tokens that a summary may have.
  static let tokens = 16...4_096

  func check() throws(EngramError) {
    guard changes > 0 else { throw .invalid(field: "changes", reason: "give 1 or more, not \(changes)") }
    guard interval > .zero else { throw .invalid(field: "interval", reason: "it must lie above 0") }
    try Self.check(maxTokens: maxTokens)
  }

  static func check(maxTokens: Int) throws(EngramError) {
    guard tokens.contains(maxTokens) else {
      throw .invalid(field: "maxTokens", reason: "it must lie in \(tokens)")
    }
  }
}
