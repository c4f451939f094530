/// Vectors without a model: words, pairs of neighbouring words and the trigrams of words are hashed to
/// components (Weinberger et al., Feature hashing for large scale multitask learning, 2009). Texts that
/// share words are near, meaning it does not know. For tests, and for machines that can have no model.
///
/// The same text gives the same vector in every process and on every platform, to the last bit: counts
/// are integers, and what follows are single roundings of IEEE 754.
public struct HashingEmbedder: Embedder {
  public let dimension: Int
  public var model: String { "hashing-\(dimension)" }

  private enum Feature: UInt64 {
    case word = 1
    case pair, trigram

    /// A word says more than each of its trigrams.
    var weight: Int {
      switch self {
      case .word: 4
      case .pair: 2
      case .trigram: 1
      }
    }
  }

  public init(dimension: Int = 384) throws(ModelError) {
    guard (1...16_383).contains(dimension) else {
      throw .invalid(field: "dimension", reason: "give 1 to 16,383, not \(dimension)")
    }
    self.dimension = dimension
  }

  public func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] {
    var vectors: [[Float]] = []
    vectors.reserveCapacity(texts.count)
    for text in texts {
      if Task.isCancelled { throw .cancelled }
      vectors.append(vector(of: text))
    }
    return vectors
  }

  /// A text without words, and one whose features cancel each other out, gives the first unit vector.
  func vector(of text: String) -> [Float] {
    var counts = [Int](repeating: 0, count: dimension)
    var previous: [Unicode.Scalar] = []
    for word in words(of: text) {
      add(.word, word, to: &counts)
      if !previous.isEmpty { add(.pair, previous + [" "] + word, to: &counts) }
      // The ends of a word are part of its first and its last trigram.
      let framed = [" "] + word + [" "]
      for start in 0...(framed.count - 3) {
        add(.trigram, framed[start..<(start + 3)], to: &counts)
      }
      previous = word
    }
    let length = counts.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    guard length > 0 else {
      return [1] + [Float](repeating: 0, count: dimension - 1)
    }
    return counts.map { Float(Double($0) / length) }
  }

  /// Runs of letters, digits and the marks on them, in lower case.
  private func words(of text: String) -> [[Unicode.Scalar]] {
    text.lowercased().unicodeScalars.split { scalar in
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
        .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
        false
      default: true
      }
    }.map(Array.init)
  }

  private func add(
    _ feature: Feature, _ scalars: some Sequence<Unicode.Scalar>, to counts: inout [Int]
  ) {
    // FNV-1a over the scalars, then the finaliser of SplitMix64, for FNV mixes its high bits poorly.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func mix(_ value: UInt64) {
      hash = (hash ^ value) &* 0x100_0000_01B3
    }
    mix(feature.rawValue)
    for scalar in scalars { mix(UInt64(scalar.value)) }
    hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
    hash ^= hash >> 31
    let place = Int(hash % UInt64(dimension))
    counts[place] += hash >> 63 == 0 ? feature.weight : -feature.weight
  }
}
