/// A set of vectors that finds the nearest of them. `HNSWIndex` walks a graph; `ExactIndex` scores
/// every row and is the measure of the other's recall.
///
/// Any number of threads may search while others insert, update and delete: searches wait for no
/// writer, writers wait for each other. Rows are numbered in order of insertion and never renumbered;
/// an index may give the number of a deleted row to another vector, see `HNSWIndex.delete`.
public protocol VectorIndex: Sendable {
  /// Components of each vector.
  var dimension: Int { get }
  var metric: Metric { get }
  /// Live vectors.
  var count: Int { get }

  /// Adds a vector; searches that begin afterwards find it.
  ///
  /// - Returns: its row.
  /// - Throws: `IndexError` for a wrong dimension, a component that is not finite, a vector of no
  ///   length under cosine, or when memory is refused.
  @discardableResult
  func insert(_ vector: [Float]) throws(IndexError) -> Int

  /// Removes a row from all results.
  func delete(_ row: Int) throws(IndexError)

  /// Replaces a row's vector: the old row is deleted and a new one inserted.
  ///
  /// - Returns: the new row.
  @discardableResult
  func update(_ row: Int, to vector: [Float]) throws(IndexError) -> Int

  /// The `k` nearest rows to `query`, nearest first; fewer where there are fewer.
  ///
  /// - Parameters:
  ///   - k: 1...10,000.
  ///   - ef: width of the candidate list, 1...100,000; recall and cost rise with it. An exact
  ///     index ignores it.
  ///   - among: the rows that may be results; nil for all.
  ///   - statistics: what the search cost is added to it.
  func search(
    _ query: [Float], k: Int, ef: Int?, among: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [Neighbour]

  /// The `k` nearest rows to each of many queries: what `search` finds for each of them, on the
  /// calling thread and in less time than one by one.
  ///
  /// - Parameters:
  ///   - queries: row after row, `dimension` components each; none is fine.
  ///   - k: 1...10,000, the same for all, as are `ef` and `among`, which are those of `search`.
  ///   - statistics: what all searches together cost is added to it.
  /// - Returns: for each query its neighbours, nearest first.
  /// - Throws: `IndexError` for what `search` refuses in any of the queries, before any is searched
  ///   for; `dimensionMismatch` where `queries` is no whole number of rows. A position at fault is
  ///   one in `queries`.
  func searchBatch(
    _ queries: [Float], k: Int, ef: Int?, among: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [[Neighbour]]
}

extension VectorIndex {
  /// The `k` nearest rows to `query`, nearest first; fewer where there are fewer.
  public func search(
    _ query: [Float], k: Int, ef: Int? = nil, among: RowSet? = nil
  ) throws(IndexError) -> [Neighbour] {
    var statistics = SearchStatistics()
    return try search(query, k: k, ef: ef, among: among, statistics: &statistics)
  }

  /// The `k` nearest rows to each of many queries.
  public func searchBatch(
    _ queries: [Float], k: Int, ef: Int? = nil, among: RowSet? = nil
  ) throws(IndexError) -> [[Neighbour]] {
    var statistics = SearchStatistics()
    return try searchBatch(queries, k: k, ef: ef, among: among, statistics: &statistics)
  }
}
