import CEngramKernels

/// What a walk looks for, coded as the left side of its distances.
struct WalkQuery {
  let fields: engram_field_query

  /// - Parameters:
  ///   - vector: rotated, of length 1 under cosine, zeros behind it up to a multiple of eight;
  ///     overwritten.
  ///   - rowBias: of a row among rows; nil for a query.
  ///   - code: takes the code, which is needed as long as the query is.
  init(
    _ vector: UnsafeMutablePointer<Float>, rowBias: Float?, _ codes: WalkCodes,
    code: UnsafeMutablePointer<Int8>
  ) {
    let dimension = codes.dimension
    var squares = SIMD8<Float>.zero
    var product = SIMD8<Float>.zero
    codes.paddedCentre.withUnsafeBufferPointer { centre in
      guard let centre = centre.baseAddress else { return }
      var i = 0
      while i < dimension {
        let middle = Quantiser.load(centre, i)
        let lanes = Quantiser.load(vector, i) - middle
        UnsafeMutableRawPointer(vector + i).storeBytes(of: lanes, as: SIMD8<Float>.self)
        squares += lanes * lanes
        product += lanes * middle
        i += 8
      }
    }
    let (scale, sum) = Quantiser.encodeCoarsely(vector, dimension: dimension, into: code)
    let isL2 = codes.metric == .squaredL2
    fields = engram_field_query(
      code: code, factor: isL2 ? 2 * scale : scale, weight: isL2 ? 0 : -(rowBias ?? 0),
      bias: isL2 ? squares.sum() : -product.sum(),
      // What twice the product with fields exceeds the product with what they stand for by.
      excess: ((1 &<< Int32(codes.bits)) &- 1) &* sum)
  }
}
