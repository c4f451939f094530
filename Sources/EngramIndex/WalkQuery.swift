import CEngramKernels

/// What a walk looks for, coded as the left side of its distances.
struct WalkQuery {
  let fields: engram_field_query

  /// - Parameters:
  ///   - vector: rotated, of length 1 under cosine; overwritten.
  ///   - rowBias: of a row among rows; nil for a query.
  ///   - code: takes the code, which is needed as long as the query is.
  init(
    _ vector: UnsafeMutablePointer<Float>, rowBias: Float?, _ codes: WalkCodes,
    code: UnsafeMutablePointer<Int8>
  ) {
    let dimension = codes.dimension
    var squares: Float = 0
    var product: Float = 0
    codes.paddedCentre.withUnsafeBufferPointer { centre in
      for i in 0..<dimension {
        vector[i] -= centre[i]
        squares += vector[i] * vector[i]
        product += vector[i] * centre[i]
      }
    }
    let (scale, sum) = Quantiser.encodeCoarsely(vector, dimension: dimension, into: code)
    let isL2 = codes.metric == .squaredL2
    fields = engram_field_query(
      code: code, factor: isL2 ? 2 * scale : scale, weight: isL2 ? 0 : -(rowBias ?? 0),
      bias: isL2 ? squares : -product,
      // What twice the product with fields exceeds the product with what they stand for by.
      excess: ((1 &<< Int32(codes.bits)) &- 1) &* sum)
  }
}
