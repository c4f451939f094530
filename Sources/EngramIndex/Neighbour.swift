/// One result of a search.
public struct Neighbour: Sendable, Equatable {
  /// The row's number, as `insert` returned it.
  public var row: Int
  /// The exact score by the index's metric: cosine, inner product, or squared Euclidean distance.
  public var score: Float

  public init(row: Int, score: Float) {
    self.row = row
    self.score = score
  }
}
