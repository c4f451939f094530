import Dispatch
import Foundation
import Testing

@testable import EngramIndex

/// Deleted rows are taken out of the graph, and their numbers and memory given to other vectors.
@Suite struct ReuseTests {
  static let dimension = 32

  /// An index of 3,000 rows, and 1,000 vectors more.
  static func index(
    _ stream: UInt64
  ) throws -> (HNSWIndex, PinnedVectors, Vectors, queries: Vectors) {
    let (vectors, queries) = clustered(4_000, dimension, queries: 40, stream: stream)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: dimension, metric: .cosine)
    try index.append(at: Array(pinned.addresses[..<3_000]))
    try index.link(threads: 2)
    return (index, pinned, vectors, queries)
  }

  /// Ten rounds that replace a fifth: no more rows than at the beginning, and searches find what an
  /// index built afresh finds, for less than a tenth more distances.
  @Test(arguments: Metric.allCases) func churn(metric: Metric) throws {
    var random = Generator(501)
    let clusters = Clusters(dimension: Self.dimension, using: &random)
    let (rows, rounds) = (3_000, 10)
    let vectors = clusters.vectors(rows + rounds * rows / 5, using: &random)
    let queries = clusters.vectors(100, using: &random)
    let index = try HNSWIndex.build(
      vectors.first(rows).flat, dimension: Self.dimension, metric: metric, threads: 2)
    var sources = Array(0..<rows)
    var next = rows
    for _ in 0..<rounds {
      let live = (0..<index.rowCount).filter(index.isLive)
      let leaving = live.shuffled(using: &random).prefix(rows / 5)
      for row in leaving { try index.delete(row) }
      for _ in leaving {
        let row = try index.insert(vectors[next])
        if row == sources.count { sources.append(next) } else { sources[row] = next }
        next += 1
      }
      #expect(index.integrityProblems() == [])
    }
    #expect(index.count == rows)
    // The first vectors of a round come before anything has been taken out.
    #expect(index.rowCount <= rows + 1)
    let live = (0..<index.rowCount).filter(index.isLive)
    let fresh = try HNSWIndex.build(
      live.flatMap { vectors[sources[$0]] }, dimension: Self.dimension, metric: metric, threads: 2)
    var (old, new) = (SearchStatistics(), SearchStatistics())
    var (recallOfOld, recallOfNew) = (0.0, 0.0)
    for query in 0..<queries.count {
      let truth = Truth(queries[query], vectors, metric)
      let isThere = { [there = Set(live.map { sources[$0] })] in there.contains($0) }
      let found = try index.search(queries[query], k: 10, ef: 48, among: nil, statistics: &old)
        .map { Neighbour(row: sources[$0.row], score: $0.score) }
      #expect(truth.fault(in: found, k: 10, where: isThere) == nil)
      recallOfOld += truth.recall(found, k: 10, where: isThere) / Double(queries.count)
      let fromFresh = try fresh.search(
        queries[query], k: 10, ef: 48, among: nil, statistics: &new
      ).map { Neighbour(row: sources[live[$0.row]], score: $0.score) }
      recallOfNew += truth.recall(fromFresh, k: 10, where: isThere) / Double(queries.count)
    }
    #expect(recallOfOld > recallOfNew - 0.005, note("\(recallOfOld), afresh \(recallOfNew)"))
    #expect(Double(old.distances) < 1.1 * Double(new.distances), note("\(old), afresh \(new)"))
  }

  /// While somebody reads, the numbers of rows that he may have seen are given to nobody.
  @Test func readersKeepRows() throws {
    let (index, pinned, vectors, _) = try Self.index(502)
    let gone = Array(stride(from: 0, to: 3_000, by: 3))
    try index.reading { () throws(IndexError) in
      for row in gone { try index.delete(row) }
      index.removeDead(threads: 2)
      #expect(index.buriedCount == 0 && index.count == 2_000)
      for source in 3_000..<3_050 {
        let row = try index.append(at: pinned.addresses[source])
        #expect(row >= 3_000)
      }
    }
    for source in 3_050..<3_100 {
      let row = try index.append(at: pinned.addresses[source])
      #expect(gone.contains(row))
      #expect(try index.vector(row) == vectors[source])
      #expect(try index.search(vectors[source], k: 1).first?.row == row, "it is scanned")
    }
    #expect(index.tailCount == 100)
    try index.link(threads: 1)
    #expect(index.tailCount == 0)
    #expect(index.integrityProblems() == [])
    withExtendedLifetime(pinned) {}
  }

  /// What is dead, out of use, and given again but not linked is so in a snapshot, too.
  @Test func snapshotsKnowTheStates() throws {
    let (index, pinned, vectors, queries) = try Self.index(503)
    for row in 0..<600 { try index.delete(row) }
    index.removeDead()
    for row in 600..<640 { try index.delete(row) }
    var sources = Array(0..<3_000)
    for source in 3_000..<3_400 {
      let row = try index.append(at: pinned.addresses[source])
      sources[row] = source
      if source < 3_200 { try index.link(threads: 1) }
    }
    try index.delete(try #require(sources.firstIndex(of: 3_399)))
    #expect(index.rowCount == 3_000 && index.tailCount == 200)
    let addresses = PinnedVectors(
      Vectors(dimension: Self.dimension, flat: sources.flatMap { vectors[$0] }))
    let restored = try SnapshotBytes(index).restored(
      dimension: Self.dimension, .cosine, addresses)
    #expect(restored.count == index.count && restored.tailCount == 199)
    #expect(restored.buriedCount == index.buriedCount)
    #expect(restored.integrityProblems() == [])
    for query in 0..<queries.count {
      #expect(
        try restored.search(queries[query], k: 10) == index.search(queries[query], k: 10))
    }
    try restored.link(threads: 1)
    #expect(restored.tailCount == 0 && restored.integrityProblems() == [])
    // Rows that were out of use are given again.
    #expect(try restored.append(at: pinned.addresses[3_400]) < 3_000)
    withExtendedLifetime((pinned, addresses)) {}
  }

  /// While rows are saved no row changes.
  @Test func savedRowsStayAsTheyAre() throws {
    let (index, pinned, _, _) = try Self.index(504)
    for row in 0..<600 { try index.delete(row) }
    index.removeDead()
    try index.withQuietGraph { () throws(IndexError) in
      let row = try index.append(at: pinned.addresses[3_000])
      #expect(row == 3_000)
    }
    #expect(try index.append(at: pinned.addresses[3_001]) < 600)
    withExtendedLifetime(pinned) {}
  }

  /// All rows dead, and on from there.
  @Test func emptiedByTakingOut() throws {
    let (index, pinned, vectors, queries) = try Self.index(505)
    for row in 0..<3_000 { try index.delete(row) }
    index.removeDead(threads: 2)
    #expect(index.count == 0 && index.buriedCount == 0)
    #expect(try index.search(queries[0], k: 10).isEmpty)
    for source in 0..<2_500 { try index.append(at: pinned.addresses[source]) }
    #expect(index.rowCount == 3_000)
    try index.link(threads: 2)
    #expect(index.integrityProblems() == [])
    let found = try (0..<100).count { source in
      let row = try #require(try index.search(vectors[source], k: 1).first?.row)
      return try index.vector(row) == vectors[source]
    }
    #expect(found >= 99)
    withExtendedLifetime(pinned) {}
  }

  /// Rows that die while they are pending are never linked, and given again.
  @Test(arguments: [200, 700]) func deathWhilePending(arriving: Int) throws {
    let (index, pinned, vectors, queries) = try Self.index(506)
    for row in 0..<800 { try index.delete(row) }
    index.removeDead()
    let rows = try (3_000..<3_000 + arriving).map { try index.append(at: pinned.addresses[$0]) }
    let gone = rows.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
    for row in gone { try index.delete(row) }
    #expect(index.count == 2_200 + arriving - gone.count)
    func check(_ when: String) throws {
      #expect(index.integrityProblems() == [], note(when))
      for query in 0..<queries.count {
        let found = try index.search(queries[query], k: 10)
        #expect(found.count == 10 && found.allSatisfy { index.isLive($0.row) }, note(when))
        let all = Array(0..<queries.count).flatMap { queries[$0] }
        let batch = try index.searchBatch(all, k: 10)
        #expect(batch[query] == found, note(when))
      }
    }
    try check("pending")
    try index.link(threads: 2)
    #expect(index.tailCount == 0 && index.buriedCount == 0)
    try check("linked")
    // The numbers of the dead are free again.
    let later = try (0..<gone.count).map { try index.append(at: pinned.addresses[$0]) }
    #expect(later.allSatisfy { $0 < 3_000 } && index.rowCount == 3_000)
    try index.link(threads: 2)
    try check("given again")
    let source = 3_001
    #expect(try index.vector(rows[1]) == vectors[source])
    withExtendedLifetime(pinned) {}
  }

  /// A few rows are no graph to build upon in large batches, whatever the number of those out of use.
  @Test func nearlyEmptied() throws {
    let (index, pinned, vectors, _) = try Self.index(507)
    for row in 20..<3_000 { try index.delete(row) }
    index.removeDead(threads: 2)
    for source in 20..<3_000 { try index.append(at: pinned.addresses[source]) }
    #expect(index.rowCount == 3_000)
    try index.link(threads: 2)
    #expect(index.integrityProblems() == [])
    let found = try (0..<300).count { source in
      let row = try #require(
        try index.search(vectors[10 * source], k: 1, ef: 10).first?.row)
      return try index.vector(row) == vectors[10 * source]
    }
    #expect(found >= 297)
    withExtendedLifetime(pinned) {}
  }

  /// Rows that are pending are none of the neighbours that a calibration looks for.
  @Test func calibrationWhileRowsArrive() throws {
    let (index, pinned, _, _) = try Self.index(508)
    index.calibrate(threads: 2)
    let before = try #require(index.calibration)
    for row in 0..<400 { try index.delete(row) }
    index.removeDead()
    for source in 3_000..<3_400 { try index.append(at: pinned.addresses[source]) }
    #expect(index.tailCount == 400)
    index.calibrate(threads: 2)
    let after = try #require(index.calibration)
    #expect(after.rows == 2_600 && before.rows == 3_000)
    let reached = { (calibration: Calibration) in calibration.settings.last?.recall ?? 0 }
    #expect(reached(after) > reached(before) - 0.005)
    withExtendedLifetime(pinned) {}
  }
}
