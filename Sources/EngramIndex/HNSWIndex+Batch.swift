extension HNSWIndex {
  public func searchBatch(
    _ queries: [Float], k: Int, ef: Int?, among: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [[Neighbour]] {
    let width = try width(ef: ef, recall: Self.defaultRecall, k: k)
    return try searchBatch(queries, k: k, width: width, among: among, statistics: &statistics)
  }

  /// The `k` nearest rows to each of many queries, as `search` with a recall finds them one by one.
  ///
  /// - Parameters:
  ///   - queries: row after row, `dimension` components each.
  ///   - recall: above 0 and at most 1; the same for all.
  ///   - among: the rows that may be results of any of them; nil for all.
  /// - Throws: `IndexError` as `search` does, before any query is searched for.
  public func searchBatch(
    _ queries: [Float], k: Int, recall: Double, among: RowSet? = nil,
    statistics: inout SearchStatistics
  ) throws(IndexError) -> [[Neighbour]] {
    let width = try width(ef: nil, recall: recall, k: k)
    return try searchBatch(queries, k: k, width: width, among: among, statistics: &statistics)
  }

  /// - Parameter width: as `width(ef:recall:k:)` has it.
  private func searchBatch(
    _ queries: [Float], k: Int, width: Int?, among: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [[Neighbour]] {
    try content.withQueries(queries, k: k) { queries in
      let live = count
      let possible = among.map { min($0.count, live) } ?? live
      let isFiltered = among != nil || content.rows.buriedCount > 0
      var found: [[Neighbour]?] = []
      if let width, isWalked(possible, isFiltered: isFiltered, width: width) {
        statistics.plan = isFiltered ? .filteredWalk : .walk
        found =
          if let among {
            walk(
              ChosenRows(rows: content.rows, chosen: among), possible: possible, k: k,
              width: width, queries, &statistics)
          } else if isFiltered {
            walk(
              LiveRows(rows: content.rows), possible: possible, k: k, width: width, queries,
              &statistics)
          } else {
            walk(AnyRow(), possible: possible, k: k, width: width, queries, &statistics)
          }
      }
      return scanRest(found, k: k, among: among, queries, &statistics)
    }
  }

  /// Scans for those queries that no walk has answered.
  private func scanRest(
    _ found: [[Neighbour]?], k: Int, among: RowSet?, _ queries: QueryBatch,
    _ statistics: inout SearchStatistics
  ) -> [[Neighbour]] {
    let open = queries.all.filter { $0 >= found.count || found[$0] == nil }
    guard !open.isEmpty else { return found.compactMap(\.self) }
    statistics.plan = found.isEmpty ? .scan : .filteredWalkThenScan
    let scanned =
      if let among {
        content.list(among).withUnsafeBufferPointer {
          content.scan($0, k: k, queries, open, statistics: &statistics)
        }
      } else {
        content.scan(nil, k: k, queries, open, statistics: &statistics)
      }
    var all = found.isEmpty ? Array(repeating: nil, count: queries.count) : found
    for (query, neighbours) in zip(open, scanned) { all[query] = neighbours }
    return all.compactMap(\.self)
  }

  /// Walks for all queries, a few of them in turn.
  ///
  /// - Returns: for each query what the walk found, nil where only a scan can answer; empty where
  ///   the graph holds nothing yet.
  private func walk<Filter: RowFilter>(
    _ filter: Filter, possible: Int, k: Int, width: Int, _ queries: QueryBatch,
    _ statistics: inout SearchStatistics
  ) -> [[Neighbour]?] {
    var found: [[Neighbour]?] = []
    found.reserveCapacity(queries.count)
    content.contexts.withContexts(min(Self.walksTogether, queries.count)) { contexts in
      guard let horizon = Horizon(of: self) else { return }
      for first in stride(from: 0, to: queries.count, by: Self.walksTogether) {
        let together = first..<min(first + Self.walksTogether, queries.count)
        let forms = together.map {
          content.query(queries, $0, context: &contexts[$0 - first].context)
        }
        var walks = forms.indices.map {
          begin(filter, width: width, horizon, &contexts[$0].context, &statistics)
        }
        var walking = Array(walks.indices)
        while !walking.isEmpty {
          walking.removeAll { !walks[$0].meet() }
          for place in walking { walks[place].score() }
        }
        for (place, form) in forms.enumerated() {
          found.append(
            finish(
              walks[place], horizon, possible: possible, k: k, width: width, form.exact,
              form.code, &contexts[place].context, &statistics))
        }
      }
    }
    return found
  }

  /// Walks that take turns, so that one works while the memory that another reads is on its way.
  /// Zen 5, 100,000 rows, ef 16, 64 and 200, queries per second over one walk at a time: two 1.11,
  /// 1.09 and 1.10 at 384 dimensions, 1.07, 1.01 and 1.04 at 1,536; three the same or less.
  private static var walksTogether: Int { 2 }
}
