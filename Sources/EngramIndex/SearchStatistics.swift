/// What a search cost, in counts that no clock disturbs, and how it went about it.
public struct SearchStatistics: Sendable, Equatable, Codable {
  /// Distances computed on codes: by the walk, or by a scan.
  public var distances = 0
  /// Nodes expanded, on all levels.
  public var hops = 0
  /// Rows scored again on their full vectors.
  public var reranked = 0
  /// Bytes of codes, links and vectors that these read.
  public var bytes = 0
  /// How the last search went about it; nil before the first.
  public var plan: SearchPlan?

  public init() {}

  public static func += (total: inout Self, one: Self) {
    total.distances += one.distances
    total.hops += one.hops
    total.reranked += one.reranked
    total.bytes += one.bytes
    total.plan = one.plan ?? total.plan
  }
}

/// How an index answers a search.
public enum SearchPlan: String, Sendable, Codable {
  /// Every row that may be a result is scored: recall is 1.
  case scan
  /// A walk through the graph; every row may be a result.
  case walk
  /// A walk through the graph that passes through rows that may not be results.
  case filteredWalk = "filtered walk"
  /// A filtered walk that found too few or not surely the nearest, and then a scan.
  case filteredWalkThenScan = "filtered walk, then scan"
}
