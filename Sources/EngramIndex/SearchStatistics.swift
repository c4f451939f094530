/// What a search cost, in counts that no clock disturbs.
public struct SearchStatistics: Sendable, Equatable {
  /// Distances computed on codes: by the walk, or by a scan.
  public var distances = 0
  /// Nodes expanded, on all levels.
  public var hops = 0
  /// Rows scored again on their full vectors.
  public var reranked = 0
  /// Bytes of codes, links and vectors that these read.
  public var bytes = 0

  public init() {}

  public static func += (total: inout Self, one: Self) {
    total.distances += one.distances
    total.hops += one.hops
    total.reranked += one.reranked
    total.bytes += one.bytes
  }
}
