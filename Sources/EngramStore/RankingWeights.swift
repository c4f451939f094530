import EngramIndex
import Foundation

/// What makes a memory rank high, and how much of each.
///
///     relevance = text * words + (1 - text) * similarity
///     score     = (1 - recency - importance - access) * relevance
///               + recency * 2^(-age / recencyHalfLife)
///               + importance * how much it matters, 0.5 where nobody has said
///               + access * n / (n + 4) * 2^(-time since the last / accessHalfLife)
///
/// Age is the time since the memory last changed, or was said; n is how often searches have found it.
/// Each part lies in 0...1, so the score does, and scores of two questions can be compared. Where a
/// question has no word that tells anything, similarity is all of its relevance. The three beside
/// relevance are those of Park et al., *Generative Agents* (2023), section 4.1, which adds them alike;
/// here they only decide between memories that are about as relevant.
public struct RankingWeights: Sendable, Hashable {
  /// Of the words within relevance, 0...1; the default was chosen on conversations made of dialog-100k
  /// (results/README.md).
  public var text: Double
  /// Of the three beside relevance; 0...1, and no more than 1 together.
  public var recency: Double
  public var importance: Double
  public var access: Double
  /// In seconds: after so long recency is worth half, and half of the rest after as long again.
  public var recencyHalfLife: TimeInterval
  public var accessHalfLife: TimeInterval

  public init(
    text: Double = 0.55, recency: Double = 0.05, importance: Double = 0.05, access: Double = 0.02,
    recencyHalfLife: TimeInterval = 30 * 86_400, accessHalfLife: TimeInterval = 14 * 86_400
  ) {
    self.text = text
    self.recency = recency
    self.importance = importance
    self.access = access
    self.recencyHalfLife = recencyHalfLife
    self.accessHalfLife = accessHalfLife
  }

  /// Meaning and words alone.
  public static let relevance = RankingWeights(recency: 0, importance: 0, access: 0)

  func validate() throws(StoreError) {
    for (name, weight) in [
      ("text", text), ("recency", recency), ("importance", importance), ("access", access),
    ] where !(0...1).contains(weight) {
      throw .invalid(field: "weights.\(name)", reason: "it must lie in 0...1")
    }
    guard recency + importance + access <= 1 else {
      throw .invalid(field: "weights", reason: "recency, importance and access may make 1 together")
    }
    guard recencyHalfLife > 0, accessHalfLife > 0 else {
      throw .invalid(field: "weights", reason: "a half-life must be longer than 0 seconds")
    }
  }
}

/// The weights at a moment, for the question at hand.
struct Ranking {
  private let weights: (relevance: Float, words: Float, recency: Float, importance: Float, access: Float)
  private let halfLives: (recency: Float, access: Float)
  private let metric: Metric
  /// Seconds since 1970.
  private let now: Int64

  /// - Parameters:
  ///   - hasTerms: whether the question has words that tell anything.
  ///   - now: microseconds since 1970.
  init(_ weights: RankingWeights, hasTerms: Bool, metric: Metric, now: Int64) {
    self.weights = (
      Float(1 - weights.recency - weights.importance - weights.access),
      hasTerms ? Float(weights.text) : 0, Float(weights.recency), Float(weights.importance),
      Float(weights.access)
    )
    halfLives = (Float(weights.recencyHalfLife), Float(weights.accessHalfLife))
    self.metric = metric
    self.now = now / 1_000_000
  }

  /// What the raw metric means; 0...1.
  func similarity(_ score: Float) -> Float {
    switch metric {
    case .cosine, .innerProduct: min(max((1 + score) / 2, 0), 1)
    case .squaredL2: 1 / (1 + max(score, 0))
    }
  }

  func recency(updatedAt: Int64) -> Float { decay(since: updatedAt, halfLives.recency) }

  func access(_ accesses: (count: UInt32, last: UInt32)) -> Float {
    guard accesses.count > 0 else { return 0 }
    let count = Float(accesses.count)
    return count / (count + 4) * decay(since: Int64(accesses.last), halfLives.access)
  }

  private func decay(since time: Int64, _ halfLife: Float) -> Float {
    exp2(-Float(max(now - time, 0)) / halfLife)
  }

  func score(
    similarity: Float, words: Float, recency: Float, importance: Float, access: Float
  ) -> Float {
    weights.relevance * (weights.words * words + (1 - weights.words) * similarity)
      + weights.recency * recency + weights.importance * importance + weights.access * access
  }
}
