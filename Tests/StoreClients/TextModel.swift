import EngramStore

/// A model of texts for tests: what it makes of a text follows from its name, its dimension and the text.
public struct TextModel: Sendable, Hashable {
  public let name: String
  public let dimension: Int

  public init(_ name: String, _ dimension: Int) {
    self.name = name
    self.dimension = dimension
  }

  public init(_ model: EmbeddingModel) { self.init(model.name, model.dimension) }

  public var model: EmbeddingModel { EmbeddingModel(name: name, dimension: dimension) }

  public func vector(_ text: String) -> [Float] {
    // FNV-1a.
    let seed = "\(name)/\(dimension)/\(text)".utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    var numbers = SplitMix64(seed: seed)
    return (0..<dimension).map { _ in Float.random(in: -1...1, using: &numbers) }
  }

  public func embed(_ texts: [String]) -> [[Float]] { texts.map(vector) }

  public func memory(_ text: String, scope: Scope) -> NewMemory {
    NewMemory(text: text, vector: vector(text), scope: scope)
  }
}
