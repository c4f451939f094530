/// What quantising one vector yields beside its int8 code.
///
/// A code stands for `scale * code`. Under cosine the scale makes that a unit vector, so norms are
/// out of the walk's way. Every figure is computed in a fixed order of IEEE operations: it is the
/// same on every instruction set, which the graph's reproducibility rests on.
struct QuantisedVector {
  /// What one step of the code is worth.
  var scale: Float = 0
  /// Squared norm of what the code stands for, where the metric is squared L2; else 0.
  var bias: Float = 0
  /// The vector's own norm.
  var norm: Float = 0
  /// Distance between the vector (its unit vector under cosine) and what the code stands for.
  var residual: Float = 0
}

/// Scalar quantisation to int8 with one scale per vector, so that it needs no training and an
/// insert never depends on what came before (LVQ, arXiv 2304.04759, without the mean).
enum Quantiser {
  /// Encodes `vector`, of length `norm`, into `code`, whose bytes past `dimension` the caller keeps
  /// at zero.
  static func encode(
    _ vector: UnsafePointer<Float>, norm: Float, dimension: Int, metric: Metric,
    into code: UnsafeMutablePointer<Int8>
  ) -> QuantisedVector {
    let largest = largestMagnitude(vector, dimension)
    var result = QuantisedVector()
    result.norm = norm
    // Below this the reciprocal overflows: the code is zero and the residual says what is lost.
    guard largest > 1e-30 else {
      code.update(repeating: 0, count: dimension)
      result.residual = result.norm
      return result
    }
    let codeSquares = round(vector, dimension, steps: 127 / largest, into: code)
    switch metric {
    case .cosine: result.scale = 1 / Float(codeSquares).squareRoot()
    case .innerProduct: result.scale = largest / 127
    case .squaredL2:
      result.scale = largest / 127
      result.bias = result.scale * result.scale * Float(codeSquares)
    }
    let unit = metric == .cosine ? 1 / Double(result.norm) : 1
    let lost = squaredResidual(vector, dimension, unit: unit, code: code, scale: result.scale)
    // A little more than computed, to cover the rounding of the computation itself.
    result.residual = Float(lost.squareRoot() * 1.0001) + 1e-6 * (metric == .cosine ? 1 : result.norm)
    return result
  }

  /// The code alone, its scale, and the sum of its components.
  static func encodeCoarsely(
    _ vector: UnsafePointer<Float>, dimension: Int, into code: UnsafeMutablePointer<Int8>
  ) -> (scale: Float, sum: Int32) {
    let largest = largestMagnitude(vector, dimension)
    guard largest > 1e-30 else {
      code.update(repeating: 0, count: dimension)
      return (0, 0)
    }
    _ = round(vector, dimension, steps: 127 / largest, into: code)
    var sum: Int32 = 0
    for i in 0..<dimension { sum &+= Int32(code[i]) }
    return (largest / 127, sum)
  }

  /// The vector's norm; nil and the position where a component is not finite.
  static func validatedNorm(
    _ vector: UnsafeBufferPointer<Float>, metric: Metric
  ) throws(IndexError) -> Float {
    guard let base = vector.baseAddress else {
      throw .dimensionMismatch(expected: 1, got: 0)
    }
    let squares = squaredNorm(base, vector.count)
    guard squares.isFinite else {
      let position = vector.firstIndex { !$0.isFinite } ?? 0
      throw .notFinite(position: position)
    }
    let norm = Float(squares.squareRoot())
    guard norm <= IndexLimits.norm else { throw .normTooLarge }
    guard metric != .cosine || norm >= IndexLimits.cosineNorm else { throw .zeroVector }
    return norm
  }

  /// In double precision and a fixed order; NaN and infinity carry through.
  static func squaredNorm(_ vector: UnsafePointer<Float>, _ dimension: Int) -> Double {
    var sums = SIMD8<Double>.zero
    var i = 0
    while i + 8 <= dimension {
      let lanes = SIMD8<Double>(load(vector, i))
      sums += lanes * lanes
      i += 8
    }
    var total = inOrder(sums)
    while i < dimension {
      total += Double(vector[i]) * Double(vector[i])
      i += 1
    }
    return total
  }

  private static func largestMagnitude(_ vector: UnsafePointer<Float>, _ dimension: Int) -> Float {
    var largest = SIMD8<Float>.zero
    var i = 0
    while i + 8 <= dimension {
      let lanes = load(vector, i)
      largest.replace(with: lanes, where: lanes .> largest)
      largest.replace(with: -lanes, where: -lanes .> largest)
      i += 8
    }
    var result = largest.max()
    while i < dimension {
      result = max(result, abs(vector[i]))
      i += 1
    }
    return result
  }

  /// 1.5 * 2^23: added to a float it leaves the rounded integer in the low bits, without a call.
  static let magic: Float = 12_582_912

  /// Rounds to the nearest step, ties to even; returns the sum of squares of the code.
  private static func round(
    _ vector: UnsafePointer<Float>, _ dimension: Int, steps: Float,
    into code: UnsafeMutablePointer<Int8>
  ) -> Int32 {
    let magicBits = Int32(bitPattern: magic.bitPattern)
    var squares = SIMD8<Int32>.zero
    var i = 0
    while i + 8 <= dimension {
      let shifted = load(vector, i) * steps + SIMD8(repeating: magic)
      let whole = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- SIMD8(repeating: magicBits)
      squares &+= whole &* whole
      UnsafeMutableRawPointer(code + i)
        .storeBytes(of: SIMD8<Int8>(truncatingIfNeeded: whole), as: SIMD8<Int8>.self)
      i += 8
    }
    var total = squares.wrappedSum()
    while i < dimension {
      let shifted = vector[i] * steps + magic
      let whole = Int32(bitPattern: shifted.bitPattern) &- magicBits
      total &+= whole &* whole
      code[i] = Int8(truncatingIfNeeded: whole)
      i += 1
    }
    return total
  }

  private static func squaredResidual(
    _ vector: UnsafePointer<Float>, _ dimension: Int, unit: Double,
    code: UnsafePointer<Int8>, scale: Float
  ) -> Double {
    let step = Double(scale)
    var sums = SIMD8<Double>.zero
    var i = 0
    while i + 8 <= dimension {
      let codes = UnsafeRawPointer(code + i).loadUnaligned(as: SIMD8<Int8>.self)
      let lost =
        SIMD8<Double>(load(vector, i)) * unit
        - SIMD8<Double>(SIMD8<Int32>(truncatingIfNeeded: codes)) * step
      sums += lost * lost
      i += 8
    }
    var total = inOrder(sums)
    while i < dimension {
      let lost = Double(vector[i]) * unit - Double(code[i]) * step
      total += lost * lost
      i += 1
    }
    return total
  }

  @inline(__always)
  static func load(_ vector: UnsafePointer<Float>, _ i: Int) -> SIMD8<Float> {
    UnsafeRawPointer(vector + i).loadUnaligned(as: SIMD8<Float>.self)
  }

  private static func inOrder(_ lanes: SIMD8<Double>) -> Double {
    var total = 0.0
    for lane in 0..<8 { total += lanes[lane] }
    return total
  }
}
