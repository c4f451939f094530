import BenchmarkSupport
import EngramIndex
import EngramStore
import Foundation

/// The recall of a store that holds the first memories of a data set, by scores in double precision.
struct StoreRecall {
  private let data: Dataset
  private let rows: [UUID: Int]

  init(_ data: Dataset, size: Int) {
    self.data = data
    rows = Dictionary(
      uniqueKeysWithValues: data.records.ids.prefix(size).enumerated().map { ($1, $0) })
  }

  /// The mean over all queries, against their exact neighbours among the rows that pass.
  func mean(
    of store: Store, among passing: some Collection<Int>, scope: Scope = .all, filter: Filter? = nil
  ) throws -> Double {
    let passing = Array(passing)
    let truth = try BatchScan.nearest(
      data.queryVectors, among: passing.flatMap { data.vector($0) }, dimension: data.dimension,
      metric: .cosine, k: StoreTrial.k)
    var recall = 0.0
    for query in 0..<data.queries.count {
      let found = try store.search(
        Array(data.queryVector(query)), k: StoreTrial.k, scope: scope, filter: filter)
      guard let kth = truth[query].last else { continue }
      recall += self.recall(
        of: rows(of: found), query: query, kthTrue: score(passing[kth.row], query),
        existing: passing.count)
    }
    return recall / Double(max(data.queries.count, 1))
  }

  /// The rows of the data set that were found.
  func rows(of found: [ScoredMemory]) -> [Int] { found.compactMap { rows[$0.memory.id] } }

  func recall(of rows: [Int], query: Int, kthTrue: Double, existing: Int) -> Double {
    Recall.ofQuery(
      results: rows.map { score($0, query) }, kthTrue: kthTrue, .higherIsBetter, k: StoreTrial.k,
      existing: existing)
  }

  func score(_ row: Int, _ query: Int) -> Double {
    exactScore(data.vector(row), data.queryVector(query), .cosine)
  }
}
