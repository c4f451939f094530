/// Vectors alone, as many as one likes: a mixture of overlapping clusters of low intrinsic
/// dimension, the same bits on every machine. The text-like set (`GeneratedDataset`) ends in a
/// finite number of wordings; here neighbourhoods only become denser.
///
/// A vector is x = unit(R (common + topic + B z + noise)). A topic has a basis B of its own with a
/// decaying spectrum, and z is the sum of one of the topic's clusters, one of the cluster's spots
/// and the vector's own part, all in one space, so that clusters overlap. A spot and a vector each
/// draw how odd they are: the plain lie close to their middle, the odd far from it, with more
/// noise. R spreads the spectrum of real embeddings over all coordinates. Queries come from the
/// same distribution and are no rows.
///
/// The numbers were fitted to dialog-100k at 4,300 to 100,000 rows: the similarity of the best,
/// 10th and 100th neighbour, the intrinsic dimension and the spectrum (datasets/README.md has both
/// sides).
public struct VectorMixture: Sendable {
  public static let dimension = 384

  /// Drawn by Zipf's law, so that rare ones stay sparse.
  private static let topics = 100
  /// Of a topic; the first ones are drawn more often.
  private static let clusters = 30.0
  /// Of a cluster; the first ones are drawn more often.
  private static let spots = 60.0
  /// Of a topic's basis.
  private static let axes = 32
  private static let variance = (common: 0.095, topic: 0.26, basis: 0.605, noise: 0.035)
  /// Of the variance along the basis; the rest is the vector's own.
  private static let share = (cluster: 0.35, spot: 0.25)
  /// Powers of the spectrum, in eighths.
  private static let eighths = (topic: 4, basis: 6)
  /// Of oddness; the bend makes large ones rarer.
  private static let scale = (least: 0.2, most: 2.3, bend: 0.5)
  /// Numbers of the nodes and streams of randomness, far apart from each other.
  private enum Salt {
    static let common: UInt64 = 0x6D69_0000
    static let topic: UInt64 = 0x6D69_0001
    static let axis: UInt64 = 0x6D69_0002
    static let cluster: UInt64 = 0x6D69_0003
    static let row: UInt64 = 0x6D69_0004
    static let query: UInt64 = 0x6D69_0005
  }

  private let rotation: Rotation
  private let noise: [Float]
  /// Of each topic: its middle, then its axes.
  private let parts: [Float]
  /// The share of all vectors that lies in a topic or one before it.
  private let reach: [Double]

  public init() {
    rotation = Rotation(dimension: Self.dimension, rounds: 12, seed: 0x6D69_7874)
    noise = Spectrum(dimension: Self.dimension, eighths: Self.eighths.basis).amplitudes
    parts = Self.makeParts()
    var weights: [Double] = []
    for topic in 0..<Self.topics {
      weights.append((weights.last ?? 0) + 1 / Double(topic + 1))
    }
    reach = weights.map { [total = weights[Self.topics - 1]] in $0 / total }
  }

  /// The first `count` rows, the same whatever their number.
  public func rows(_ count: Int) -> [Float] { make(count, Salt.row) }

  public func queries(_ count: Int) -> [Float] { make(count, Salt.query) }

  private static func makeParts() -> [Float] {
    func shape(_ eighths: Int) -> [Float] {
      Spectrum(dimension: dimension, eighths: eighths).amplitudes
    }
    let shapes = (flat: shape(0), topic: shape(eighths.topic), basis: shape(eighths.basis))
    // The variance of axis i is 1 / sqrt(i) of that of the first.
    let spectrum = (1...axes).map { 1 / Double($0).squareRoot() }
    let total = spectrum.reduce(0, +)
    let variances = spectrum.map { $0 / total * variance.basis }
    var parts = [Float](repeating: 0, count: topics * (1 + axes) * dimension)
    parts.withUnsafeMutableBufferPointer { parts in
      guard var out = parts.baseAddress else { return }
      func add(_ salt: UInt64, _ number: Int, _ variance: Double, _ shape: [Float]) {
        NodeVector.add(
          Hash.mix(salt, UInt64(number)), weight: Float(variance.squareRoot()), amplitudes: shape,
          to: out, dimension: dimension)
      }
      for topic in 0..<topics {
        add(Salt.common, 0, variance.common, shapes.flat)
        add(Salt.topic, topic, variance.topic, shapes.topic)
        out += dimension
        for (axis, variance) in variances.enumerated() {
          add(Salt.axis, topic * axes + axis, variance, shapes.basis)
          out += dimension
        }
      }
    }
    return parts
  }

