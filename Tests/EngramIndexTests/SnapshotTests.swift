import EngramIndex
import Testing

@Suite struct SnapshotTests {
  static let dimension = 32

  /// The same bytes give the same index, which goes on like the first.
  @Test(arguments: Metric.allCases, [0, 1, 500, 3_000])
  func roundTrip(metric: Metric, rows: Int) throws {
    let (vectors, queries) = clustered(rows + 20, Self.dimension, queries: 30, stream: 90)
    let pinned = PinnedVectors(vectors.first(rows))
    let all = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: Self.dimension, metric: metric)
    try index.append(at: pinned.addresses)
    try index.link(threads: 2)
    let saved = SnapshotBytes(index)
    let restored = try saved.restored(dimension: Self.dimension, metric, pinned)
    #expect(SnapshotBytes(restored) == saved)
    #expect(restored.integrityProblems() == [])
    #expect(restored.count == rows && restored.rowCount == rows && restored.tailCount == 0)
    for row in [0, rows / 2, rows - 1] where row >= 0 && row < rows {
      for index in [index, restored] where index.isLive(row) { try index.delete(row) }
    }
    for round in 0..<2 {
      for query in 0..<queries.count {
        let query = queries[query]
        #expect(
          try index.search(query, k: 10) == restored.search(query, k: 10), note("round \(round)"))
      }
      for index in [index, restored] {
        try index.append(at: Array(all.addresses[rows...].prefix(20)))
        try index.link(threads: 1)
      }
    }
    #expect(SnapshotBytes(restored) == SnapshotBytes(index))
    withExtendedLifetime((pinned, all)) {}
  }

  /// Rows that the graph did not hold are still scanned after restoring, and can be linked.
  @Test func roundTripWithATail() throws {
    let (vectors, queries) = clustered(2_700, Self.dimension, queries: 30, stream: 91)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: Self.dimension, metric: .cosine)
    try index.append(at: pinned.addresses)
    try index.link(threads: 2, limit: 2_400)
    let saved = SnapshotBytes(index)
    let restored = try saved.restored(dimension: Self.dimension, .cosine, pinned)
    #expect(restored.tailCount == 300)
    for query in 0..<queries.count {
      #expect(
        try index.search(queries[query], k: 10) == restored.search(queries[query], k: 10))
    }
    try index.link(threads: 2)
    try restored.link(threads: 1)
    #expect(SnapshotBytes(restored) == SnapshotBytes(index))
    withExtendedLifetime(pinned) {}
  }

  /// A damaged snapshot is refused, or makes an index that searches without a trap.
  @Test(arguments: Metric.allCases) func damage(metric: Metric) throws {
    let (vectors, queries) = clustered(2_300, Self.dimension, queries: 3, stream: 92)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex.build(
      vectors.flat, dimension: Self.dimension, metric: metric, threads: 2)
    let saved = SnapshotBytes(index)
    var random = Generator(93)
    var refused = 0
    for round in 0..<250 {
      let damaged = Self.damage(saved, &random)
      let index: HNSWIndex
      do {
        index = try damaged.restored(dimension: Self.dimension, metric, pinned)
      } catch {
        #expect(Self.isRefusal(error), note("round \(round): \(error)"))
        refused += 1
        continue
      }
      _ = index.integrityProblems()
      for query in 0..<queries.count {
        for among in [nil, RowSet(0..<2_250)] {
          let rows = try index.search(queries[query], k: 10, among: among).map(\.row)
          #expect(Set(rows).count == rows.count, note("round \(round)"))
          #expect(rows.allSatisfy { $0 >= 0 && $0 < 2_300 }, note("round \(round)"))
        }
      }
      try index.insert(vectors[round])
      try index.delete(5)
    }
    #expect(refused > 50 && refused < 250)
    withExtendedLifetime(pinned) {}
  }

  private static func isRefusal(_ error: IndexError) -> Bool {
    switch error {
    case .damagedSnapshot, .parameterOutOfRange: true
    default: false
    }
  }

  private static func damage(
    _ saved: SnapshotBytes, _ random: inout Generator
  ) -> SnapshotBytes {
    var result = saved
    let part = SnapshotBytes.parts[random.below(SnapshotBytes.parts.count)]
    let size = result[keyPath: part].count
    switch random.below(8) {
    case 0: result[keyPath: part].removeLast(1 + random.below(size))
    case 1: result[keyPath: part] += [UInt8](repeating: 0, count: 1 + random.below(500))
    case 2:
      for _ in 0..<1 + random.below(200) {
        result[keyPath: part][random.below(size)] = UInt8(random.below(256))
      }
    case 3:
      // Whole words: zeros, ones, NaN, infinity, a row, no row.
      let words: [UInt32] = [
        0, .max, 0x7FC0_0000, 0x7F80_0000, 0xFF80_0000, 5, 2_299, 2_300, 1 << 31,
      ]
      for _ in 0..<1 + random.below(500) {
        let word = words[random.below(words.count)]
        let place = random.below(size / 4) * 4
        withUnsafeBytes(of: word.littleEndian) {
          result[keyPath: part].replaceSubrange(place..<place + 4, with: $0)
        }
      }
    case 4: result[keyPath: part].shuffle(using: &random)
    case 5: result.linked = [0, -1, 2_299, 2_301, 1_000, .max, .min][random.below(7)]
    case 6: result.rows = [0, -1, 2_299, 2_301, .max, .min][random.below(6)]
    default:
      result.parameters.maxConnections = [4, 15, 17, 128, 0, .max][random.below(6)]
      result.parameters.seed = UInt64(random.below(3))
    }
    return result
  }

  /// Bounds that are no bounds are refused, each of them.
  @Test(arguments: [Float.nan, .infinity, -.infinity, -1])
  func badBounds(value: Float) throws {
    let (vectors, _) = clustered(50, Self.dimension, queries: 1, stream: 94)
    let pinned = PinnedVectors(vectors)
    let saved = SnapshotBytes(
      try HNSWIndex.build(vectors.flat, dimension: Self.dimension, metric: .cosine, threads: 1))
    for word in 0..<saved.bounds.count / 4 {
      var damaged = saved
      withUnsafeBytes(of: value.bitPattern.littleEndian) {
        damaged.bounds.replaceSubrange(word * 4..<word * 4 + 4, with: $0)
      }
      #expect(throws: IndexError.self) {
        try damaged.restored(dimension: Self.dimension, .cosine, pinned)
      }
    }
    withExtendedLifetime(pinned) {}
  }

  /// Another dimension or metric than the snapshot's is refused or harmless.
  @Test func foreign() throws {
    let (vectors, _) = clustered(300, Self.dimension, queries: 1, stream: 95)
    let pinned = PinnedVectors(vectors)
    let saved = SnapshotBytes(
      try HNSWIndex.build(vectors.flat, dimension: Self.dimension, metric: .cosine, threads: 1))
    #expect(throws: IndexError.self) { try saved.restored(dimension: 200, .cosine, pinned) }
    #expect(throws: IndexError.dimensionOutOfRange(0)) {
      try saved.restored(dimension: 0, .cosine, pinned)
    }
    let other = PinnedVectors(vectors.first(299))
    #expect(throws: IndexError.self) {
      try saved.restored(dimension: Self.dimension, .cosine, other)
    }
    withExtendedLifetime((pinned, other)) {}
  }
}
