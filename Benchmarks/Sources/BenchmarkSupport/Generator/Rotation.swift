/// A fixed orthogonal map that spreads the principal components over all coordinates: rounds of
/// plane rotations over random pairs. Sines and cosines are rational, (1 - t^2) / (1 + t^2) and
/// 2t / (1 + t^2), so every machine has the same ones.
struct Rotation: Sendable {
  private struct Plane {
    var first: Int32
    var second: Int32
    var cosine: Float
    var sine: Float
  }

  private var planes: [Plane] = []

  init(dimension: Int, rounds: Int, seed: UInt64) {
    var random = SplitMix(seed: seed)
    var order = Array(0..<dimension)
    for _ in 0..<rounds {
      random.shuffle(&order)
      for pair in stride(from: 0, to: dimension - 1, by: 2) {
        let t = 0.2 + 0.7 * random.unit()
        let square = t * t
        planes.append(
          Plane(
            first: Int32(order[pair]), second: Int32(order[pair + 1]),
            cosine: Float((1 - square) / (1 + square)), sine: Float(2 * t / (1 + square))))
      }
    }
  }

  func apply(to vector: UnsafeMutablePointer<Float>) {
    planes.withUnsafeBufferPointer { planes in
      for plane in planes {
        let (a, b) = (vector[Int(plane.first)], vector[Int(plane.second)])
        vector[Int(plane.first)] = plane.cosine * a - plane.sine * b
        vector[Int(plane.second)] = plane.sine * a + plane.cosine * b
      }
    }
  }
}
