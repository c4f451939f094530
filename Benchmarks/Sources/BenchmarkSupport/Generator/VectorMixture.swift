/// Vectors alone, as many as one likes: a mixture of overlapping clusters of low intrinsic
/// dimension, the same bits on every machine. The text-like set (`GeneratedDataset`) ends in a
/// finite number of wordings; here a cluster only becomes denser.
///
/// A vector is x = unit(R (common + topic + centre + s (B z + noise))): a cluster belongs to one of
/// a few topics and has a basis B of its own with a decaying spectrum, s is small for plain vectors
/// and large for odd ones, and R spreads the spectrum of real embeddings over all coordinates.
/// Queries come from the same distribution and are no rows.
///
/// The numbers were fitted to dialog-100k at 4,300, 10,000, 30,000 and 100,000 rows: the similarity
/// of the best, 10th and 100th neighbour, the intrinsic dimension, and the ef at which this index
/// reaches recall@10 of 0.99, 36, 46, 40 and 61 here and about 31, 39, 40 and 60 there
/// (datasets/README.md has both sides).
public struct VectorMixture: Sendable {
  public static let dimension = 384

  private static let topics = 24
  private static let clusters = 1_000
  /// Of a cluster's basis.
  private static let intrinsic = 24
  private static let variance = (
    common: 0.085, topic: 0.18, centre: 0.17, basis: 0.48, noise: 0.085
  )
  /// Powers of the spectrum, in eighths.
  private static let eighths = (topic: 4, centre: 6, basis: 7)
  /// Cluster i is drawn with weight 1 / (i + this): Zipf, without a giant.
  private static let firstRank = 10
  private static let scale = (least: 0.2, most: 2.1, bend: 0.3)
  /// Numbers of the nodes and streams of randomness, far apart from each other.
  private enum Salt {
    static let common: UInt64 = 0x6D69_0000
    static let topic: UInt64 = 0x6D69_0001
    static let centre: UInt64 = 0x6D69_0002
    static let basis: UInt64 = 0x6D69_0003
    static let row: UInt64 = 0x6D69_0004
    static let query: UInt64 = 0x6D69_0005
  }

  private let rotation: Rotation
  private let noise: [Float]
  /// Of each cluster: its centre, then its basis.
  private let parts: [Float]
  /// The share of all vectors that lies in a cluster or one before it.
  private let reach: [Double]

  public init() {
    let dimension = Self.dimension
    rotation = Rotation(dimension: dimension, rounds: 12, seed: 0x6D69_7874)
    noise = Spectrum(dimension: dimension, eighths: Self.eighths.basis).amplitudes
    parts = Self.makeParts()
    var weights: [Double] = []
    for cluster in 0..<Self.clusters {
      weights.append((weights.last ?? 0) + 1 / Double(cluster + Self.firstRank))
    }
    reach = weights.map { [total = weights[Self.clusters - 1]] in $0 / total }
  }

  /// The first `count` rows, the same whatever their number.
  public func rows(_ count: Int) -> [Float] { make(count, Salt.row) }

  public func queries(_ count: Int) -> [Float] { make(count, Salt.query) }

  private static func makeParts() -> [Float] {
    func shape(_ eighths: Int) -> [Float] {
      Spectrum(dimension: dimension, eighths: eighths).amplitudes
    }
    let shapes = (flat: shape(0), topic: shape(eighths.topic), centre: shape(eighths.centre))
    let basisShape = shape(eighths.basis)
    // The variance of the i-th axis is i to the power of -3/4, in square roots.
    let spectrum = (1...intrinsic).map { axis in
      let half = Double(axis).squareRoot()
      return 1 / (half * half.squareRoot())
    }
    let total = spectrum.reduce(0, +)
    let weights = spectrum.map { Float(($0 / total * variance.basis).squareRoot()) }
    var parts = [Float](repeating: 0, count: clusters * (1 + intrinsic) * dimension)
    parts.withUnsafeMutableBufferPointer { parts in
      guard var out = parts.baseAddress else { return }
      func add(_ salt: UInt64, _ number: Int, _ weight: Float, _ shape: [Float]) {
        NodeVector.add(
          Hash.mix(salt, UInt64(number)), weight: weight, amplitudes: shape, to: out,
          dimension: dimension)
      }
      for cluster in 0..<clusters {
        let topic = Int(Hash.mix(Salt.topic, UInt64(cluster)) % UInt64(topics))
        add(Salt.common, 0, Float(variance.common.squareRoot()), shapes.flat)
        add(Salt.topic, topic, Float(variance.topic.squareRoot()), shapes.topic)
        add(Salt.centre, cluster, Float(variance.centre.squareRoot()), shapes.centre)
        out += dimension
        for (axis, weight) in weights.enumerated() {
          add(Salt.basis, cluster * intrinsic + axis, weight, basisShape)
          out += dimension
        }
      }
    }
    return parts
  }

  private func make(_ count: Int, _ salt: UInt64) -> [Float] {
    let dimension = Self.dimension
    return [Float](unsafeUninitializedCapacity: count * dimension) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      let shared = SharedBuffer(base: base)
      forEachRange(of: count, atMost: 1_024) { range in
        for row in range {
          write(Hash.mix(salt, UInt64(row)), to: shared.base + row * dimension)
        }
      }
      initialized = count * dimension
    }
  }

  private func write(_ hash: UInt64, to out: UnsafeMutablePointer<Float>) {
    let dimension = Self.dimension
    let cluster = pick(Hash.unit(Hash.mix(hash, 1)))
    let bent = Hash.unit(Hash.mix(hash, 2))
    let bend = Self.scale.bend
    let scale =
      Self.scale.least
      + (Self.scale.most - Self.scale.least) * bent * (1 - bend + bend * bent)
    parts.withUnsafeBufferPointer { parts in
      guard var part = parts.baseAddress else { return }
      part += cluster * (1 + Self.intrinsic) * dimension
      out.update(from: part, count: dimension)
      for axis in 0..<Self.intrinsic {
        part += dimension
        let weight = Float(scale * Self.bell(Hash.mix(hash, UInt64(16 + axis))))
        for i in 0..<dimension { out[i] += weight * part[i] }
      }
    }
    NodeVector.add(
      Hash.mix(hash, 3), weight: Float(scale * Self.variance.noise.squareRoot()), amplitudes: noise,
      to: out, dimension: dimension)
    rotation.apply(to: out)
    scaleToUnitLength(out, dimension: dimension)
  }

  /// The first cluster that reaches that far.
  private func pick(_ share: Double) -> Int {
    var (low, high) = (0, reach.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if reach[middle] > share { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// About normal, mean 0 and deviation 1: four 16-bit numbers, summed.
  private static func bell(_ hash: UInt64) -> Double {
    let sum = (hash & 0xFFFF) + (hash >> 16 & 0xFFFF) + (hash >> 32 & 0xFFFF) + (hash >> 48)
    return (Double(sum) - 2 * 65_535) / (NodeVector.deviation * 2.0.squareRoot())
  }
}
