import EngramIndex
import Testing

/// Memories repeat: rows with the same vector must all be found.
@Suite struct EqualRowsTests {
  /// One vector many times among others: as its results are deleted, the next come.
  @Test(arguments: Metric.allCases, [20, 200, 800])
  func allOfThemAreFound(metric: Metric, copies: Int) throws {
    var (vectors, _) = clustered(3_000, 32, queries: 1, stream: 20)
    var random = Generator(21)
    let length = vectors[0].reduce(0) { $0 + $1 * $1 }.squareRoot()
    // Longer than the others, so that by inner product it is its own nearest, too.
    let repeated = vectors[0].map { $0 / length * 12 }
    let rows = Set((0..<vectors.count).shuffled(using: &random).prefix(copies))
    for row in rows { vectors[row] = repeated }
    let index = try HNSWIndex.build(vectors.flat, dimension: 32, metric: metric, threads: 2)
    #expect(index.integrityProblems() == [], note("\(copies) copies"))

    var found: Set<Int> = []
    while found.count < copies {
      let results = try index.search(repeated, k: 50, ef: 64).map(\.row).filter(rows.contains)
      for row in results {
        try index.delete(row)
        found.insert(row)
      }
      if results.isEmpty { break }
    }
    #expect(found.count >= copies * 99 / 100, note("of \(copies) copies"))
  }

  /// Nothing but one vector.
  @Test(arguments: Metric.allCases) func allRowsAreEqual(metric: Metric) throws {
    var random = Generator(22)
    let vector = random.normals(16)
    let vectors = Vectors(dimension: 16, flat: (0..<2_500).flatMap { _ in vector })
    let index = try HNSWIndex.build(vectors.flat, dimension: 16, metric: metric, threads: 2)
    let truth = Truth(vector, vectors, metric)
    for k in [1, 10, 500] {
      let results = try index.search(vector, k: k)
      #expect(truth.fault(in: results, k: k) == nil)
      #expect(results.count == k, note("k \(k)"))
    }
  }
}
