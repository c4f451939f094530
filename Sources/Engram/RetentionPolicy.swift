import EngramStore
import Foundation

/// Which memories a retention run removes, and how long what was said is kept as it was said.
///
/// Every rule is optional, and a run with none removes only what has expired. A memory goes where at least
/// one rule says so and nothing protects it:
///
/// 1. its time is over (`expiresAt`);
/// 2. it is older than ``maxAge``;
/// 3. it has not been used for ``maxIdle``;
/// 4. its score lies below ``minScore``;
/// 5. its scope has more than ``maxPerScope`` memories left by then, and it comes first in ``order``.
public struct RetentionPolicy: Sendable, Hashable {
  /// How long a memory is kept from when it came about (`createdAt`).
  public var maxAge: Duration?
  /// How long a memory is kept from its last use: when a search last returned it, or else when it last
  /// changed.
  public var maxIdle: Duration?
  /// The least score with which a memory is kept, 0...1; see ``RetentionScore``.
  public var minScore: Double?
  /// How many memories a scope may have: those of exactly the same user, agent and run. Protected ones count.
  public var maxPerScope: Int?
  /// Which memories of a scope that has too many go first.
  public var order: Order
  public var score: RetentionScore
  public var protection: Protection
  /// How long messages are kept as they were said, unless the call that adds them says otherwise. They are
  /// then gone for good, but not before memories have been made of them. Memories made of them stay.
  public var episodeTTL: Duration?

  /// In which order memories go that are too many.
  public enum Order: String, Sendable, CaseIterable {
    /// The lowest score first.
    case score
    /// What has not been used for longest first.
    case leastRecentlyUsed
  }

  /// What no rule removes.
  public struct Protection: Sendable, Hashable {
    /// Memories that matter at least so much, 0...1; nil for no such rule.
    public var importance: Double?
    /// Summaries, which their next version replaces.
    public var summaries: Bool
    /// Memories whose metadata have `true` at this key; nil for no such rule.
    public var flag: String?

    public init(importance: Double? = nil, summaries: Bool = true, flag: String? = "pinned") {
      self.importance = importance
      self.summaries = summaries
      self.flag = flag
    }
  }

  public init(
    maxAge: Duration? = nil, maxIdle: Duration? = nil, minScore: Double? = nil, maxPerScope: Int? = nil,
    order: Order = .score, score: RetentionScore = RetentionScore(),
    protection: Protection = Protection(), episodeTTL: Duration? = nil
  ) {
    self.maxAge = maxAge
    self.maxIdle = maxIdle
    self.minScore = minScore
    self.maxPerScope = maxPerScope
    self.order = order
    self.score = score
    self.protection = protection
    self.episodeTTL = episodeTTL
  }

  /// - Throws: `EngramError.invalid` with the rule that makes no sense.
  func check() throws(EngramError) {
    for (field, duration) in [("maxAge", maxAge), ("maxIdle", maxIdle), ("episodeTTL", episodeTTL)] {
      if let duration, duration < .zero {
        throw .invalid(field: field, reason: "it lies before 0")
      }
    }
    for (field, value) in [("minScore", minScore), ("importance", protection.importance)] {
      if let value, !(0...1).contains(value) { throw .invalid(field: field, reason: "it must lie in 0...1") }
    }
    if let maxPerScope, maxPerScope < 0 {
      throw .invalid(field: "maxPerScope", reason: "give 0 or more, not \(maxPerScope)")
    }
    try score.check()
  }

  /// What of the rules that look at one memory alone says that it goes; empty where nothing does.
  func reasons(of usage: MemoryUsage, score: Double, at now: Date) -> [RetentionReason] {
    let memory = usage.memory
    var reasons: [RetentionReason] = []
    if let expiresAt = memory.expiresAt, expiresAt <= now { reasons.append(.expired) }
    if let maxAge, now.timeIntervalSince(memory.createdAt) > maxAge.seconds { reasons.append(.age) }
    if let maxIdle, now.timeIntervalSince(usage.lastUse) > maxIdle.seconds { reasons.append(.idle) }
    if let minScore, score < minScore { reasons.append(.score) }
    return reasons
  }

  func protects(_ memory: Memory) -> Bool {
    if let least = protection.importance, let importance = memory.importance, importance >= least {
      return true
    }
    guard memory.metadata != .empty else { return false }
    if protection.summaries, MemoryKind.read(memory.metadata) == .summary { return true }
    return protection.flag.map { memory.metadata[$0] == .bool(true) } ?? false
  }
}

/// Why a memory goes; see ``RetentionPolicy``.
public enum RetentionReason: String, Sendable, CaseIterable {
  case expired, age, idle, score, quota
}

/// What a memory is worth keeping, 0...1: the mean of three parts, by their weights.
///
/// - *recency*: 1 when it has just been used, half as much after each ``halfLife`` without use;
/// - *importance*: its own, or 0.5 where it has none;
/// - *frequency*: n / (n + ``halfCount``) after n searches that returned it.
///
/// Recency by decay since the last access beside importance is how Park et al. rank memories (*Generative
/// Agents*, 2023, section 4.1).
public struct RetentionScore: Sendable, Hashable {
  public var recencyWeight: Double
  public var importanceWeight: Double
  public var frequencyWeight: Double
  public var halfLife: Duration
  /// With so many accesses a memory has half the frequency that there is.
  public var halfCount: Double

  public init(
    recencyWeight: Double = 0.4, importanceWeight: Double = 0.4, frequencyWeight: Double = 0.2,
    halfLife: Duration = .seconds(30 * 86_400), halfCount: Double = 4
  ) {
    self.recencyWeight = recencyWeight
    self.importanceWeight = importanceWeight
    self.frequencyWeight = frequencyWeight
    self.halfLife = halfLife
    self.halfCount = halfCount
  }

  func check() throws(EngramError) {
    let weights = [recencyWeight, importanceWeight, frequencyWeight]
    guard weights.allSatisfy({ $0 >= 0 && $0.isFinite }), weights.contains(where: { $0 > 0 }) else {
      throw .invalid(field: "score", reason: "give weights from 0 on, at least one of them above it")
    }
    guard halfLife > .zero, halfCount > 0, halfCount.isFinite else {
      throw .invalid(field: "score", reason: "half-life and half-count must lie above 0")
    }
  }

  /// The score of a memory at a time.
  public func value(of usage: MemoryUsage, at now: Date) -> Double {
    let idle = max(now.timeIntervalSince(usage.lastUse), 0)
    let recency = exp2(-idle / halfLife.seconds)
    let importance = usage.memory.importance ?? 0.5
    let frequency = Double(usage.accesses) / (Double(usage.accesses) + halfCount)
    return (recencyWeight * recency + importanceWeight * importance + frequencyWeight * frequency)
      / (recencyWeight + importanceWeight + frequencyWeight)
  }
}

extension MemoryUsage {
  /// When a search last returned it, or else when it last changed.
  public var lastUse: Date { max(memory.updatedAt, accessedAt ?? .distantPast) }
}

extension Duration {
  var seconds: TimeInterval { self / .seconds(1) }
}
