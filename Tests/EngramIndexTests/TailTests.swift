import EngramIndex
import Testing

/// Rows that the graph does not hold yet are found like all others.
@Suite struct TailTests {
  @Test(arguments: Metric.allCases, [(0, 4_000), (3_000, 1), (3_000, 60), (3_000, 2_000)])
  func theTailIsSearched(metric: Metric, sizes: (linked: Int, tail: Int)) throws {
    let total = sizes.linked + sizes.tail
    let (vectors, queries) = clustered(total, 32, queries: 40, stream: 40)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: 32, metric: metric)
    try index.append(at: Array(pinned.addresses.prefix(sizes.linked)))
    try index.link(threads: 2)
    try index.append(at: Array(pinned.addresses[sizes.linked...]))
    #expect(index.tailCount == sizes.tail)

    var random = Generator(41)
    var deleted: Set<Int> = []
    // More than a scan may have, and many, and few.
    let sets = [total * 9 / 10, total / 2, 20].map { count in
      RowSet((0..<total).shuffled(using: &random).prefix(count))
    }
    for _ in 0..<2 {
      var check = RecallCheck()
      for query in 0..<queries.count {
        let query = queries[query]
        let truth = Truth(query, vectors, metric)
        check.add(try index.search(query, k: 10, ef: 64), truth, k: 10) { !deleted.contains($0) }
        for set in sets {
          check.add(try index.search(query, k: 10, ef: 64, among: set), truth, k: 10) {
            set.contains($0) && !deleted.contains($0)
          }
        }
      }
      #expect(check.fault == nil, note("\(sizes)"))
      #expect(check.recall >= 0.97, note("\(sizes)"))
      for row in 0..<total where random.below(10) == 0 && deleted.insert(row).inserted {
        try index.delete(row)
      }
    }
    withExtendedLifetime(pinned) {}
  }

  /// A tail that is much longer than the graph, beside rows that were given again: a search marks both.
  @Test func aLongTailBesideRowsGivenAgain() throws {
    let (linked, again, tail) = (3_000, 100, 60_000)
    let (vectors, _) = clustered(linked + again + tail, 16, queries: 1, stream: 44)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: 16, metric: .squaredL2)
    try index.append(at: Array(pinned.addresses.prefix(linked)))
    try index.link(threads: 2)
    for row in 0..<again { try index.delete(row) }
    index.removeDead(threads: 2)
    try index.append(at: Array(pinned.addresses[linked...]))
    #expect(index.rowCount == linked + tail && index.tailCount == again + tail)
    for place in stride(from: linked, to: linked + again + tail, by: 500) {
      let row = place < linked + again ? place - linked : place - again
      let found = try index.search(vectors[place], k: 1, ef: 64).first
      // What was free is given in no order.
      #expect(found?.score == 0 && (found?.row == row || row < again), "place \(place)")
    }
    withExtendedLifetime(pinned) {}
  }

  /// Linked piece by piece, the tail shrinks and nothing is lost.
  @Test func linkedInPieces() throws {
    let (vectors, queries) = clustered(3_000, 32, queries: 60, stream: 42)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: 32, metric: .cosine)
    try index.append(at: pinned.addresses)
    var random = Generator(43)
    while index.tailCount > 0 {
      let before = index.tailCount
      let limit = 1 + random.below(900)
      try index.link(threads: 2, limit: limit)
      #expect(index.tailCount < before && index.tailCount >= before - limit)
      #expect(index.integrityProblems() == [], note("\(index.tailCount) left"))
      let check = try RecallTests.measure(index, vectors, queries, k: 10, ef: 64)
      #expect(check.fault == nil)
      #expect(check.recall >= 0.97, note("\(index.tailCount) left"))
    }
    withExtendedLifetime(pinned) {}
  }
}
