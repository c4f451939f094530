import EngramIndex
import Testing

/// Each refusal says what it is, and leaves everything as it was.
@Suite struct BadInputTests {
  static let dimension = 8

  /// What can be seen of an index.
  struct View: Equatable {
    var count: Int
    var results: [[Neighbour]]
    var snapshot: SnapshotBytes?

    init(_ index: any VectorIndex) throws {
      count = index.count
      var random = Generator(70)
      results = try (0..<5).map { _ in
        try index.search(random.normals(BadInputTests.dimension), k: 20)
      }
      snapshot = (index as? HNSWIndex).map { SnapshotBytes($0) }
    }
  }

  static func indexes(_ metric: Metric) throws -> [any VectorIndex] {
    var random = Generator(71)
    let exact = try ExactIndex(dimension: dimension, metric: metric)
    let small = try HNSWIndex(dimension: dimension, metric: metric)
    for _ in 0..<50 {
      let vector = random.normals(dimension)
      try exact.insert(vector)
      try small.insert(vector)
    }
    let large = try HNSWIndex.build(
      random.normals(2_500 * dimension), dimension: dimension, metric: metric, threads: 2)
    let all: [any VectorIndex] = [exact, small, large]
    for index in all { try index.delete(7) }
    return all
  }

  /// Vectors that an index must refuse, and why.
  static func refusedVectors(_ metric: Metric) -> [([Float], IndexError)] {
    var random = Generator(72)
    var result: [([Float], IndexError)] = [0, 1, 7, 9, 16, 400].map { length in
      (random.normals(length), .dimensionMismatch(expected: dimension, got: length))
    }
    for bad in [Float.nan, .signalingNaN, .infinity, -.infinity] {
      for position in [0, 3, dimension - 1] {
        var vector = random.normals(dimension)
        vector[position] = bad
        result.append((vector, .notFinite(position: position)))
      }
    }
    var long = random.normals(dimension)
    for length: Float in [1.01e18, 1e30, .greatestFiniteMagnitude] {
      long[2] = length
      result.append((long, .normTooLarge))
    }
    if metric == .cosine {
      for length: Float in [0, -0.0, 1e-20, .leastNonzeroMagnitude] {
        result.append(([length] + Array(repeating: 0, count: dimension - 1), .zeroVector))
      }
    }
    return result
  }

  @Test(arguments: Metric.allCases) func vectors(metric: Metric) throws {
    for index in try Self.indexes(metric) {
      let before = try View(index)
      for (vector, error) in Self.refusedVectors(metric) {
        #expect(throws: error) { try index.insert(vector) }
        #expect(throws: error) { try index.update(3, to: vector) }
        #expect(throws: error) { try index.search(vector, k: 5) }
        if let index = index as? HNSWIndex {
          #expect(throws: error) { try index.validate(vector) }
        }
      }
      #expect(try View(index) == before)
    }
  }

  /// One bad vector among many: none is taken.
  @Test(arguments: Metric.allCases) func manyVectors(metric: Metric) throws {
    let index = try ExactIndex(dimension: Self.dimension, metric: metric)
    try index.insert(rows: [Float](repeating: 1, count: 3 * Self.dimension))
    let before = try View(index)
    for (vector, _) in Self.refusedVectors(metric) {
      // Lengths that make whole rows are no fault here.
      if vector.count % Self.dimension == 0, vector.count > Self.dimension { continue }
      let rows = [Float](repeating: 1, count: Self.dimension) + vector
      if !vector.isEmpty { #expect(throws: IndexError.self) { try index.insert(rows: rows) } }
      #expect(throws: IndexError.self) {
        try HNSWIndex.build(
          vector.isEmpty ? [] : rows, dimension: Self.dimension, metric: metric, threads: 2)
      }
    }
    #expect(throws: IndexError.self) { try index.insert(rows: []) }
    #expect(try View(index) == before)
  }

