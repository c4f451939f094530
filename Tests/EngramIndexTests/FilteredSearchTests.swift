import EngramIndex
import Testing

/// Searches among some rows, and with deleted ones.
@Suite struct FilteredSearchTests {
  /// How the rows that pass lie to the query.
  enum Lie: String, CaseIterable, Sendable { case random, near, far }

  static let rows = 6_000
  static let dimension = 48
  static let data = clustered(rows, dimension, queries: 30, stream: 30)
  static let indexes = Dictionary(
    uniqueKeysWithValues: Metric.allCases.map { metric in
      (
        metric,
        try? HNSWIndex.build(data.vectors.flat, dimension: dimension, metric: metric, threads: 2)
      )
    })

  private static let pinned = PinnedVectors(data.vectors)

  /// An index of the same vectors to delete from; a snapshot is quicker than a build.
  static func copy(_ metric: Metric) throws -> HNSWIndex {
    let index = try #require(indexes[metric] ?? nil)
    return try SnapshotBytes(index).restored(dimension: dimension, metric, pinned)
  }

  static func choose(
    _ count: Int, _ lie: Lie, _ truth: Truth, _ random: inout Generator
  ) -> [Int] {
    switch lie {
    case .random: Array((0..<rows).shuffled(using: &random).prefix(count))
    case .near: Array((0..<rows).sorted { truth.distances[$0] < truth.distances[$1] }.prefix(count))
    case .far: Array((0..<rows).sorted { truth.distances[$0] > truth.distances[$1] }.prefix(count))
    }
  }

  @Test(arguments: Metric.allCases, Lie.allCases)
  func among(metric: Metric, lie: Lie) throws {
    let index = try #require(Self.indexes[metric] ?? nil)
    var random = Generator(31)
    for count in [0, 1, 60, 600, 3_000, 4_500, 5_900, 6_000] {
      var check = RecallCheck()
      for query in 0..<Self.data.queries.count {
        let query = Self.data.queries[query]
        let truth = Truth(query, Self.data.vectors, metric)
        let chosen = RowSet(Self.choose(count, lie, truth, &random))
        check.add(
          try index.search(query, k: 10, ef: 64, among: chosen), truth, k: 10,
          where: chosen.contains)
      }
      #expect(check.fault == nil, note("\(count) rows"))
      #expect(check.short == 0, note("\(count) rows"))
      #expect(check.recall >= (lie == .far ? 0.9 : 0.95), note("\(count) rows"))
    }
  }

  /// Rows that the index does not have are not there, however many are named.
  @Test(arguments: Metric.allCases) func amongRowsThatAreNotThere(metric: Metric) throws {
    let index = try #require(Self.indexes[metric] ?? nil)
    for named in [Self.rows + 1, 20_000, 400_000] {
      let everything = RowSet(0..<named)
      let nothing = RowSet(Self.rows..<Self.rows + named)
      var check = RecallCheck()
      for query in 0..<Self.data.queries.count {
        let query = Self.data.queries[query]
        check.add(
          try index.search(query, k: 10, ef: 64, among: everything),
          Truth(query, Self.data.vectors, metric), k: 10)
        #expect(try index.search(query, k: 10, among: nothing).isEmpty)
      }
      #expect(check.fault == nil, note("\(named) named"))
      #expect(check.recall >= 0.95, note("\(named) named"))
    }
  }

  /// The package's list search is exact whatever the list.
  @Test(arguments: Metric.allCases) func amongAList(metric: Metric) throws {
    let index = try #require(Self.indexes[metric] ?? nil)
    var random = Generator(32)
    for count in [0, 1, 255, 257, 3_000] {
      let query = Self.data.queries[random.below(Self.data.queries.count)]
      let truth = Truth(query, Self.data.vectors, metric)
      let chosen = Self.choose(count, .random, truth, &random)
      var statistics = SearchStatistics()
      let results = try chosen.map(UInt32.init).withUnsafeBufferPointer {
        try index.search(query, k: 10, amongRows: $0, statistics: &statistics)
      }
      let set = Set(chosen)
      #expect(truth.faultOfExact(results, k: 10, where: set.contains) == nil, note("\(count)"))
      #expect(statistics.distances == count)
    }
  }

  /// Deleted rows never come back and do not stand before the others.
  @Test(arguments: Metric.allCases, [0.1, 0.5, 0.9, 0.99, 0.999])
  func afterRandomDeletes(metric: Metric, share: Double) throws {
    let index = try Self.copy(metric)
    var random = Generator(33)
    let deleted = Set(
      (0..<Self.rows).shuffled(using: &random).prefix(Int(share * Double(Self.rows))))
    for row in deleted { try index.delete(row) }
    #expect(index.count == Self.rows - deleted.count)
    #expect(index.integrityProblems() == [])
    let half = RowSet((0..<Self.rows).filter { $0 % 4 != 0 })
    var (all, some) = (RecallCheck(), RecallCheck())
    for query in 0..<Self.data.queries.count {
      let query = Self.data.queries[query]
      let truth = Truth(query, Self.data.vectors, metric)
      all.add(try index.search(query, k: 10, ef: 64), truth, k: 10) { !deleted.contains($0) }
      some.add(try index.search(query, k: 10, ef: 64, among: half), truth, k: 10) {
        !deleted.contains($0) && half.contains($0)
      }
    }
    for check in [all, some] {
      #expect(check.fault == nil)
      #expect(check.short == 0, note("\(share) deleted"))
      #expect(check.recall >= 0.95, note("\(share) deleted"))
    }
  }

  /// A whole region is deleted, and the query lies in the middle of it.
  @Test(arguments: Metric.allCases, [100, 1_000, 3_000, 5_000])
  func afterDeletingTheNearest(metric: Metric, count: Int) throws {
    let query = Self.data.queries[0]
    let index = try Self.copy(metric)
    var random = Generator(34)
    let truth = Truth(query, Self.data.vectors, metric)
    let deleted = Set(Self.choose(count, .near, truth, &random))
    for row in deleted { try index.delete(row) }
    let live = { !deleted.contains($0) }
    let results = try index.search(query, k: 10, ef: 64)
    #expect(truth.fault(in: results, k: 10, where: live) == nil)
    #expect(results.count == 10, note("\(count) deleted"))
    #expect(truth.recall(results, k: 10, where: live) >= 0.7, note("\(count) deleted"))
  }
}
