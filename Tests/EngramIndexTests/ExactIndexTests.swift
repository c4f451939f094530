import EngramIndex
import Testing

/// Recall 1: nothing nearer than what is returned is ever missing.
@Suite struct ExactIndexTests {
  static let dimensions = [
    1, 2, 3, 7, 8, 9, 63, 64, 65, 100, 384, 1000, 1024, 4096, 16_383,
  ]

  /// More rows than a block of the scan where that is cheap.
  static func rows(_ dimension: Int) -> Int { max(12, min(700, 60_000 / dimension)) }

  @Test(arguments: Metric.allCases, dimensions)
  func equalsTheNaiveSearch(metric: Metric, dimension: Int) throws {
    for shape in Shape.allCases {
      var random = Generator(UInt64(dimension) << 8 | UInt64(shape.rawValue))
      let vectors = shape.vectors(Self.rows(dimension), dimension, metric, &random)
      let index = try ExactIndex(dimension: dimension, metric: metric)
      try index.insert(rows: vectors.flat)
      var live = Set(0..<vectors.count)
      for phase in 0..<3 {
        for query in shape.queries(vectors, metric, &random) {
          let truth = Truth(query, vectors, metric)
          for k in [1, 2, 10, vectors.count / 2 + 1, vectors.count + 5] {
            let fault = truth.faultOfExact(
              try index.search(query, k: k), k: k, where: live.contains)
            #expect(fault == nil, note("\(shape), k \(k), phase \(phase)"))
          }
          let chosen = Set((0..<vectors.count).filter { _ in random.below(3) == 0 })
          let fault = truth.faultOfExact(
            try index.search(query, k: 7, among: RowSet(chosen)), k: 7,
            where: { live.contains($0) && chosen.contains($0) })
          #expect(fault == nil, note("\(shape), among, phase \(phase)"))
        }
        for row in live where random.below(3) == 0 {
          try index.delete(row)
          live.remove(row)
        }
        #expect(index.count == live.count)
      }
    }
  }

  /// The order of blocks and the number of insertions do not matter.
  @Test(arguments: Metric.allCases) func insertsOneByOneOrAtOnce(metric: Metric) throws {
    let (vectors, queries) = clustered(600, 33, queries: 10, stream: 1)
    let one = try ExactIndex(dimension: 33, metric: metric)
    let many = try ExactIndex(dimension: 33, metric: metric)
    for row in 0..<vectors.count { #expect(try one.insert(vectors[row]) == row) }
    #expect(try many.insert(rows: vectors.flat) == 0..<600)
    for query in 0..<queries.count {
      let query = queries[query]
      #expect(try one.search(query, k: 50) == many.search(query, k: 50))
    }
  }

  /// Rows outside the index may be in the set: they are not there, that is all.
  @Test(arguments: Metric.allCases) func amongRowsThatAreNotThere(metric: Metric) throws {
    let (vectors, queries) = clustered(300, 20, queries: 5, stream: 2)
    let index = try ExactIndex(dimension: 20, metric: metric)
    try index.insert(rows: vectors.flat)
    for query in 0..<queries.count {
      let query = queries[query]
      #expect(try index.search(query, k: 5, among: RowSet(300..<900)).isEmpty)
      #expect(
        try index.search(query, k: 5, among: RowSet(0..<9_000)) == index.search(query, k: 5))
    }
  }
}

/// Kinds of vectors that are hard in different ways.
enum Shape: Int, CaseIterable {
  case clustered, normsApart, farFromOrigin, equalRows, smallWholeNumbers, oneLarge, withZeros
  case tiny, huge, tinyToHuge

  func vectors(
    _ rows: Int, _ dimension: Int, _ metric: Metric, _ random: inout Generator
  ) -> Vectors {
    let clusters = Clusters(dimension: dimension, clusters: 4, using: &random)
    var result = Vectors(dimension: dimension)
    for row in 0..<rows {
      var vector = clusters.vector(using: &random)
      switch self {
      case .clustered: break
      case .normsApart: vector = vector.map { [1e-3, 1, 1e3][row % 3] * $0 }
      case .farFromOrigin: vector = vector.map { $0 + 50 }
      case .equalRows: if row >= 5 { vector = result[random.below(5)] }
      case .smallWholeNumbers: vector = vector.map { ($0 * 2).rounded() }
      case .oneLarge: vector[random.below(dimension)] = 1000
      case .withZeros: if row % 3 == 0 { vector = vector.map { _ in 0 } }
      case .tiny: vector = scaled(vector, to: metric == .cosine ? 1e-17 : 1e-35)
      case .huge: vector = scaled(vector, to: 1e17)
      case .tinyToHuge: vector = scaled(vector, to: [1e-16, 1e-8, 1, 1e8, 1e17][row % 5])
      }
      // A cosine needs a direction; so does scaling.
      if metric == .cosine, vector.allSatisfy({ $0 == 0 }) { vector[row % dimension] = 1 }
      result.append(vector)
    }
    return result
  }

  /// Of the same kind, of another, and a row itself.
  func queries(
    _ vectors: Vectors, _ metric: Metric, _ random: inout Generator
  ) -> [[Float]] {
    let like = self.vectors(2, vectors.dimension, metric, &random)
    let unlike = Shape.clustered.vectors(1, vectors.dimension, metric, &random)
    return [like[0], like[1], unlike[0], vectors[random.below(vectors.count)]]
  }

  private func scaled(_ vector: [Float], to norm: Float) -> [Float] {
    let own = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return vector.map { $0 / max(own, 1e-6) * norm }
  }
}
