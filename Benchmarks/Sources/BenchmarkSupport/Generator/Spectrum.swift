/// The variance of real sentence embeddings along their principal components.
struct Spectrum {
  /// Measured on dialog-100k; between the points it is interpolated.
  private static let points: [(component: Int, variance: Double)] = [
    (0, 5.65e-2), (1, 3.00e-2), (2, 2.89e-2), (4, 2.01e-2), (8, 1.48e-2), (16, 9.83e-3),
    (32, 6.05e-3), (64, 3.28e-3), (96, 2.29e-3), (128, 1.72e-3), (160, 1.34e-3), (190, 1.06e-3),
    (220, 8.39e-4), (256, 6.05e-4), (290, 3.97e-4), (320, 2.35e-4), (350, 1.48e-4), (383, 2e-5),
  ]

  /// Standard deviations for the hashed values, whose own deviation is divided out; the squares of
  /// the deviations of one vector sum to 1.
  let amplitudes: [Float]

  /// `eighths` is the power of the spectrum: 8 is the measured one, less is flatter. Coarse levels
  /// have few nodes, which makes their variance steep by itself. Eighths need square roots only.
  init(dimension: Int, eighths: Int) {
    var variances: [Double] = []
    for component in 0..<dimension {
      let variance = Spectrum.variance(at: component)
      let half = variance.squareRoot()
      let quarter = half.squareRoot()
      let eighth = quarter.squareRoot()
      var power = eighths >= 8 ? variance : 1
      if eighths & 4 != 0 { power *= half }
      if eighths & 2 != 0 { power *= quarter }
      if eighths & 1 != 0 { power *= eighth }
      variances.append(power)
    }
    var total = 0.0
    for variance in variances { total += variance }
    let unit = NodeVector.deviation
    amplitudes = variances.map { Float(($0 / total).squareRoot() / unit) }
  }

  private static func variance(at component: Int) -> Double {
    for (left, right) in zip(points, points.dropFirst()) where component <= right.component {
      let share = Double(component - left.component) / Double(right.component - left.component)
      return left.variance + (right.variance - left.variance) * share
    }
    return points[points.count - 1].variance
  }
}
