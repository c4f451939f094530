import Testing

@testable import EngramIndex

@Suite struct CalibrationTests {
  /// The recall that is asked for is reached on queries that the calibration has not seen.
  @Test(arguments: Metric.allCases, [48, 384]) func holdsOnOtherQueries(
    metric: Metric, dimension: Int
  ) throws {
    let (vectors, queries) = clustered(12_000, dimension, queries: 1_000, stream: 301)
    let index = try HNSWIndex.build(
      vectors.flat, dimension: dimension, metric: metric, threads: 2)
    index.calibrate(threads: 2)
    for recall in [0.9, 0.95, 0.99] {
      var right = 0
      for query in 0..<queries.count {
        var statistics = SearchStatistics()
        let found = try index.search(
          queries[query], k: 10, recall: recall, statistics: &statistics)
        #expect(statistics.plan == .walk)
        let truth = try index.search(queries[query], k: 10, recall: 1, statistics: &statistics)
        #expect(statistics.plan == .scan)
        right += Set(found.map(\.row)).intersection(truth.map(\.row)).count
      }
      #expect(Double(right) / 10_000 >= recall - 0.005, note("\(recall)"))
    }
  }

  @Test func widthsRise() throws {
    let (vectors, _) = clustered(6_000, 64, queries: 1, stream: 302)
    let index = try HNSWIndex.build(vectors.flat, dimension: 64, metric: .cosine, threads: 2)
    #expect(index.calibration == nil)
    #expect(index.needsCalibration)
    index.calibrate(threads: 2)
    let calibration = try #require(index.calibration)
    #expect(calibration.rows == 6_000)
    #expect(!index.needsCalibration)
    #expect(calibration.settings.map(\.width) == calibration.settings.map(\.width).sorted())
    #expect(try #require(calibration.settings.last).recall >= 0.999)
    let widths = try [0.5, 0.9, 0.99, 0.999].map {
      try #require(try index.width(ef: nil, recall: $0, k: 10))
    }
    #expect(widths == widths.sorted())
    #expect(try #require(try index.width(ef: nil, recall: 0.9, k: 100)) >= 200)
    // It depends on rows and graph only.
    index.calibrate(threads: 1)
    #expect(index.calibration == calibration)
  }

  @Test func isRenewedWhenRowsCome() throws {
    let (vectors, _) = clustered(6_000, 32, queries: 1, stream: 303)
    let index = try HNSWIndex.build(
      vectors.first(3_000).flat, dimension: 32, metric: .cosine, threads: 2)
    index.calibrate()
    for row in 3_000..<4_500 { try index.insert(vectors[row]) }
    #expect(!index.needsCalibration)
    try index.insert(vectors[4_500])
    #expect(index.needsCalibration)
  }

  @Test func ofNothing() throws {
    let index = try HNSWIndex(dimension: 8, metric: .cosine)
    index.calibrate()
    #expect(index.calibration == nil && !index.needsCalibration)
    let (vectors, _) = clustered(2_500, 8, queries: 1, stream: 304)
    let emptied = try HNSWIndex.build(vectors.flat, dimension: 8, metric: .cosine, threads: 2)
    for row in 0..<2_500 { try emptied.delete(row) }
    emptied.calibrate()
    #expect(!emptied.needsCalibration)
    #expect(try emptied.search(vectors[0], k: 10) == [])
  }

  @Test(arguments: [0, -0.5, 1.001, .nan]) func refuses(recall: Double) throws {
    let (vectors, _) = clustered(10, 8, queries: 1, stream: 305)
    let index = try HNSWIndex.build(vectors.flat, dimension: 8, metric: .cosine, threads: 1)
    #expect(throws: IndexError.self) {
      var statistics = SearchStatistics()
      _ = try index.search(vectors[0], k: 1, recall: recall, statistics: &statistics)
    }
  }

  /// A snapshot keeps it.
  @Test func survivesASnapshot() throws {
    let (vectors, _) = clustered(3_000, 32, queries: 1, stream: 306)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: 32, metric: .cosine)
    try index.append(at: pinned.addresses)
    try index.link(threads: 2)
    index.calibrate()
    let restored = try SnapshotBytes(index).restored(dimension: 32, .cosine, pinned)
    #expect(restored.calibration == index.calibration)
    #expect(restored.calibration != nil)
  }
}
