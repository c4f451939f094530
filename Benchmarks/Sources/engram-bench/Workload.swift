import BenchmarkSupport
import EngramIndex

extension Metric {
  /// The names that ann-benchmarks and hnswlib use.
  init?(benchmarkName: String) {
    switch benchmarkName {
    case "ip": self = .innerProduct
    case "l2": self = .squaredL2
    case "cosine": self = .cosine
    default: return nil
    }
  }

  var direction: Recall.Direction { higherIsCloser ? .higherIsBetter : .lowerIsBetter }
}

/// What a query's results are judged by.
struct Truth {
  /// The score of the last true neighbour, in double precision; NaN where there is none.
  var kthScore: Double
  /// Rows that could be results.
  var existing: Int
}

/// Vectors and the queries that are asked of them, scored in double precision.
struct Workload {
  let vectors: [Float]
  let queries: [Float]
  let dimension: Int
  let metric: Metric
  let k: Int

  var rows: Int { vectors.count / dimension }
  var count: Int { queries.count / dimension }

  func vector(_ row: Int) -> ArraySlice<Float> {
    vectors[row * dimension..<(row + 1) * dimension]
  }

  func query(_ query: Int) -> [Float] {
    Array(queries[query * dimension..<(query + 1) * dimension])
  }

  /// The truth of a query whose nearest rows are known, best first.
  func truth(nearest: some Sequence<Int>, of query: Int, existing: Int) -> Truth {
    let scores = nearest.prefix(k).map { score($0, query) }
    return Truth(kthScore: scores.last ?? .nan, existing: existing)
  }

  /// The truth of all queries by an exact scan of all rows, or of some.
  func exactTruth(among rows: [Int]? = nil, _ progress: ProgressWriter) throws -> [Truth] {
    let searched =
      rows.map { $0.flatMap(vector) } ?? vectors
    let nearest = try BatchScan.nearest(
      queries, among: searched, dimension: dimension, metric: metric, k: k
    ) { progress.update($0, of: count) }
    return nearest.enumerated().map { query, neighbours in
      truth(
        nearest: neighbours.map { rows?[$0.row] ?? $0.row }, of: query,
        existing: searched.count / dimension)
    }
  }

  func recall(of rows: [Int], query: Int, _ truth: Truth) -> Double {
    Recall.ofQuery(
      results: rows.map { score($0, query) }, kthTrue: truth.kthScore, metric.direction, k: k,
      existing: truth.existing)
  }

  private func score(_ row: Int, _ query: Int) -> Double {
    exactScore(
      vector(row), queries[query * dimension..<(query + 1) * dimension], metric)
  }
}

extension Workload {
  /// The vectors of a data set by their inner product.
  init(_ data: Dataset, k: Int) {
    self.init(
      vectors: data.vectors, queries: data.queryVectors, dimension: data.dimension,
      metric: .innerProduct, k: k)
  }
}

/// A score in double precision.
func exactScore(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>, _ metric: Metric) -> Double {
  a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      var dot = 0.0
      var distance = 0.0
      var norms = (0.0, 0.0)
      for index in 0..<min(a.count, b.count) {
        let (x, y) = (Double(a[index]), Double(b[index]))
        dot += x * y
        distance += (x - y) * (x - y)
        norms.0 += x * x
        norms.1 += y * y
      }
      switch metric {
      case .innerProduct: return dot
      case .squaredL2: return distance
      case .cosine: return dot / (norms.0 * norms.1).squareRoot()
      }
    }
  }
}
