import EngramIndex
import Foundation
import Testing

/// What all random inputs come from: fixed, unless ENGRAM_SEED says otherwise.
enum Seed {
  static let value =
    ProcessInfo.processInfo.environment["ENGRAM_SEED"].flatMap { UInt64($0) } ?? 1
}

/// What to say of a failure, with what it takes to see it again.
func note(_ text: String) -> Comment { "\(text) [ENGRAM_SEED=\(Seed.value)]" }

/// SplitMix64, with a distribution that needs no library: the same numbers on every machine.
struct Generator: RandomNumberGenerator {
  private var state: UInt64

  /// A stream of its own for each `stream`, all of them changed by the seed.
  init(_ stream: UInt64) { state = Seed.value &* 0x2545_F491_4F6C_DD1D &+ stream &* 0x1_0000_01B3 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Nearly normal, of variance 1: the sum of twelve uniform numbers.
  mutating func normal() -> Float {
    var sum: UInt64 = 0
    for _ in 0..<3 {
      let bits = next()
      sum &+= (bits & 0xFFFF) &+ (bits >> 16 & 0xFFFF) &+ (bits >> 32 & 0xFFFF) &+ bits >> 48
    }
    return Float(sum) / 65_536 - 6
  }

  mutating func normals(_ count: Int) -> [Float] { (0..<count).map { _ in normal() } }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}

/// Vectors, row after row.
struct Vectors: Sendable {
  let dimension: Int
  var flat: [Float] = []

  var count: Int { flat.count / dimension }

  subscript(_ row: Int) -> [Float] {
    get { Array(flat[row * dimension..<(row + 1) * dimension]) }
    set { flat.replaceSubrange(row * dimension..<(row + 1) * dimension, with: newValue) }
  }

  func first(_ rows: Int) -> Vectors {
    Vectors(dimension: dimension, flat: Array(flat.prefix(rows * dimension)))
  }

  mutating func append(_ vector: [Float]) { flat += vector }
}

/// A source of vectors that lie like embeddings do: in clusters, near a surface of few dimensions.
struct Clusters {
  let dimension: Int
  private let mix: [Float]
  private let centres: [[Float]]
  private static let inner = 10

  init(dimension: Int, clusters: Int = 30, using random: inout Generator) {
    self.dimension = dimension
    mix = random.normals(dimension * Self.inner)
    centres = (0..<clusters).map { _ in random.normals(Self.inner) }
  }

  func vector(using random: inout Generator) -> [Float] {
    let centre = centres[random.below(centres.count)]
    let inside = centre.map { $0 + 0.6 * random.normal() }
    return (0..<dimension).map { i in
      var sum = 0.15 * random.normal()
      for j in 0..<Self.inner { sum += mix[i * Self.inner + j] * inside[j] * 0.3 }
      return sum
    }
  }

  func vectors(_ rows: Int, using random: inout Generator) -> Vectors {
    var result = Vectors(dimension: dimension)
    result.flat.reserveCapacity(rows * dimension)
    for _ in 0..<rows { result.append(vector(using: &random)) }
    return result
  }
}

/// Clustered vectors and queries from the same source.
func clustered(
  _ rows: Int, _ dimension: Int, queries: Int, stream: UInt64
) -> (vectors: Vectors, queries: Vectors) {
  var random = Generator(stream)
  let clusters = Clusters(dimension: dimension, using: &random)
  return (
    clusters.vectors(rows, using: &random), clusters.vectors(queries, using: &random)
  )
}

/// Vectors that stay where they are, for rows that an index does not own. Outlives the index.
final class PinnedVectors: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Float>
  let addresses: [UnsafePointer<Float>]

  init(_ vectors: Vectors) {
    let base = UnsafeMutablePointer<Float>.allocate(capacity: max(vectors.flat.count, 1))
    vectors.flat.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { base.initialize(from: start, count: source.count) }
    }
    self.base = base
    addresses = (0..<vectors.count).map { UnsafePointer(base + $0 * vectors.dimension) }
  }

  deinit { base.deallocate() }
}

extension HNSWIndex {
  /// Appends several in turn.
  func append(at vectors: [UnsafePointer<Float>]) throws(IndexError) {
    for vector in vectors { try append(at: vector) }
  }
}
