/// Makes the vector of an utterance: the sum of its path through the topic tree, rotated, at
/// length 1. IEEE addition, multiplication, division and square root only, in a fixed order.
struct VectorGenerator: Sendable {
  let dimension: Int
  private let common: [Float]
  private let amplitudes: [[Float]]
  private let ownAmplitudes: [Float]
  private let deviations: [Double]
  private let rotation: Rotation

  init(dimension: Int) {
    self.dimension = dimension
    var shapes: [Int: [Float]] = [:]
    func shape(_ eighths: Int) -> [Float] {
      if let known = shapes[eighths] { return known }
      let made = Spectrum(dimension: dimension, eighths: eighths).amplitudes
      shapes[eighths] = made
      return made
    }
    amplitudes = TopicTree.levels.map { shape($0.eighths) }
    ownAmplitudes = shape(7)
    deviations = TopicTree.levels.map { $0.variance.squareRoot() }
    var common = [Float](repeating: 0, count: dimension)
    NodeVector.add(
      0x636F_6D6D, weight: Float(TopicTree.commonVariance.squareRoot()), amplitudes: shape(0),
      to: &common, dimension: dimension)
    self.common = common
    rotation = Rotation(dimension: dimension, rounds: 12, seed: 0x726F_7461)
  }

  func write(path: [UInt64], utterance: UInt64, to out: UnsafeMutablePointer<Float>) {
    for i in 0..<dimension { out[i] = common[i] }
    let scale = TopicTree.ownScale(utterance: utterance)
    for (level, node) in path.enumerated() {
      let scaled = level >= TopicTree.firstScaledLevel ? scale : 1
      NodeVector.add(
        node, weight: Float(deviations[level] * scaled), amplitudes: amplitudes[level], to: out,
        dimension: dimension)
    }
    NodeVector.add(
      Hash.mix(utterance, 129), weight: Float(TopicTree.ownVariance.squareRoot() * scale),
      amplitudes: ownAmplitudes, to: out, dimension: dimension)
    rotation.apply(to: out)
    scaleToUnitLength(out, dimension: dimension)
  }
}
