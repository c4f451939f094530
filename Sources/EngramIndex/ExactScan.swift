import CEngramKernels

/// Scores every row given, on codes first; the exact search that the graph is measured against
/// and that small sets are answered with. Recall is 1: a row is dropped only where the error bound
/// of its code proves that it is not among the `k` nearest.
struct ExactScan {
  let query: ExactQuery
  let code: CodeQuery
  let rows: Rows
  /// The k least upper bounds of true distances met so far.
  private var nearest: CandidateBuffer
  private let skipsDead: Bool
  private let widest: Rows.Bounds
  /// No more than k rows can be nearer than this.
  private var bar = Float.infinity
  /// Distances on codes beyond this cannot be below the bar, whatever the row.
  private var cut = Float.infinity

  init(
    query: ExactQuery, code: CodeQuery, rows: Rows, k: Int, context: inout SearchContext
  ) {
    self.query = query
    self.code = code
    self.rows = rows
    nearest = context.resultBuffer(capacity: k)
    skipsDead = rows.hasDead
    widest = rows.widestBounds
    context.scanned.removeAll(keepingCapacity: true)
  }

  /// Scores the rows of a range, which lie in memory one after the other.
  mutating func scan(
    _ range: Range<Int>, context: inout SearchContext, statistics: inout SearchStatistics
  ) {
    var begin = range.lowerBound
    while begin < range.upperBound {
      let count = min(SearchContext.smallestBatch, range.upperBound - begin)
      let block = UInt32(begin)..<UInt32(begin + count)
      let live = skipsDead ? rows.filterLive(block, into: context.rows.base) : count
      if live < count {
        score(live, &context, &statistics)
      } else {
        Kernels.active.dot_i8_block(
          code.code, rows.code(block.lowerBound), rows.stride, count, rows.stride,
          context.products.base)
        for index in 0..<count {
          consider(UInt32(begin &+ index), context.products.base[index], &context.scanned)
        }
        note(count, &statistics)
      }
      begin += count
    }
  }

  /// Scores the rows of a list.
  mutating func scan(
    _ list: UnsafeBufferPointer<UInt32>, context: inout SearchContext,
    statistics: inout SearchStatistics
  ) {
    var begin = 0
    while begin < list.count {
      let end = min(begin + SearchContext.smallestBatch, list.count)
      // Before they are scored: a row that is given again meanwhile was dead.
      score(rows.filterLive(list[begin..<end], into: context.rows.base), &context, &statistics)
      begin = end
    }
  }

  /// Scores the first rows in the context.
  private mutating func score(
    _ count: Int, _ context: inout SearchContext, _ statistics: inout SearchStatistics
  ) {
    Kernels.active.dot_i8_gather(
      code.code, rows.codes, rows.stride, context.rows.base, count, rows.stride,
      context.products.base)
    for index in 0..<count {
      consider(context.rows.base[index], context.products.base[index], &context.scanned)
    }
    note(count, &statistics)
  }

  private func note(_ count: Int, _ statistics: inout SearchStatistics) {
    statistics.distances += count
    statistics.bytes += count * rows.bytesPerCode
  }

  @inline(__always)
  private mutating func consider(
    _ row: UInt32, _ product: Int32, _ scanned: inout [Candidate]
  ) {
    let distance = code.distance(product: product, rows.factors[Int(row)])
    if distance > cut { return }
    let range = query.range(onCodes: distance, rows.bounds[Int(row)])
    if range.least > bar { return }
    scanned.append(Candidate(distance: distance, row: row))
    nearest.insert(Candidate(distance: range.greatest, row: row))
    guard nearest.count == nearest.capacity else { return }
    let newBar = nearest.bar.distance
    if newBar < bar {
      bar = newBar
      cut = query.cut(bar: bar, widest)
    }
  }

  /// The k nearest of all rows scanned, exact.
  func nearest(
    _ k: Int, context: inout SearchContext, statistics: inout SearchStatistics
  ) -> [Neighbour] {
    context.scanned.removeAll {
      query.range(onCodes: $0.distance, rows.bounds[Int($0.row)]).least > bar
    }
    context.scanned.sort()
    return context.scanned.withUnsafeMutableBufferPointer {
      rerank($0, k: k, query: query, rows: rows, statistics: &statistics)
    }
  }
}

extension ExactQuery {
  /// The greatest distance on codes at which a row with such bounds can still be within `bar`.
  func cut(bar: Float, _ bounds: Rows.Bounds) -> Float {
    switch metric {
    case .cosine, .innerProduct:
      return bar + (range(onCodes: 0, bounds).greatest)
    case .squaredL2:
      let rounding = 4e-6 * (norm * norm + bounds.norm * bounds.norm)
      let slack = residual + bounds.residual + 2e-6 * (norm + bounds.norm)
      let length = max(bar + rounding, 0).squareRoot() + slack
      return length * length
    }
  }
}
