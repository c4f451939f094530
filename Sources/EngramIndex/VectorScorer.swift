import CEngramKernels

/// Scores a vector against others that lie anywhere, in an index or not, on their full components.
package struct VectorScorer: Sendable {
  private let vector: [Float]
  private let metric: Metric
  private let norm: Float

  /// - Throws: `IndexError` where an index of the metric would refuse the vector.
  package init(_ vector: [Float], dimension: Int, metric: Metric) throws(IndexError) {
    guard vector.count == dimension else {
      throw .dimensionMismatch(expected: dimension, got: vector.count)
    }
    norm = try vector.withUnsafeBufferPointer { vector throws(IndexError) in
      try Quantiser.validatedNorm(vector, metric: metric)
    }
    self.vector = vector
    self.metric = metric
  }

  /// The raw metric.
  ///
  /// - Parameter other: as many components as the vector has.
  package func score(of other: UnsafePointer<Float>) -> Float {
    let kernels = Kernels.active
    switch metric {
    case .cosine:
      let length = Float(Quantiser.squaredNorm(other, vector.count).squareRoot())
      return length > 0 ? kernels.dot_f32(vector, other, vector.count) / (norm * length) : 0
    case .innerProduct: return kernels.dot_f32(vector, other, vector.count)
    case .squaredL2: return kernels.l2_f32(vector, other, vector.count)
    }
  }
}
