/// How two vectors are compared, and what a score means.
public enum Metric: String, Sendable, Codable, CaseIterable {
  /// Cosine similarity, -1...1; higher is closer. Vectors need no fixed length but may not be zero.
  case cosine
  /// Inner product; higher is closer.
  case innerProduct
  /// Squared Euclidean distance, 0 and up; lower is closer.
  case squaredL2

  /// Whether a higher score means a closer vector.
  public var higherIsCloser: Bool { self != .squaredL2 }

  /// A distance orders like closeness: smaller is closer, whatever the metric.
  @inline(__always)
  func score(distance: Float) -> Float { self == .squaredL2 ? distance : -distance }
}
