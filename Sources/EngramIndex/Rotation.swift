import CEngramKernels

/// A fixed orthogonal transform of the space, after which the components of any vector are alike in
/// size, so that a few bits for each lose the same of all. Lengths, products and distances stay.
///
/// Walsh-Hadamard transforms of the first and of the last 2^k components in turn, twice, signs drawn by
/// hash before each: the d log d form that RaBitQ's authors use in place of a random orthogonal
/// matrix. Additions in a fixed order and one multiplication: the same bits on every processor.
struct Rotation: Sendable {
  private struct Transform {
    /// Of the components that it takes.
    var start: Int
    /// Of all components, +1 or -1; of those that it takes times what keeps their length.
    var signs: [Float]
  }

  private let dimension: Int
  /// The greatest power of two within the dimension.
  private let block: Int
  private let transforms: [Transform]

  init(dimension: Int) {
    let block = 1 << (Int.bitWidth - 1 - dimension.leadingZeroBitCount)
    let scale = 1 / Float(block).squareRoot()
    self.dimension = dimension
    self.block = block
    transforms = (0..<4).compactMap { number in
      let isOfLast = number % 2 == 1
      if isOfLast, block == dimension { return nil }
      let start = isOfLast ? dimension - block : 0
      let signs = (0..<dimension).map { component -> Float in
        let isTaken = component >= start && component < start + block
        let draw = Graph.hash(UInt64(number * dimension + component), seed: 0x526f_7461_7465)
        return (draw & 1 == 0 ? 1 : -1) * (isTaken ? scale : 1)
      }
      return Transform(start: start, signs: signs)
    }
  }

  func apply(_ vector: UnsafeMutablePointer<Float>) {
    for transform in transforms {
      transform.signs.withUnsafeBufferPointer { signs in
        for i in 0..<dimension { vector[i] *= signs[i] }
      }
      Kernels.active.rotate(vector + transform.start, block)
    }
  }
}
