import Foundation

/// Among which memories a question is asked, and how they are ranked.
public struct AskOptions: Sendable {
  /// Ids that must all match.
  public var scope: Scope
  /// A condition on the metadata.
  public var filter: Filter?
  public var weights: RankingWeights
  /// How much a result may lose for being like one before it, 0...1: 0 leaves the ranking as it is, 1
  /// looks at nothing but how little they are alike. Carbonell and Goldstein, *The Use of MMR* (1998),
  /// whose lambda is 1 less this.
  public var diversity: Double
  /// The moment whose memories are asked for, as the store knew them then; nil for now.
  public var asOf: Date?
  /// False: also what memories said before they were updated or superseded.
  public var latestOnly: Bool
  /// Also memories whose time is over.
  public var includeExpired: Bool

  /// Which memories are no answers, whatever their rank; nil for none. For few: unlike a filter it looks at
  /// those alone that would be returned.
  public var excluding: (@Sendable (Metadata) -> Bool)?

  public init(
    scope: Scope = .all, filter: Filter? = nil, weights: RankingWeights = RankingWeights(),
    diversity: Double = 0, asOf: Date? = nil, latestOnly: Bool = true, includeExpired: Bool = false,
    excluding: (@Sendable (Metadata) -> Bool)? = nil
  ) {
    self.scope = scope
    self.filter = filter
    self.weights = weights
    self.diversity = diversity
    self.asOf = asOf
    self.latestOnly = latestOnly
    self.includeExpired = includeExpired
    self.excluding = excluding
  }

  /// Whether versions may be asked for that the index has no rows of.
  var isAboutPast: Bool { asOf != nil || !latestOnly || includeExpired }

  func validate() throws(StoreError) {
    try weights.validate()
    guard (0...1).contains(diversity) else {
      throw .invalid(field: "diversity", reason: "it must lie in 0...1")
    }
  }
}
