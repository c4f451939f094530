import EngramIndex
import Testing

/// Many queries at once find what each finds alone, at the same cost in counts.
@Suite struct BatchSearchTests {
  /// None, fewer than take turns at walks and scans, as many, and more.
  static let counts = [0, 1, 2, 3, 32, 71]

  static func compare(
    _ index: any VectorIndex, _ queries: Vectors, k: Int, ef: Int? = nil, among: RowSet? = nil,
    _ what: String
  ) throws {
    for count in counts {
      var alone = SearchStatistics()
      let expected = try (0..<count).map {
        try index.search(queries[$0], k: k, ef: ef, among: among, statistics: &alone)
      }
      var together = SearchStatistics()
      let found = try index.searchBatch(
        queries.first(count).flat, k: k, ef: ef, among: among, statistics: &together)
      #expect(found == expected, note("\(what), \(count) queries, k \(k)"))
      (alone.plan, together.plan) = (nil, nil)
      #expect(alone == together, note("\(what), \(count) queries, k \(k)"))
    }
  }

  @Test(arguments: Metric.allCases, [1, 33, 384, 1_536])
  func scans(metric: Metric, dimension: Int) throws {
    let (vectors, queries) = clustered(700, dimension, queries: 71, stream: 90)
    let exact = try ExactIndex(dimension: dimension, metric: metric)
    try exact.insert(rows: vectors.flat)
    let small = try HNSWIndex.build(
      vectors.flat, dimension: dimension, metric: metric, threads: 1)
    for index in [exact, small] as [any VectorIndex] {
      for k in [1, 10, 800] { try Self.compare(index, queries, k: k, "\(type(of: index))") }
      for row in stride(from: 0, to: 700, by: 3) { try index.delete(row) }
      try Self.compare(index, queries, k: 10, "\(type(of: index)), deleted")
      for among in [RowSet(0..<0), RowSet(5..<400), RowSet(650..<900)] {
        try Self.compare(index, queries, k: 10, among: among, "\(type(of: index)), among")
      }
    }
  }

  @Test(arguments: Metric.allCases) func walks(metric: Metric) throws {
    let dimension = 48
    let (vectors, queries) = clustered(6_000, dimension, queries: 71, stream: 91)
    let index = try HNSWIndex.build(
      vectors.flat, dimension: dimension, metric: metric, threads: 2)
    for (k, ef) in [(1, 8), (10, nil), (10, 200), (300, 64)] as [(Int, Int?)] {
      try Self.compare(index, queries, k: k, ef: ef, "walk")
    }
    // Far from some queries and near to others: some of them walk in vain and scan.
    let far = Truth(queries[0], vectors, metric).distances.enumerated()
      .sorted { $0.element > $1.element }.map(\.offset)
    for count in [30, 3_600, 4_500] {
      try Self.compare(index, queries, k: 10, among: RowSet(far.prefix(count)), "among \(count)")
    }
    for row in stride(from: 0, to: 6_000, by: 5) { try index.delete(row) }
    try Self.compare(index, queries, k: 10, "walk, deleted")
    #expect(
      try index.searchBatch(queries.flat, k: 10)
        == Self.byRecall(index, queries, HNSWIndex.defaultRecall))
    #expect(
      try (0..<71).map { try index.search(queries[$0], k: 10, ef: 6_000) }
        == Self.byRecall(index, queries, 1))
  }

  private static func byRecall(
    _ index: HNSWIndex, _ queries: Vectors, _ recall: Double
  ) throws -> [[Neighbour]] {
    var statistics = SearchStatistics()
    return try index.searchBatch(queries.flat, k: 10, recall: recall, statistics: &statistics)
  }

  /// Rows that the graph does not hold yet, beside it and alone.
  @Test(arguments: Metric.allCases) func tails(metric: Metric) throws {
    let dimension = 24
    let (vectors, queries) = clustered(4_000, dimension, queries: 71, stream: 92)
    let pinned = PinnedVectors(vectors)
    for linked in [0, 3_000] {
      let index = try HNSWIndex(dimension: dimension, metric: metric)
      try index.append(at: Array(pinned.addresses.prefix(linked)))
      try index.link(threads: 2)
      try index.append(at: Array(pinned.addresses.dropFirst(linked)))
      try Self.compare(index, queries, k: 10, "\(linked) linked")
      try Self.compare(index, queries, k: 10, among: RowSet(0..<3_500), "\(linked) linked, among")
    }
  }

  /// A fault in the last query is found before the first is searched for.
  @Test(arguments: Metric.allCases) func badInput(metric: Metric) throws {
    let dimension = BadInputTests.dimension
    let good = [Float](repeating: 1, count: 2 * dimension)
    for index in try BadInputTests.indexes(metric) {
      let before = try BadInputTests.View(index)
      var statistics = SearchStatistics()
      func refuses(
        _ queries: [Float], k: Int = 5, ef: Int? = nil, _ error: IndexError
      ) {
        #expect(throws: error) {
          try index.searchBatch(queries, k: k, ef: ef, among: nil, statistics: &statistics)
        }
      }
      for (vector, error) in BadInputTests.refusedVectors(metric) {
        switch error {
        case .dimensionMismatch:
          guard vector.count % dimension != 0 else { continue }
          let queries = good + vector
          refuses(queries, .dimensionMismatch(expected: dimension, got: queries.count))
        case .notFinite(let position):
          refuses(good + vector, .notFinite(position: good.count + position))
        default: refuses(good + vector, error)
        }
      }
      for k in [0, -1, 10_001, Int.max, Int.min] {
        refuses(good, k: k, .kOutOfRange(k))
        refuses([], k: k, .kOutOfRange(k))
      }
      if let index = index as? HNSWIndex {
        for ef in [0, -1, 100_001] { refuses(good, ef: ef, .efOutOfRange(ef)) }
        for recall in [0, -1, 1.01, .infinity] {
          #expect(throws: IndexError.recallOutOfRange(recall)) {
            try index.searchBatch(good, k: 5, recall: recall, statistics: &statistics)
          }
        }
      }
      #expect(statistics == SearchStatistics())
      #expect(try BadInputTests.View(index) == before)
    }
  }
}
