/// The parameters of an HNSW graph (Malkov & Yashunin, arXiv 1603.09320).
public struct HNSWParameters: Sendable, Hashable, Codable {
  /// M: links of a node on the upper levels; twice as many on level 0.
  public var maxConnections: Int
  /// Width of the candidate list that chooses a new node's links. On 100,000 sentence embeddings 300
  /// takes a fifth longer to build than 200, and finds 0.99 with 48 candidates in place of 64.
  public var efConstruction: Int
  /// Decides, with the row's number, the level of each node.
  public var seed: UInt64

  public init(maxConnections: Int = 16, efConstruction: Int = 300, seed: UInt64 = 42) {
    self.maxConnections = maxConnections
    self.efConstruction = efConstruction
    self.seed = seed
  }

  func validate() throws(IndexError) {
    try Self.check("maxConnections", maxConnections, 4...128)
    try Self.check("efConstruction", efConstruction, 8...4_096)
  }

  private static func check(
    _ name: String, _ value: Int, _ allowed: ClosedRange<Int>
  ) throws(IndexError) {
    guard allowed.contains(value) else {
      throw .parameterOutOfRange(name: name, value: value, allowed: allowed)
    }
  }
}
