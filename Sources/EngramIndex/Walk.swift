import CEngramKernels

/// A walk through one level of the graph (algorithm 2 of the paper), a step at a time: `meet` and
/// `score` in turn until nothing is left to meet, when all within the window have been expanded.
/// After either the memory that the other reads is on its way: whoever has several walks to do takes
/// their steps in turn.
struct Walk<Filter: RowFilter> {
  private let graph: Graph
  private let view: WalkCodes.View
  private let query: WalkQuery
  let filter: Filter
  private let level: Int
  private let visited: VisitedSet
  private let fresh: UnsafeMutablePointer<UInt32>
  private let scored: UnsafeMutablePointer<Candidate>
  /// Of the candidates the first so many are expanded.
  private let window: Int
  private var buffer: CandidateBuffer
  private var results: CandidateBuffer
  /// Links of a row, and the first row that is not met.
  private let capacity: Int
  private let limit: UInt32
  /// Rows met and not scored.
  private var count = 0
  private var hops = 0
  private var distances = 0

  /// - Parameters:
  ///   - seeds: rows of the level that it begins from.
  ///   - width: how many candidates steer the walk where every row passes, and how many results
  ///     are kept.
  ///   - keeping: how many results are kept where every row passes and these shall be more.
  ///   - limit: rows from here on are not met: they came after the search began.
  ///   - excluding: a row that is not met either.
  init(
    _ graph: Graph, from seeds: Seeds, level: Int, query: WalkQuery, codes: WalkCodes,
    filter: Filter, width: Int, keeping: Int = 0, limit: Int, excluding: UInt32?,
    context: inout SearchContext
  ) {
    self.graph = graph
    view = codes.view
    self.query = query
    self.filter = filter
    self.level = level
    visited = context.visitNothing(rows: limit)
    fresh = context.rows.base
    scored = context.scored.base
    window =
      Filter.passesAll
      ? width : Graph.steeringWidth(width, passing: filter.possible, of: filter.total)
    buffer = context.walkBuffer(capacity: max(window, keeping))
    results = context.resultBuffer(capacity: Filter.passesAll ? 1 : width)
    capacity = graph.list(seeds[0].row, level: level).capacity
    self.limit = UInt32(limit)
    if let excluding { _ = visited.insert(excluding) }
    for seed in seeds {
      _ = visited.insert(seed.row)
      buffer.insert(seed)
      if !Filter.passesAll, filter.passes(seed.row) { results.insert(seed) }
    }
  }

  /// Expands the nearest candidates and notes their neighbours that are new; false at the end.
  @inline(__always)
  mutating func meet() -> Bool {
    count = 0
    var expanded = 0
    while expanded < Graph.expandedTogether, count &+ capacity <= CandidateBuffer.mostAtOnce,
      let candidate = buffer.nextToExpand(within: window)
    {
      // Past the worst result nothing nearer can follow from here.
      if !Filter.passesAll, results.bar < candidate { break }
      let list = graph.list(candidate.row, level: level)
      let before = count
      var place = 0
      while place < capacity {
        // Rows past the limit, and the places past the end, stand for one that is visited.
        let row = min(list[place], limit)
        fresh[count] = row
        count &+= visited.insert(row)
        place &+= 1
      }
      var index = before
      while index < count {
        view.prefetch(fresh[index])
        index &+= 1
      }
      expanded &+= 1
    }
    hops &+= expanded
    distances &+= count
    prefetchLists()
    return expanded > 0
  }

  /// Scores what was met; the nearest of it are candidates from here on.
  @inline(__always)
  mutating func score() {
    let bar = Filter.passesAll ? buffer.bar : max(buffer.bar, results.bar)
    let nearer = view.score(query, fresh, count, below: bar, into: scored)
    buffer.insert(scored, count: nearer)
    if !Filter.passesAll {
      var passing = 0
      for index in 0..<nearer where filter.passes(scored[index].row) {
        scored[passing] = scored[index]
        passing &+= 1
      }
      results.insert(scored, count: passing)
    }
    prefetchLists()
  }

  /// Brings the links near that the next step is likely to follow.
  @inline(__always)
  private func prefetchLists() {
    buffer.forEachToExpand(atMost: Graph.expandedTogether, within: window) {
      graph.list($0, level: level).prefetch()
    }
  }

  /// The results, nearest first, which is all that steered the walk where every row passes; and
  /// the bar: of rows beyond it the walk may have met nearer ones and let them go.
  func finish(
    _ statistics: inout SearchStatistics
  ) -> (results: CandidateBuffer, bar: Candidate) {
    statistics.hops += hops
    statistics.distances += distances
    statistics.bytes += distances * view.stride + hops * capacity * 4
    return (Filter.passesAll ? buffer : results, buffer.bar)
  }
}
