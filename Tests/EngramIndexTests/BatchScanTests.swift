import EngramIndex
import Testing

/// The ground truth is the truth: kernels below `blasQueries` queries, BLAS from there on.
@Suite struct BatchScanTests {
  static let queryCounts = [1, BatchScan.blasQueries - 1, BatchScan.blasQueries, 300]

  @Test(arguments: Metric.allCases, queryCounts)
  func equalsTheNaiveSearch(metric: Metric, queryCount: Int) throws {
    for dimension in [1, 2, 3, 8, 33, 100, 384] {
      for shape in Shape.allCases where !(metric == .cosine && shape == .withZeros) {
        var random = Generator(UInt64(60 + queryCount << 16 | dimension << 8 | shape.rawValue))
        let vectors = shape.vectors(min(400, 20_000 / dimension), dimension, metric, &random)
        let queries = shape.vectors(queryCount, dimension, metric, &random)
        for k in [1, 10, vectors.count + 3] {
          let results = try BatchScan.nearest(
            queries.flat, among: vectors.flat, dimension: dimension, metric: metric, k: k)
          try #require(results.count == queryCount)
          for query in stride(from: 0, to: queryCount, by: max(1, queryCount / 9)) {
            let truth = Truth(queries[query], vectors, metric)
            let fault = truth.faultOfExact(results[query], k: k)
            #expect(fault == nil, note("\(shape), \(dimension) dimensions, k \(k)"))
          }
        }
      }
    }
  }

  /// More rows and queries than a block of either has.
  @Test(arguments: Metric.allCases) func manyBlocks(metric: Metric) throws {
    let (vectors, queries) = clustered(9_000, 16, queries: 600, stream: 61)
    var told: [Int] = []
    let results = try BatchScan.nearest(
      queries.flat, among: vectors.flat, dimension: 16, metric: metric, k: 10
    ) { told.append($0) }
    #expect(told.last == 600 && told == told.sorted())
    for query in stride(from: 0, to: 600, by: 37) {
      let fault = Truth(queries[query], vectors, metric).faultOfExact(results[query], k: 10)
      #expect(fault == nil, note("query \(query)"))
    }
  }

  /// Where products are exact, ties go to the lower row.
  @Test(arguments: [Metric.innerProduct, .squaredL2], queryCounts)
  func tiesGoToTheLowerRow(metric: Metric, queryCount: Int) throws {
    var random = Generator(62)
    let flat = (0..<2_000 * 8).map { _ in Float(random.below(3)) }
    let queries = (0..<queryCount * 8).map { _ in Float(random.below(3)) }
    let vectors = Vectors(dimension: 8, flat: flat)
    let results = try BatchScan.nearest(
      queries, among: flat, dimension: 8, metric: metric, k: 50)
    for query in 0..<queryCount {
      let truth = Truth(Array(queries[query * 8..<query * 8 + 8]), vectors, metric)
      let order = (0..<2_000).sorted {
        (truth.distances[$0], $0) < (truth.distances[$1], $1)
      }
      #expect(results[query].map(\.row) == Array(order.prefix(50)), note("query \(query)"))
    }
  }

  @Test(arguments: Metric.allCases) func nothingToSearch(metric: Metric) throws {
    let queries: [Float] = [1, 2, 3, 4]
    let none = try BatchScan.nearest(queries, among: [], dimension: 2, metric: metric, k: 3)
    #expect(none == [[], []])
    #expect(
      try BatchScan.nearest([], among: queries, dimension: 2, metric: metric, k: 3).isEmpty)
  }

  @Test func badInput() {
    #expect(throws: IndexError.dimensionOutOfRange(0)) {
      try BatchScan.nearest([1], among: [1], dimension: 0, metric: .cosine, k: 1)
    }
    #expect(throws: IndexError.kOutOfRange(0)) {
      try BatchScan.nearest([1], among: [1], dimension: 1, metric: .cosine, k: 0)
    }
    #expect(throws: IndexError.self) {
      try BatchScan.nearest([1, 2, 3], among: [1, 2], dimension: 2, metric: .cosine, k: 1)
    }
    #expect(throws: IndexError.self) {
      try BatchScan.nearest([1, 2], among: [1, 2, 3], dimension: 2, metric: .cosine, k: 1)
    }
  }
}
