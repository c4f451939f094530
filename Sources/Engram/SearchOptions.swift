import EngramStore
import Foundation

/// Among which memories a search looks, how they are ranked, and how much it returns.
public struct SearchOptions: Sendable {
  /// How many memories at most, 1...10,000.
  public var limit: Int
  /// A condition on the metadata.
  public var filter: Filter?
  /// What scores less is left out, 0...1. A memory whose meaning has nothing to do with the query, and
  /// none of its words, scores about 0.25.
  public var threshold: Double
  /// What makes a memory rank high.
  public var weights: RankingWeights
  /// How much a memory may lose for being like one before it, 0...1.
  public var diversity: Double
  /// The tokens that all texts returned may take together, as ``TokenEstimate`` counts them; nil for no
  /// limit. The summary of exactly this scope comes first, with score 1, unless a past moment is asked for;
  /// then the memories, best first, each that still fits.
  public var maxTokens: Int?
  /// The moment whose memories are asked for, as they were known then; nil for now.
  public var asOf: Date?
  /// False: also what memories said before they were changed or superseded. What was deleted stays out.
  public var latestOnly: Bool
  /// Also memories whose time is over.
  public var showExpired: Bool
  /// Whether each memory comes with the components of its score.
  public var explain: Bool

  public init(
    limit: Int = 20, filter: Filter? = nil, threshold: Double = 0.1,
    weights: RankingWeights = RankingWeights(), diversity: Double = 0, maxTokens: Int? = nil,
    asOf: Date? = nil, latestOnly: Bool = true, showExpired: Bool = false, explain: Bool = false
  ) {
    self.limit = limit
    self.filter = filter
    self.threshold = threshold
    self.weights = weights
    self.diversity = diversity
    self.maxTokens = maxTokens
    self.asOf = asOf
    self.latestOnly = latestOnly
    self.showExpired = showExpired
    self.explain = explain
  }
}

/// What a score is made of, as ``RankingWeights`` says; each 0...1.
public struct ScoreComponents: Sendable, Hashable {
  /// How near the memory is in meaning.
  public var similarity: Double
  /// How well its words meet those of the query.
  public var text: Double
  /// What the words of the turns around it add to that.
  public var context: Double
  /// How new it is.
  public var recency: Double
  /// How much it matters.
  public var importance: Double
  /// How often and how lately it was found.
  public var access: Double
}
