import EngramIndex
import Foundation
import Testing

/// The same vectors in the same order make the same bytes, whoever computes them.
@Suite struct DeterminismTests {
  static let data = clustered(2_600, 40, queries: 1, stream: 80)

  static func built(_ metric: Metric, threads: Int) throws -> HNSWIndex {
    try HNSWIndex.build(data.vectors.flat, dimension: 40, metric: metric, threads: threads)
  }

  static func insertedOneByOne(_ metric: Metric, rows: Int) throws -> HNSWIndex {
    let index = try HNSWIndex(dimension: 40, metric: metric)
    for row in 0..<rows { try index.insert(data.vectors[row]) }
    return index
  }

  @Test(arguments: Metric.allCases) func anyNumberOfThreads(metric: Metric) throws {
    let one = SnapshotBytes(try Self.built(metric, threads: 1))
    #expect(one.rows == 2_600 && one.linked == 2_600)
    #expect(one.baseLinks.count == 2_600 * 32 * 4 && !one.upperLinks.isEmpty)
    for threads in [2, 3, 8, 1] {
      #expect(SnapshotBytes(try Self.built(metric, threads: threads)) == one, note("\(threads)"))
    }
  }

  @Test(arguments: Metric.allCases) func oneByOneTwice(metric: Metric) throws {
    let once = SnapshotBytes(try Self.insertedOneByOne(metric, rows: 900))
    #expect(SnapshotBytes(try Self.insertedOneByOne(metric, rows: 900)) == once)
  }

  /// What a row is encoded to depends on its vector alone: not on its place, nor on the others,
  /// nor on how it came. Only the component that lengthens a vector among inner products depends on
  /// the longest before it.
  @Test(arguments: Metric.allCases, [1, 7, 8, 40, 64, 100])
  func codesDependOnTheVectorAlone(metric: Metric, dimension: Int) throws {
    let (vectors, _) = clustered(700, dimension, queries: 1, stream: 81)
    var random = Generator(82)
    let order = (0..<700).shuffled(using: &random)
    let built = SnapshotBytes(
      try HNSWIndex.build(vectors.flat, dimension: dimension, metric: metric, threads: 3))
    let index = try HNSWIndex(dimension: dimension, metric: metric)
    for row in order { try index.insert(vectors[row]) }
    let inserted = SnapshotBytes(index)
    let parts =
      metric == .innerProduct
      ? [\SnapshotBytes.codes, \.bounds] : [\SnapshotBytes.codes, \.factors, \.bounds]
    for part in parts {
      let (a, b) = (built[keyPath: part], inserted[keyPath: part])
      let size = a.count / 700
      try #require(a.count == b.count && a.count == size * 700)
      let same = order.enumerated().allSatisfy { place, row in
        a[row * size..<(row + 1) * size].elementsEqual(b[place * size..<(place + 1) * size])
      }
      #expect(same, note("part of \(size) bytes a row"))
    }
  }

  /// Bytes of all metrics, built and inserted, and the exact cost of fixed searches: a line that
  /// every kernel variant must print alike.
  static func fingerprint() throws -> String {
    var parts: [String] = []
    for metric in Metric.allCases {
      for index in [
        try built(metric, threads: 2), try insertedOneByOne(metric, rows: 600),
      ] {
        parts.append(String(SnapshotBytes(index).checksum, radix: 16))
      }
    }
    return parts.joined(separator: " ") + " \(try cost())"
  }

  /// What 50 searches of 5,000 vectors cost in all.
  static func cost() throws -> SearchStatistics {
    let (vectors, queries) = clustered(5_000, 64, queries: 50, stream: 83)
    let index = try HNSWIndex.build(vectors.flat, dimension: 64, metric: .cosine, threads: 2)
    var total = SearchStatistics()
    for query in 0..<queries.count {
      _ = try index.search(queries[query], k: 10, ef: 64, among: nil, statistics: &total)
    }
    return total
  }

  /// The variant is chosen once in a process, so each gets one of its own.
  @Test(arguments: Kernels.available) func anyKernels(variant: String) async throws {
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { [variant] in
      setenv("ENGRAM_KERNELS", variant, 1)
      print("\nfingerprint", Kernels.name, try DeterminismTests.fingerprint())
      fflush(nil)
    }
    let output = String(decoding: result.standardOutputContent, as: UTF8.self)
    let line = output.split(separator: "\n").first { $0.hasPrefix("fingerprint ") }
    let expected = try Self.fingerprint()
    #expect(line ?? "" == "fingerprint \(variant) \(expected)", note(variant))
  }

  /// A search is counted as what it does.
  @Test func statisticsAddUp() throws {
    let (vectors, queries) = clustered(3_000, 64, queries: 20, stream: 84)
    let index = try HNSWIndex.build(vectors.flat, dimension: 64, metric: .cosine, threads: 2)
    var total = SearchStatistics()
    var sum = SearchStatistics()
    for query in 0..<queries.count {
      var one = SearchStatistics()
      _ = try index.search(queries[query], k: 10, ef: 32, among: nil, statistics: &one)
      _ = try index.search(queries[query], k: 10, ef: 32, among: nil, statistics: &total)
      sum += one
      #expect(one.distances >= 32 && one.distances <= 3_100)
      #expect(one.hops >= 32 && one.reranked >= 10 && one.reranked <= 3_000)
      #expect(one.bytes >= one.distances * 64 + one.reranked * 256)
    }
    #expect(sum == total)
  }
}
