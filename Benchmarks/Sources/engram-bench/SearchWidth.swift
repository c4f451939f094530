import BenchmarkSupport
import EngramIndex

/// How wide a search looks: the one place where what a command was told reaches the index.
struct SearchWidth {
  /// Of the candidate list; nil leaves it to the index.
  var ef: Int?

  /// Widths such as `default` or `16,24,64`.
  static func list(_ text: String) throws -> [SearchWidth] {
    if text == "default" { return [SearchWidth()] }
    return try numberList(text, in: IndexLimits.ef, option: "ef").map { SearchWidth(ef: $0) }
  }

  var name: String { ef.map { "ef \($0)" } ?? "default ef" }

  func search(
    _ index: HNSWIndex, _ query: [Float], k: Int, among: RowSet?,
    statistics: inout SearchStatistics
  ) throws -> [Neighbour] {
    try index.search(query, k: k, ef: ef, among: among, statistics: &statistics)
  }

  func searchBatch(_ index: HNSWIndex, _ queries: [Float], k: Int) throws -> [[Neighbour]] {
    try index.searchBatch(queries, k: k, ef: ef)
  }
}
