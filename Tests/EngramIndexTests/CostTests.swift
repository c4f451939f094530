import Testing

@testable import EngramIndex

/// What fixed searches cost, to the last distance: an index that does more than it did, on any
/// processor, fails here without a clock. A change that costs less is written down here, too.
@Suite struct CostTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var dimension: Int
    var metric: Metric
    var rows = 4_000
    var distances, hops, reranked, bytes: Int
    /// Of 50 x 10 neighbours.
    var right: Int

    var testDescription: String { "\(rows) x \(dimension) \(metric)" }
  }

  /// Walk codes of four, two and one bits; then so many rows that several candidates steer the descent.
  @Test(arguments: [
    Case(
      dimension: 96, metric: .squaredL2, distances: 20_369, hops: 2_675, reranked: 592,
      bytes: 3_488_192, right: 500),
    Case(
      dimension: 384, metric: .cosine, distances: 22_117, hops: 2_702, reranked: 678,
      bytes: 5_142_528, right: 500),
    Case(
      dimension: 1_024, metric: .innerProduct, distances: 17_889, hops: 2_724, reranked: 623,
      bytes: 8_796_480, right: 499),
    Case(
      dimension: 24, metric: .squaredL2, rows: 200_000, distances: 49_348, hops: 3_784, reranked: 618,
      bytes: 3_789_824, right: 499),
  ])
  func exactly(expected: Case) throws {
    let (vectors, queries) = Self.data(expected.rows, dimension: expected.dimension)
    let index = try HNSWIndex.build(
      vectors.flat, dimension: expected.dimension, metric: expected.metric, threads: 2)
    var cost = SearchStatistics()
    var right = 0
    for query in 0..<queries.count {
      let found = try index.search(
        queries[query], k: 10, ef: 48, among: nil, statistics: &cost
      ).map(\.row)
      var ofTruth = SearchStatistics()
      let truth = try index.search(queries[query], k: 10, recall: 1, statistics: &ofTruth)
      right += Set(found).intersection(truth.map(\.row)).count
    }
    let seen = Case(
      dimension: expected.dimension, metric: expected.metric, rows: expected.rows,
      distances: cost.distances, hops: cost.hops, reranked: cost.reranked, bytes: cost.bytes, right: right)
    #expect("\(seen)" == "\(expected)")
  }

  /// Vectors and 50 queries in clusters, made by operations that all processors round alike.
  private static func data(_ rows: Int, dimension: Int) -> (vectors: Vectors, queries: Vectors) {
    var state: UInt64 = UInt64(dimension)
    func uniform() -> Float {
      state &+= 1
      return Float(Graph.hash(state, seed: 7) >> 40) / Float(1 << 24)
    }
    func normal() -> Float { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
    let inner = 12
    let mix = (0..<dimension * inner).map { _ in normal() }
    let clusters = rows / 100
    let centres = (0..<clusters).map { _ in (0..<inner).map { _ in normal() } }
    func vectors(_ count: Int) -> Vectors {
      var result = Vectors(dimension: dimension)
      for _ in 0..<count {
        let centre = centres[Int(uniform() * Float(clusters))]
        let inside = centre.map { $0 + 0.7 * normal() }
        result.append(
          (0..<dimension).map { i in
            (0..<inner).reduce(0.3 * normal()) { $0 + mix[i * inner + $1] * inside[$1] }
          })
      }
      return result
    }
    return (vectors(rows), vectors(50))
  }
}
