import CEngramKernels
import Testing

/// The Walsh-Hadamard transform against its definition.
@Suite struct RotateTests {
  static let sizes = (0...14).map { 1 << $0 }

  /// Row i of the matrix has the sign of the parity of i & j in column j.
  static func defined(_ vector: [Double]) -> [Double] {
    vector.indices.map { i in
      vector.indices.reduce(0) { sum, j in
        (i & j).nonzeroBitCount % 2 == 0 ? sum + vector[j] : sum - vector[j]
      }
    }
  }

  /// The same by halves, for sizes that the definition takes too long for.
  static func reference(_ vector: [Double]) -> [Double] {
    guard vector.count > 1 else { return vector }
    let a = reference(Array(vector.prefix(vector.count / 2)))
    let b = reference(Array(vector.suffix(vector.count / 2)))
    return zip(a, b).map { $0 + $1 } + zip(a, b).map { $0 - $1 }
  }

  static func rotated(_ vector: [Float], _ kernels: engram_kernels) -> [Float] {
    var result = vector
    kernels.rotate(&result, result.count)
    return result
  }

  static func norm(_ vector: [Float]) -> Double {
    vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  @Test(arguments: sizes) func matchesTheDefinition(_ size: Int) {
    var random = Generator(state: UInt64(30 + size))
    for round in 0..<(size <= 1_024 ? 20 : 3) {
      let vector = (0..<size).map { _ in Float.random(&random) }
      let reference = Self.reference(vector.map(\.number))
      if size <= 256 {
        let defined = Self.defined(vector.map(\.number))
        #expect(zip(reference, defined).allSatisfy { abs($0 - $1) <= 1e-12 * Double(size) })
      }
      let bits = Self.rotated(vector, variants[0]).map(\.bitPattern)
      for kernels in variants {
        let name = String(cString: kernels.name)
        let result = Self.rotated(vector, kernels)
        // Each of log2(size) additions rounds relative to what has grown so far.
        let error = zip(result, reference).map { abs(Double($0) - $1) }.max() ?? 0
        #expect(error <= 1e-6 * Self.norm(vector) * Double(size).squareRoot(), "\(name)")
        #expect(result.map(\.bitPattern) == bits, "\(name), round \(round)")
      }
    }
  }

  /// Small integers leave nothing to round.
  @Test(arguments: sizes) func exactOnIntegers(_ size: Int) {
    var random = Generator(state: UInt64(31 + size))
    let vector = (0..<size).map { _ in Float(Int.random(in: -500...500, using: &random)) }
    let reference = Self.reference(vector.map(\.number)).map { Float($0) }
    for kernels in variants {
      #expect(Self.rotated(vector, kernels) == reference, "\(String(cString: kernels.name))")
    }
  }

  /// Orthogonal but for its scale, and its own inverse.
  @Test(arguments: sizes) func keepsTheNorm(_ size: Int) {
    var random = Generator(state: UInt64(32 + size))
    let vector = (0..<size).map { _ in Float.random(&random) }
    let norm = Self.norm(vector)
    for kernels in variants {
      let name = String(cString: kernels.name)
      let once = Self.rotated(vector, kernels)
      #expect(abs(Self.norm(once) / Double(size).squareRoot() - norm) <= 1e-6 * norm, "\(name)")
      let twice = Self.rotated(once, kernels)
      let error = zip(twice, vector).map { abs(Double($0) / Double(size) - Double($1)) }.max() ?? 0
      #expect(error <= 2e-6 * norm, "\(name)")
    }
  }

  /// Nothing is touched outside of the vector, wherever it lies.
  @Test func staysInside() throws {
    var random = Generator(state: 33)
    let pages = try GuardedPages(bytes: (16_384 + 16) * MemoryLayout<Float>.stride)
    for size in Self.sizes {
      let vector = (0..<size).map { _ in Float.random(&random) }
      let expected = Self.rotated(vector, variants[0])
      for kernels in variants {
        for atEnd in [true, false] {
          let base = pages.placeMutable(vector, atEnd: atEnd)
          kernels.rotate(base, size)
          #expect(UnsafeBufferPointer(start: base, count: size).elementsEqual(expected))
        }
        for shift in 1..<16 {
          let around = [Float](repeating: 7, count: shift) + vector + [7]
          let base = pages.placeMutable(around, atEnd: false)
          kernels.rotate(base + shift, size)
          #expect(UnsafeBufferPointer(start: base + shift, count: size).elementsEqual(expected))
          #expect((0..<shift).allSatisfy { base[$0] == 7 } && base[shift + size] == 7)
        }
      }
    }
  }
}
