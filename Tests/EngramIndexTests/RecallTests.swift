import EngramIndex
import Testing

@Suite struct RecallTests {
  /// Mean recall@k over the queries.
  static func measure(
    _ index: HNSWIndex, _ vectors: Vectors, _ queries: Vectors, k: Int, ef: Int
  ) throws -> RecallCheck {
    var check = RecallCheck()
    for query in 0..<queries.count {
      let query = queries[query]
      check.add(
        try index.search(query, k: k, ef: ef), Truth(query, vectors, index.metric), k: k)
    }
    return check
  }

  /// Results are sound at every width, recall rises with it, and is high where it is asked for.
  @Test(arguments: Metric.allCases, [32, 64, 128])
  func risesWithWidth(metric: Metric, dimension: Int) throws {
    let (vectors, queries) = clustered(
      5_000, dimension, queries: 100, stream: UInt64(dimension))
    let index = try HNSWIndex.build(
      vectors.flat, dimension: dimension, metric: metric, threads: 2)
    #expect(index.integrityProblems() == [])
    var last = 0.0
    for (ef, least) in [(10, 0.7), (32, 0.9), (64, 0.97), (200, 0.99), (1_000, 0.995)] {
      let check = try Self.measure(index, vectors, queries, k: 10, ef: ef)
      #expect(check.fault == nil, note("ef \(ef)"))
      #expect(check.short == 0, note("ef \(ef)"))
      #expect(check.recall >= least, note("ef \(ef)"))
      #expect(check.recall >= last - 0.005, note("ef \(ef) after \(last)"))
      last = check.recall
    }
  }

  /// k up to all rows, beyond ef and beyond the rows.
  @Test(arguments: Metric.allCases) func manyResults(metric: Metric) throws {
    let (vectors, queries) = clustered(3_000, 24, queries: 5, stream: 11)
    let index = try HNSWIndex.build(vectors.flat, dimension: 24, metric: metric, threads: 2)
    for (k, least) in [(1, 0.8), (100, 0.97), (1_000, 0.99), (3_000, 0.999), (10_000, 0.999)] {
      let check = try Self.measure(index, vectors, queries, k: k, ef: 64)
      #expect(check.fault == nil, note("k \(k)"))
      #expect(check.recall >= least, note("k \(k)"))
    }
  }

  /// Up to 2,000 rows an index is exact.
  @Test(arguments: Metric.allCases, [1, 2, 3, 17, 64, 257])
  func smallIndexesAreExact(metric: Metric, dimension: Int) throws {
    for rows in [1, 2, 255, 256, 257, 1_999] {
      let (vectors, queries) = clustered(
        rows, dimension, queries: 3, stream: UInt64(rows << 10 | dimension))
      let index = try HNSWIndex.build(
        vectors.flat, dimension: dimension, metric: metric, threads: 2)
      for query in 0..<queries.count {
        let query = queries[query]
        let fault = Truth(query, vectors, metric).faultOfExact(
          try index.search(query, k: 10, ef: 1), k: 10)
        #expect(fault == nil, note("\(rows) rows"))
      }
    }
  }

  /// An index that was filled one by one is as good as one that was built at once.
  @Test(arguments: Metric.allCases) func insertedOneByOne(metric: Metric) throws {
    let (vectors, queries) = clustered(3_000, 40, queries: 100, stream: 12)
    let index = try HNSWIndex(dimension: 40, metric: metric)
    for row in 0..<vectors.count { #expect(try index.insert(vectors[row]) == row) }
    #expect(index.integrityProblems() == [])
    #expect(index.tailCount == 0)
    let check = try Self.measure(index, vectors, queries, k: 10, ef: 64)
    #expect(check.fault == nil)
    #expect(check.recall >= 0.97, note("one by one"))
  }

  /// Few links, narrow construction, another seed.
  @Test(arguments: [(4, 32, 0.8), (8, 64, 0.9), (32, 100, 0.97), (128, 40, 0.97)])
  func otherParameters(maxConnections: Int, efConstruction: Int, least: Double) throws {
    let (vectors, queries) = clustered(3_000, 32, queries: 100, stream: 13)
    let parameters = HNSWParameters(
      maxConnections: maxConnections, efConstruction: efConstruction, seed: Seed.value)
    let index = try HNSWIndex.build(
      vectors.flat, dimension: 32, metric: .cosine, parameters: parameters, threads: 2)
    #expect(index.integrityProblems() == [])
    let check = try Self.measure(index, vectors, queries, k: 10, ef: 64)
    #expect(check.fault == nil)
    #expect(check.recall >= least, note("M \(maxConnections)"))
  }

  /// Norms over two orders of magnitude: long vectors win every inner product.
  @Test(arguments: Metric.allCases) func normsApart(metric: Metric) throws {
    var (vectors, queries) = clustered(4_000, 48, queries: 100, stream: 14)
    var random = Generator(15)
    for row in 0..<vectors.count {
      let factor = Float.random(in: 0.1...10, using: &random)
      vectors[row] = vectors[row].map { factor * $0 }
    }
    let index = try HNSWIndex.build(vectors.flat, dimension: 48, metric: metric, threads: 2)
    #expect(index.integrityProblems() == [], note("norms apart"))
    let check = try Self.measure(index, vectors, queries, k: 10, ef: 100)
    #expect(check.fault == nil)
    #expect(check.recall >= 0.95, note("norms apart"))
  }

  /// A cloud beside the origin, as of images or of models that share a direction.
  @Test(arguments: Metric.allCases) func besideTheOrigin(metric: Metric) throws {
    var (vectors, queries) = clustered(4_000, 48, queries: 100, stream: 16)
    vectors.flat = vectors.flat.map { $0 + 3 }
    queries.flat = queries.flat.map { $0 + 3 }
    let index = try HNSWIndex.build(vectors.flat, dimension: 48, metric: metric, threads: 2)
    let check = try Self.measure(index, vectors, queries, k: 10, ef: 100)
    #expect(check.fault == nil)
    #expect(check.recall >= 0.95, note("beside the origin"))
  }
}
