import CEngramKernels

/// A fixed orthogonal transform of the space, after which the components of any vector are alike in
/// size, so that a few bits for each lose the same of all. Lengths, products and distances stay.
///
/// Walsh-Hadamard transforms of the first and of the last 2^k components in turn, twice, signs drawn by
/// hash before each: the d log d form that RaBitQ's authors use in place of a random orthogonal
/// matrix. Additions in a fixed order and one multiplication: the same bits on every processor.
struct Rotation: Sendable {
  private let dimension: Int
  /// The greatest power of two within the dimension.
  private let block: Int
  /// +1 or -1 for each component and transform.
  private let signs: [Float]

  init(dimension: Int) {
    self.dimension = dimension
    block = 1 << (Int.bitWidth - 1 - dimension.leadingZeroBitCount)
    signs = (0..<4 * dimension).map { index in
      Graph.hash(UInt64(index), seed: 0x526f_7461_7465) & 1 == 0 ? 1 : -1
    }
  }

  func apply(_ vector: UnsafeMutablePointer<Float>) {
    for step in 0..<4 {
      let isLast = step % 2 == 1
      if isLast, block == dimension { continue }
      signs.withUnsafeBufferPointer { signs in
        for i in 0..<dimension { vector[i] *= signs[step * dimension + i] }
      }
      transform(isLast ? vector + (dimension - block) : vector)
    }
  }

  private func transform(_ vector: UnsafeMutablePointer<Float>) {
    Kernels.active.rotate(vector, block)
    let scale = 1 / Float(block).squareRoot()
    for i in 0..<block { vector[i] *= scale }
  }
}
