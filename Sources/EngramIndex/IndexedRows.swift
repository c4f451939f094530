import Synchronization

/// What both indexes share: rows that are appended, buried and scanned.
final class IndexedRows: Sendable {
  let rows: Rows
  let contexts: SearchContextPool
  /// Held while rows are appended. The arena is made when the index first has to own a vector.
  private let writer = Mutex<VectorArena?>(nil)

  init(dimension: Int, metric: Metric) throws(IndexError) {
    rows = try Rows(dimension: dimension, metric: metric)
    contexts = SearchContextPool(dimension: dimension)
  }

  /// Appends vectors, row after row in `vectors`, into memory of the index's own.
  func append(copying vectors: [Float]) throws(IndexError) -> Range<Int> {
    let dimension = rows.dimension
    guard !vectors.isEmpty, vectors.count % dimension == 0 else {
      throw .dimensionMismatch(expected: dimension, got: vectors.count)
    }
    let added = vectors.count / dimension
    return try vectors.withUnsafeBufferPointer { vectors throws(IndexError) -> Range<Int> in
      var longest: Float = 0
      for begin in stride(from: 0, to: vectors.count, by: dimension) {
        let norm = try Quantiser.validatedNorm(
          UnsafeBufferPointer(rebasing: vectors[begin..<begin + dimension]), metric: rows.metric)
        longest = max(longest, norm)
      }
      return try writer.withLock { arena throws(IndexError) -> Range<Int> in
        let owned: VectorArena
        if let arena { owned = arena } else { owned = try VectorArena(dimension: dimension) }
        arena = owned
        let first = rows.count
        try rows.reserve(added)
        try owned.reserve(rows: first + added)
        rows.expect(norm: longest)
        let place = owned.write(vectors, at: first)
        for index in 0..<added { rows.write(place + index * dimension, to: first + index) }
        rows.publish(count: first + added)
        return first..<first + added
      }
    }
  }

  func reserve(_ count: Int) throws(IndexError) {
    try writer.withLock { _ throws(IndexError) in try rows.reserve(count) }
  }

  /// Appends vectors that lie elsewhere and stay there as long as the index lives; they have been
  /// validated.
  func append(at vectors: [UnsafePointer<Float>]) throws(IndexError) -> Range<Int> {
    try writer.withLock { _ throws(IndexError) -> Range<Int> in
      let first = rows.count
      try rows.reserve(vectors.count)
      for (index, vector) in vectors.enumerated() { rows.write(vector, to: first + index) }
      rows.publish(count: first + vectors.count)
      return first..<first + vectors.count
    }
  }

  func delete(_ row: Int) throws(IndexError) {
    guard row >= 0, row < rows.count, rows.bury(UInt32(row)) else { throw .unknownRow(row) }
  }

  func vector(_ row: Int) throws(IndexError) -> [Float] {
    guard row >= 0, row < rows.count, rows.isLive(UInt32(row)) else { throw .unknownRow(row) }
    return Array(UnsafeBufferPointer(start: rows.vector(UInt32(row)), count: rows.dimension))
  }

  /// Validates a query and lends its forms to `body`.
  func withQuery<Result>(
    _ vector: [Float], k: Int, _ body: (ExactQuery, CodeQuery, inout SearchContext) -> Result
  ) throws(IndexError) -> Result {
    guard vector.count == rows.dimension else {
      throw .dimensionMismatch(expected: rows.dimension, got: vector.count)
    }
    guard IndexLimits.k.contains(k) else { throw .kOutOfRange(k) }
    return try vector.withUnsafeBufferPointer { vector throws(IndexError) -> Result in
      let norm = try Quantiser.validatedNorm(vector, metric: rows.metric)
      guard let base = vector.baseAddress else {
        throw .dimensionMismatch(expected: rows.dimension, got: 0)
      }
      return contexts.withContext { context in
        let (exact, code) = query(base, norm: norm, context: &context)
        return body(exact, code, &context)
      }
    }
  }

  /// The forms of a query that has been validated; they lie in its context.
  func query(
    _ vector: UnsafePointer<Float>, norm: Float, context: inout SearchContext
  ) -> (ExactQuery, CodeQuery) {
    context.rotated.base.update(from: vector, count: rows.dimension)
    rows.rotation.apply(context.rotated.base)
    let quantised = Quantiser.encode(
      context.rotated.base, norm: norm, dimension: rows.dimension, metric: rows.metric,
      into: context.code.base)
    let exact = ExactQuery(
      vector: vector, metric: rows.metric, dimension: rows.dimension, norm: norm,
      residual: quantised.residual)
    if rows.metric == .cosine {
      let unit = 1 / norm
      for i in 0..<rows.dimension { context.rotated.base[i] *= unit }
    }
    return (exact, CodeQuery(code: context.code.base, quantised, metric: rows.metric))
  }

  /// Exact search over all rows or some.
  func scan(
    _ list: UnsafeBufferPointer<UInt32>?, k: Int, query: ExactQuery, code: CodeQuery,
    context: inout SearchContext, statistics: inout SearchStatistics
  ) -> [Neighbour] {
    var scan = ExactScan(query: query, code: code, rows: rows, k: k, context: &context)
    if let list {
      scan.scan(list, context: &context, statistics: &statistics)
    } else {
      scan.scan(0..<rows.count, context: &context, statistics: &statistics)
    }
    return scan.nearest(k, context: &context, statistics: &statistics)
  }
}
