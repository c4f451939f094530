/// An index that scores every row: recall is 1, cost grows with the number of rows.
public final class ExactIndex: VectorIndex {
  private let content: IndexedRows

  /// An empty index.
  public init(dimension: Int, metric: Metric) throws(IndexError) {
    content = try IndexedRows(dimension: dimension, metric: metric)
  }

  public var dimension: Int { content.rows.dimension }
  public var metric: Metric { content.rows.metric }
  public var count: Int { content.rows.liveCount }

  @discardableResult
  public func insert(_ vector: [Float]) throws(IndexError) -> Int {
    guard vector.count == dimension else {
      throw .dimensionMismatch(expected: dimension, got: vector.count)
    }
    return try content.append(copying: vector)[0]
  }

  /// Adds many vectors, row after row.
  @discardableResult
  public func insert(rows vectors: [Float]) throws(IndexError) -> Range<Int> {
    let rows = try content.append(copying: vectors)
    return rows[0]..<rows[0] + rows.count
  }

  public func delete(_ row: Int) throws(IndexError) { try content.delete(row) }

  @discardableResult
  public func update(_ row: Int, to vector: [Float]) throws(IndexError) -> Int {
    _ = try content.vector(row)
    let new = try insert(vector)
    try content.delete(row)
    return new
  }

  public func search(
    _ query: [Float], k: Int, ef: Int?, among: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [Neighbour] {
    statistics.plan = .scan
    return try content.withQuery(query, k: k) { exact, code, context in
      guard let among else {
        return content.scan(
          nil, k: k, query: exact, code: code, context: &context, statistics: &statistics)
      }
      return content.list(among).withUnsafeBufferPointer {
        content.scan(
          $0, k: k, query: exact, code: code, context: &context, statistics: &statistics)
      }
    }
  }

  public func searchBatch(
    _ queries: [Float], k: Int, ef: Int?, among: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [[Neighbour]] {
    try content.withQueries(queries, k: k) { queries in
      statistics.plan = .scan
      guard let among else {
        return content.scan(nil, k: k, queries, Array(queries.all), statistics: &statistics)
      }
      return content.list(among).withUnsafeBufferPointer {
        content.scan($0, k: k, queries, Array(queries.all), statistics: &statistics)
      }
    }
  }
}
