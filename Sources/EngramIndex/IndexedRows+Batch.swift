/// Queries of a batch, all of them validated.
struct QueryBatch {
  let base: UnsafePointer<Float>
  let dimension: Int
  let norms: [Float]

  var count: Int { norms.count }
  var all: Range<Int> { 0..<count }

  /// A query's components.
  subscript(_ query: Int) -> UnsafePointer<Float> { base + query * dimension }
}

extension IndexedRows {
  /// Validates all queries before any work is done, then lends them to `body`.
  func withQueries(
    _ queries: [Float], k: Int, _ body: (QueryBatch) -> [[Neighbour]]
  ) throws(IndexError) -> [[Neighbour]] {
    let dimension = rows.dimension
    guard queries.count % dimension == 0 else {
      throw .dimensionMismatch(expected: dimension, got: queries.count)
    }
    guard IndexLimits.k.contains(k) else { throw .kOutOfRange(k) }
    return try queries.withUnsafeBufferPointer { queries throws(IndexError) -> [[Neighbour]] in
      guard let base = queries.baseAddress, !queries.isEmpty else { return [] }
      var norms: [Float] = []
      norms.reserveCapacity(queries.count / dimension)
      for begin in stride(from: 0, to: queries.count, by: dimension) {
        let query = UnsafeBufferPointer(rebasing: queries[begin..<begin + dimension])
        do throws(IndexError) {
          norms.append(try Quantiser.validatedNorm(query, metric: rows.metric))
        } catch .notFinite(let position) {
          throw .notFinite(position: begin + position)
        }
      }
      return body(QueryBatch(base: base, dimension: dimension, norms: norms))
    }
  }

  /// The forms of one of them.
  func query(
    _ queries: QueryBatch, _ query: Int, context: inout SearchContext
  ) -> (exact: ExactQuery, code: CodeQuery) {
    self.query(queries[query], norm: queries.norms[query], context: &context)
  }

  /// Exact search over all rows or some, for some queries of a batch. A block of codes comes from
  /// memory once for all queries that take turns at it.
  ///
  /// A matrix product on full vectors is no match for that: on Zen 5 scoring a row for a query
  /// takes 4 ns at 384 dimensions and 14 to 19 at 1,536, OpenBLAS 0.3.21 with 256 queries 7 and 29,
  /// with 16 queries 16 and 60, exact scoring of what it cannot rule out not counted. With AVX2
  /// alone, 384 dimensions, the two come near each other at 256 queries: 6.1 against 6.6.
  func scan(
    _ list: UnsafeBufferPointer<UInt32>?, k: Int, _ queries: QueryBatch, _ chosen: [Int],
    statistics: inout SearchStatistics
  ) -> [[Neighbour]] {
    var found: [[Neighbour]] = []
    found.reserveCapacity(chosen.count)
    let total = list?.count ?? rows.count
    for first in stride(from: 0, to: chosen.count, by: Self.scansTogether) {
      let together = chosen[first..<min(first + Self.scansTogether, chosen.count)]
      contexts.withContexts(together.count) { contexts in
        var scans = zip(together, contexts).map { query, own in
          let (exact, code) = self.query(queries, query, context: &own.context)
          return ExactScan(query: exact, code: code, rows: rows, k: k, context: &own.context)
        }
        for begin in stride(from: 0, to: total, by: scanBlock) {
          let block = begin..<min(begin + scanBlock, total)
          for (place, own) in contexts.enumerated() {
            if let list {
              scans[place].scan(
                UnsafeBufferPointer(rebasing: list[block]), context: &own.context,
                statistics: &statistics)
            } else {
              scans[place].scan(block, context: &own.context, statistics: &statistics)
            }
          }
        }
        for (scan, own) in zip(scans, contexts) {
          found.append(scan.nearest(k, context: &own.context, statistics: &statistics))
        }
      }
    }
    return found
  }

  /// Queries that take turns at a block: with four half the gain is there, with 64 hardly more.
  private static var scansTogether: Int { 32 }

  /// Rows of a block: what half of a first-level cache holds of codes. Larger ones cost up to a
  /// quarter at 1,536 dimensions.
  private var scanBlock: Int { max(16, 24_576 / rows.stride) }
}
