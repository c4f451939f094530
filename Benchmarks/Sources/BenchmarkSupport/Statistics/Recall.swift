/// Recall by score, in double precision: rows with equal vectors are equally right answers.
public enum Recall {
  public enum Direction: Sendable {
    /// Inner product, cosine.
    case higherIsBetter
    /// Squared L2.
    case lowerIsBetter
  }

  /// How far below the k-th true score a right result may lie.
  public static func tolerance(_ score: Double) -> Double { 1e-6 * max(1, abs(score)) }

  public static func isRight(
    _ score: Double, against kthTrue: Double, _ direction: Direction
  ) -> Bool {
    switch direction {
    case .higherIsBetter: score >= kthTrue - tolerance(kthTrue)
    case .lowerIsBetter: score <= kthTrue + tolerance(kthTrue)
    }
  }

  /// The share of the k nearest that one search found.
  ///
  /// - Parameters:
  ///   - results: exact scores of the results, each row once; those beyond k do not count.
  ///   - kthTrue: the score of the last of the min(k, existing) true neighbours; NaN if none exist.
  ///   - existing: rows that could have been found; a search over none is always right.
  public static func ofQuery(
    results: some Sequence<Double>, kthTrue: Double, _ direction: Direction, k: Int, existing: Int
  ) -> Double {
    let wanted = min(k, existing)
    guard wanted > 0 else { return 1 }
    var right = 0
    for score in results.prefix(k) where isRight(score, against: kthTrue, direction) { right += 1 }
    return Double(min(right, wanted)) / Double(wanted)
  }
}
