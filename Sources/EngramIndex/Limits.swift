/// The named limits of the index.
public enum IndexLimits {
  /// Dimensions a vector may have.
  public static let dimensions = 1...16_383
  /// Neighbours one search may ask for.
  public static let k = 1...10_000
  /// Widths of the candidate list.
  public static let ef = 1...100_000
  /// Rows an index holds: virtual address space is reserved for that many.
  public static let rows = 1 << 25
  /// The largest norm of a vector: squared distances stay finite in float32.
  public static let norm: Float = 1e18
  /// The smallest norm that has a direction in float32, asked for by cosine.
  public static let cosineNorm: Float = 1e-18
}
