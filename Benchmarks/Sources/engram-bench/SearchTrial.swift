import BenchmarkSupport
import EngramIndex

/// What the searches of one width showed: counts and bytes are means of a query.
struct SearchPoint: Encodable {
  /// Nil where the index chose.
  var ef: Int?
  var recall, p50_us, p95_us, p99_us, qps, distances, hops, reranked, bytes: Double
  /// How many queries each plan answered.
  var plans: [String: Int]
  /// Queries per second where all are asked at once, if that was measured.
  var batch_qps: Double?

  /// The width as a table shows it.
  var width: Table.Cell { ef.map { .integer($0) } ?? .text("default") }

  /// The plans, the most frequent first.
  var planText: String {
    plans.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.key) \(grouped($0.value))" }.joined(separator: "; ")
  }
}

/// All queries of a workload asked of an index.
struct SearchTrial {
  let index: HNSWIndex
  let workload: Workload
  let truth: [Truth]
  /// The rows of the index that may be results of each query.
  var among: [RowSet]?
  /// The workload's row of each row of the index, where they are not the same.
  var rowNames: [Int]?

  private struct Tally {
    var recall = 0.0
    var cost = SearchStatistics()
    var plans: [String: Int] = [:]
  }

  /// Mean recall, by one untimed pass.
  func recall(_ width: SearchWidth) throws -> Double { try tally(width).recall }

  /// The first pass warms up and counts; the others are timed, each query by itself.
  ///
  /// - Parameter batches: whether to ask all queries at once too, in turn with the other passes; not
  ///   with `among`, which has a set for each query where a batch takes one for all.
  func measure(
    _ width: SearchWidth, passes: Int, batches: Bool = false
  ) throws -> SearchPoint {
    precondition(!batches || among == nil, "a batch has one set for all queries")
    let tally = try tally(width)
    var samples = Samples(capacity: workload.count * passes)
    var passSeconds: [Double] = []
    var batchPassSeconds: [Double] = []
    for _ in 0..<passes {
      let before = samples.count
      for query in 0..<workload.count {
        let vector = workload.query(query)
        let among = among?[query]
        var cost = SearchStatistics()
        let found = try samples.time {
          try width.search(index, vector, k: workload.k, among: among, statistics: &cost)
        }
        precondition(found.count <= workload.k)
      }
      passSeconds.append(Double(samples.nanoseconds[before...].reduce(0, +)) / 1e9)
      if batches { batchPassSeconds.append(try batchSeconds(width)) }
    }
    let count = Double(workload.count)
    let sorted = samples.nanoseconds.sorted()
    return SearchPoint(
      ef: width.ef, recall: tally.recall, p50_us: microseconds(nearestRank(50, of: sorted)),
      p95_us: microseconds(nearestRank(95, of: sorted)),
      p99_us: microseconds(nearestRank(99, of: sorted)),
      qps: count / nearestRank(50, of: passSeconds.sorted()),
      distances: Double(tally.cost.distances) / count, hops: Double(tally.cost.hops) / count,
      reranked: Double(tally.cost.reranked) / count, bytes: Double(tally.cost.bytes) / count,
      plans: tally.plans,
      batch_qps: batches ? count / nearestRank(50, of: batchPassSeconds.sorted()) : nil)
  }

  /// Asks all queries at once, on one thread.
  private func batchSeconds(_ width: SearchWidth) throws -> Double {
    let start = MonotonicClock.now()
    let found = try width.searchBatch(index, workload.queries, k: workload.k)
    precondition(found.count == workload.count)
    return MonotonicClock.seconds(since: start)
  }

  private func tally(_ width: SearchWidth) throws -> Tally {
    var tally = Tally()
    for query in 0..<workload.count {
      let found = try width.search(
        index, workload.query(query), k: workload.k, among: among?[query], statistics: &tally.cost)
      let rows = found.map { rowNames?[$0.row] ?? $0.row }
      tally.recall += workload.recall(of: rows, query: query, truth[query])
      if let plan = tally.cost.plan { tally.plans[plan.rawValue, default: 0] += 1 }
    }
    tally.recall /= Double(workload.count)
    return tally
  }
}