  /// Vectors are independent of each other, so threads share them freely.
  private func make(_ count: Int, _ salt: UInt64) -> [Float] {
    let dimension = Self.dimension
    return [Float](unsafeUninitializedCapacity: count * dimension) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      let shared = SharedBuffer(base: base)
      forEachRange(of: count, atMost: 1_024) { range in
        for i in range { write(Hash.mix(salt, UInt64(i)), to: shared.base + i * dimension) }
      }
      initialized = count * dimension
    }
  }

  private func write(_ own: UInt64, to out: UnsafeMutablePointer<Float>) {
    let dimension = Self.dimension
    let topic = pick(Hash.unit(Hash.mix(own, 1)))
    let cluster = Hash.mix(
      Hash.mix(Salt.cluster, UInt64(topic)), Self.choice(Hash.mix(own, 2), of: Self.clusters))
    let spot = Hash.mix(cluster, Self.choice(Hash.mix(own, 3), of: Self.spots))
    let scale = Self.oddness(own)
    let share = Self.share
    let weights = (
      cluster: share.cluster.squareRoot(),
      spot: Self.oddness(spot) * share.spot.squareRoot(),
      own: scale * (1 - share.cluster - share.spot).squareRoot()
    )
    parts.withUnsafeBufferPointer { parts in
      guard var part = parts.baseAddress else { return }
      part += topic * (1 + Self.axes) * dimension
      out.update(from: part, count: dimension)
      for axis in 0..<Self.axes {
        part += dimension
        let salt = UInt64(64 + axis)
        let z = Float(
          weights.cluster * Self.bell(Hash.mix(cluster, salt))
            + weights.spot * Self.bell(Hash.mix(spot, salt))
            + weights.own * Self.bell(Hash.mix(own, salt)))
        for i in 0..<dimension { out[i] += z * part[i] }
      }
    }
    NodeVector.add(
      Hash.mix(own, 4), weight: Float(scale * Self.variance.noise.squareRoot()), amplitudes: noise,
      to: out, dimension: dimension)
    rotation.apply(to: out)
    scaleToUnitLength(out, dimension: dimension)
  }

  /// The first topic that reaches that far.
  private func pick(_ share: Double) -> Int {
    reach.firstIndex { $0 > share } ?? reach.count - 1
  }

  /// One of so many, the first ones more often.
  private static func choice(_ hash: UInt64, of count: Double) -> UInt64 {
    let unit = Hash.unit(hash)
    return UInt64(count * unit * unit.squareRoot())
  }

  /// How far from its middle a spot or a vector lies.
  private static func oddness(_ hash: UInt64) -> Double {
    let choice = Hash.unit(Hash.mix(hash, 5))
    let bent = choice * (1 - scale.bend + scale.bend * choice)
    return scale.least + (scale.most - scale.least) * bent
  }

  /// About normal, mean 0 and deviation 1: four 16-bit numbers, summed.
  private static func bell(_ hash: UInt64) -> Double {
    let sum = (hash & 0xFFFF) + (hash >> 16 & 0xFFFF) + (hash >> 32 & 0xFFFF) + (hash >> 48)
    return (Double(sum) - 2 * 65_535) / (NodeVector.deviation * 2.0.squareRoot())
  }
}
