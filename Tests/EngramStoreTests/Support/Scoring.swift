import EngramIndex

extension Metric {
  /// The score in double precision.
  func exactScore(_ left: [Float], _ right: [Float]) -> Double {
    var (dot, distance, leftNorm, rightNorm) = (0.0, 0.0, 0.0, 0.0)
    for (a, b) in zip(left, right) {
      let (a, b) = (Double(a), Double(b))
      dot += a * b
      distance += (a - b) * (a - b)
      leftNorm += a * a
      rightNorm += b * b
    }
    return switch self {
    case .cosine: dot / (leftNorm * rightNorm).squareRoot()
    case .innerProduct: dot
    case .squaredL2: distance
    }
  }

  /// By how much one score is worse than another; negative where it is better.
  func loss(_ score: Double, against best: Double) -> Double {
    higherIsCloser ? best - score : score - best
  }
}