  @Test(arguments: Metric.allCases) func rows(metric: Metric) throws {
    for index in try Self.indexes(metric) {
      let before = try View(index)
      let beyond = index.count + 1
      for row in [-1, Int.min, 7, beyond, beyond + 1, 1 << 25, 1 << 32, 1 << 32 | 1, Int.max] {
        let vector = [Float](repeating: 1, count: Self.dimension)
        #expect(throws: IndexError.unknownRow(row)) { try index.delete(row) }
        #expect(throws: IndexError.unknownRow(row)) { try index.update(row, to: vector) }
        if let index = index as? HNSWIndex {
          #expect(throws: IndexError.unknownRow(row)) { try index.vector(row) }
          #expect(!index.isLive(row))
        }
      }
      #expect(try View(index) == before)
    }
  }

  @Test(arguments: Metric.allCases) func widths(metric: Metric) throws {
    let query = [Float](repeating: 1, count: Self.dimension)
    for index in try Self.indexes(metric) {
      let before = try View(index)
      for k in [0, -1, 10_001, 1 << 32] {
        #expect(throws: IndexError.kOutOfRange(k)) { try index.search(query, k: k) }
        #expect(throws: IndexError.kOutOfRange(k)) {
          try index.search(query, k: k, among: RowSet(0..<3))
        }
      }
      _ = try index.search(query, k: 10_000, ef: 1)
      _ = try index.search(query, k: 1, ef: 100_000)
      for ef in [0, -1, Int.min, 100_001, Int.max] where index is HNSWIndex {
        #expect(throws: IndexError.efOutOfRange(ef)) { try index.search(query, k: 5, ef: ef) }
      }
      #expect(try View(index) == before)
    }
  }

  /// In a process of its own: it may trap.
  @Test(arguments: [Int.min, Int.max]) func widthsPastAllBounds(width: Int) async {
    await #expect(processExitsWith: .success) { [width] in
      let query = [Float](repeating: 1, count: BadInputTests.dimension)
      for index in try BadInputTests.indexes(.cosine) {
        #expect(throws: IndexError.kOutOfRange(width)) { try index.search(query, k: width) }
        if index is HNSWIndex {
          #expect(throws: IndexError.efOutOfRange(width)) {
            try index.search(query, k: 1, ef: width)
          }
        }
      }
    }
  }

  @Test func dimensions() throws {
    for dimension in [0, -1, Int.min, 16_384, Int.max] {
      #expect(throws: IndexError.dimensionOutOfRange(dimension)) {
        try HNSWIndex(dimension: dimension, metric: .cosine)
      }
      #expect(throws: IndexError.dimensionOutOfRange(dimension)) {
        try ExactIndex(dimension: dimension, metric: .cosine)
      }
      #expect(throws: IndexError.dimensionOutOfRange(dimension)) {
        try HNSWIndex.build([1], dimension: dimension, metric: .cosine, threads: 1)
      }
    }
    for dimension in [1, 16_383] {
      _ = try HNSWIndex(dimension: dimension, metric: .cosine)
    }
  }

  @Test(arguments: [
    (3, 200), (0, 200), (-1, 200), (129, 200), (.max, 200), (16, 7), (16, 0), (16, 4_097),
    (16, .min),
  ])
  func parameters(maxConnections: Int, efConstruction: Int) {
    let (name, value, allowed) =
      efConstruction == 200
      ? ("maxConnections", maxConnections, 4...128)
      : ("efConstruction", efConstruction, 8...4_096)
    #expect(throws: IndexError.parameterOutOfRange(name: name, value: value, allowed: allowed)) {
      try HNSWIndex(
        dimension: 4, metric: .cosine,
        parameters: HNSWParameters(
          maxConnections: maxConnections, efConstruction: efConstruction))
    }
  }

  /// Every error says something, and the value at fault where there is one.
  @Test func descriptions() {
    let errors: [(IndexError, String)] = [
      (.dimensionOutOfRange(77_777), "77777"),
      (.dimensionMismatch(expected: 384, got: 768), "768"),
      (.notFinite(position: 123), "123"), (.zeroVector, ""), (.normTooLarge, ""),
      (.kOutOfRange(-4), "-4"), (.efOutOfRange(-5), "-5"),
      (.parameterOutOfRange(name: "abc", value: 6, allowed: 7...8), "abc"),
      (.unknownRow(99), "99"), (.full(rows: 12), "12"), (.outOfMemory(bytes: 1 << 20), "1048576"),
      (.damagedSnapshot("links"), "links"),
    ]
    for (error, part) in errors {
      #expect(error.description.count > 20 && "\(error)".contains(part) || part.isEmpty)
    }
  }
}
