import CEngramKernels

/// Which rows may be results. Rows that may not are still walked through.
protocol RowFilter {
  /// Whether every row passes: then the walk's own buffer holds the results.
  static var passesAll: Bool { get }
  func passes(_ row: UInt32) -> Bool
}

struct AnyRow: RowFilter {
  static var passesAll: Bool { true }
  @inline(__always) func passes(_ row: UInt32) -> Bool { true }
}

struct LiveRows: RowFilter {
  static var passesAll: Bool { false }
  let rows: Rows
  @inline(__always) func passes(_ row: UInt32) -> Bool { rows.isLive(row) }
}

struct ChosenRows: RowFilter {
  static var passesAll: Bool { false }
  let rows: Rows
  let chosen: RowSet
  @inline(__always) func passes(_ row: UInt32) -> Bool {
    chosen.contains(Int(row)) && rows.isLive(row)
  }
}

extension Graph {
  /// Greedy descent from the entry point to `level`: the nearest row found there.
  func descend(
    to level: Int, from entry: Entry, query: CodeQuery, rows: Rows,
    limit: Int, context: inout SearchContext, statistics: inout SearchStatistics
  ) -> Candidate {
    let kernels = Kernels.active
    let product = kernels.dot_i8(query.code, rows.code(entry.row), rows.stride)
    var best = Candidate(
      distance: query.distance(product: product, rows.factors[Int(entry.row)]), row: entry.row)
    statistics.distances += 1
    var current = entry.level
    while current > level {
      let list = list(best.row, level: current)
      var count = 0
      for place in 0..<list.capacity {
        let row = list[place]
        if row == Graph.empty { break }
        if Int(row) < limit {
          context.rows.base[count] = row
          count += 1
        }
      }
      statistics.hops += 1
      statistics.distances += count
      var nearest = best
      kernels.dot_i8_gather(
        query.code, rows.codes, rows.stride, context.rows.base, count, rows.stride,
        context.products.base)
      for index in 0..<count {
        let row = context.rows.base[index]
        let distance = query.distance(
          product: context.products.base[index], rows.factors[Int(row)])
        nearest = min(nearest, Candidate(distance: distance, row: row))
      }
      if nearest < best { best = nearest } else { current -= 1 }
    }
    return best
  }

  /// The walk (algorithm 2 of the paper): expands the nearest row not yet expanded until all
  /// within the buffer's width are.
  ///
  /// Codes are padded with zeros, so whole strides are multiplied and no kernel has a remainder.
  ///
  /// - Parameters:
  ///   - width: how many candidates steer the walk.
  ///   - ef: how many results are kept; not used where every row passes.
  ///   - limit: rows from here on are not met: they came after the search began.
  /// - Returns: the results, nearest first, which is all that steered the walk where every row
  ///   passes; and the bar: of rows beyond it the walk may have met nearer ones and let them go.
  func walk<Filter: RowFilter>(
    from start: Candidate, level: Int, query: CodeQuery, rows: Rows, filter: Filter,
    width: Int, ef: Int, limit: Int, context: inout SearchContext,
    statistics: inout SearchStatistics
  ) -> (results: CandidateBuffer, bar: Candidate) {
    let gather = Kernels.active.dot_i8_gather
    let factors = rows.factors
    let codes = rows.codes
    let stride = rows.stride
    let fresh = context.rows.base
    let products = context.products.base
    let visited = context.visitNothing(rows: limit)
    var buffer = context.walkBuffer(capacity: width)
    var results = context.resultBuffer(capacity: Filter.passesAll ? 1 : ef)
    var hops = 0
    var distances = 0

    _ = visited.insert(start.row)
    buffer.insert(start.unmarked)
    if !Filter.passesAll, filter.passes(start.row) { results.insert(start.unmarked) }
    while let candidate = buffer.nextToExpand() {
      // Past the worst result nothing nearer can follow from here.
      if !Filter.passesAll, results.bar < candidate { break }
      let list = list(candidate.row, level: level)
      var count = 0
      for place in 0..<list.capacity {
        let row = list[place]
        if row == Graph.empty { break }
        if Int(row) >= limit { continue }
        fresh[count] = row
        count &+= visited.insert(row)
      }
      hops &+= 1
      distances &+= count
      if level == 0, let next = buffer.peekToExpand() {
        engram_prefetch(self.list(next, level: 0).places)
      }
      if count == 0 { continue }
      gather(query.code, codes, stride, fresh, count, stride, products)
      for index in 0..<count {
        let row = fresh[index]
        let distance = query.distance(product: products[index], factors[Int(row)])
        let found = Candidate(distance: distance, row: row)
        buffer.insert(found)
        if !Filter.passesAll, filter.passes(row) { results.insert(found) }
      }
    }
    statistics.hops += hops
    statistics.distances += distances
    return (Filter.passesAll ? buffer : results, buffer.bar)
  }
}
