import CEngramKernels

/// Which rows may be results. Rows that may not are still walked through.
protocol RowFilter {
  /// Whether every row passes: then the walk's own buffer holds the results.
  static var passesAll: Bool { get }
  func passes(_ row: UInt32) -> Bool
  /// How many rows pass, about, and of how many.
  var possible: Int { get }
  var total: Int { get }
}

struct AnyRow: RowFilter {
  static var passesAll: Bool { true }
  var possible: Int { .max }
  var total: Int { .max }
  @inline(__always) func passes(_ row: UInt32) -> Bool { true }
}

struct LiveRows: RowFilter {
  static var passesAll: Bool { false }
  let rows: Rows
  var possible: Int { rows.liveCount }
  var total: Int { rows.presentCount }
  @inline(__always) func passes(_ row: UInt32) -> Bool { rows.isLive(row) }
}

struct ChosenRows: RowFilter {
  static var passesAll: Bool { false }
  let rows: Rows
  let chosen: RowSet
  var possible: Int { min(chosen.count, rows.liveCount) }
  var total: Int { rows.presentCount }
  @inline(__always) func passes(_ row: UInt32) -> Bool {
    chosen.contains(Int(row)) && rows.isLive(row)
  }
}

/// Rows that are results whether or not they are live by now.
struct TheseRows: RowFilter {
  static var passesAll: Bool { false }
  let chosen: RowSet
  var possible: Int { chosen.count }
  var total: Int { chosen.count }
  @inline(__always) func passes(_ row: UInt32) -> Bool { chosen.contains(Int(row)) }
}

extension Graph {
  /// Descent from the entry point: the nearest rows found above `level`, to begin a walk there from.
  func descend(
    to level: Int, from entry: Entry, query: WalkQuery, codes: WalkCodes, limit: Int,
    context: inout SearchContext, statistics: inout SearchStatistics
  ) -> Seeds {
    context.rows.base[0] = entry.row
    _ = codes.view.score(
      query, context.rows.base, 1, below: .farthest, into: context.scored.base)
    statistics.distances += 1
    statistics.bytes += codes.stride
    var seeds = context.seeds(CollectionOfOne(context.scored.base[0]))
    let width = descentWidth
    for above in stride(from: entry.level, to: level, by: -1) {
      let (found, _) = walk(
        from: seeds, level: above, query: query, codes: codes, filter: AnyRow(), width: width,
        limit: limit, excluding: nil, context: &context, statistics: &statistics)
      seeds = context.seeds(found.candidates)
    }
    return seeds
  }

  /// How many candidates steer the descent. One, as in the paper, is enough for a hundred thousand
  /// rows; of a million in many clusters it leaves some queries in a wrong one, and no width on level 0
  /// that one could pay for leads out again (results/README.md has the figures).
  var descentWidth: Int { min(max(walkable / 65_536, 1), SearchContext.mostSeeds) }

  /// A walk from beginning to end; parameters and results are those of `Walk`.
  func walk<Filter: RowFilter>(
    from seeds: Seeds, level: Int, query: WalkQuery, codes: WalkCodes, filter: Filter,
    width: Int, keeping: Int = 0, limit: Int, excluding: UInt32?, context: inout SearchContext,
    statistics: inout SearchStatistics
  ) -> (results: CandidateBuffer, bar: Candidate) {
    var walk = Walk(
      self, from: seeds, level: level, query: query, codes: codes, filter: filter, width: width,
      keeping: keeping, limit: limit, excluding: excluding, context: &context)
    while walk.meet() { walk.score() }
    return walk.finish(&statistics)
  }

  /// How many candidates steer a walk where some rows may not be results, so that enough of those
  /// that may are met. As many more as there are more rows would find more than is asked for:
  /// 100,000 sentence embeddings, ef 64, a tenth of them marked at random, recall 0.999.
  static func steeringWidth(_ width: Int, passing: Int, of total: Int) -> Int {
    let times = Double(total) / Double(max(passing, 1, total / 100))
    return max(width, Int(Double(width) * (times * times.squareRoot()).squareRoot()))
  }

  /// Candidates are expanded a few at a time, so that the memory that one waits for is fetched
  /// while another is worked on. Of those within the width all are expanded in the end: only the
  /// few rows that a better candidate would have pushed out are expanded in vain. Zen 5, 100,000
  /// rows of 384 components, ef 64: one at a time 43 us and 818 distances, two 37 and 826, four 31
  /// and 844, eight 39 and 898.
  static var expandedTogether: Int { 4 }

  /// Scores what a walk found among the first `count` rows on int8 codes, and orders it by that.
  func refine(
    _ found: inout CandidateBuffer, below count: Int, _ query: CodeQuery, _ rows: Rows,
    _ context: inout SearchContext, _ statistics: inout SearchStatistics
  ) {
    let gather = Kernels.active.dot_i8_gather
    found.removeAll { Int($0.row) >= count }
    var refined = context.refinedBuffer(capacity: found.capacity)
    let batch = SearchContext.smallestBatch
    for begin in stride(from: 0, to: found.count, by: batch) {
      let count = min(batch, found.count - begin)
      for index in 0..<count {
        let row = found[begin + index].row
        context.rows.base[index] = row
        rows.prefetchFigures(row)
      }
      gather(
        query.code, rows.codes, rows.stride, context.rows.base, count, rows.stride,
        context.products.base)
      for index in 0..<count {
        let row = context.rows.base[index]
        context.scored.base[index] = Candidate(
          distance: query.distance(
            product: context.products.base[index], rows.factors[Int(row)]), row: row)
      }
      refined.insert(context.scored.base, count: count)
    }
    statistics.bytes += found.count * rows.bytesPerCode
    found = refined
  }
}
