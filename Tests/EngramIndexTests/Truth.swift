import EngramIndex

/// All rows against one query in double precision, the plain way.
struct Truth {
  let metric: Metric
  /// Smaller is closer, whatever the metric.
  private(set) var distances: [Double] = []
  /// What the rounding of float32 is relative to.
  private var magnitudes: [Double] = []
  /// What it cannot tell from zero.
  private var grains: [Double] = []

  init(_ query: [Float], _ vectors: Vectors, _ metric: Metric) {
    self.metric = metric
    let grain = Double(query.count) * Double(Float.leastNonzeroMagnitude)
    let squares = query.reduce(0) { $0 + Double($1) * Double($1) }
    vectors.flat.withUnsafeBufferPointer { flat in
      for row in 0..<vectors.count {
        var (dot, own, apart) = (0.0, 0.0, 0.0)
        for i in 0..<query.count {
          let (a, b) = (Double(query[i]), Double(flat[row * vectors.dimension + i]))
          dot += a * b
          own += b * b
          apart += (a - b) * (a - b)
        }
        let norms = (squares * own).squareRoot()
        switch metric {
        case .cosine: add(-dot / norms, magnitude: 1, grain: grain / norms)
        case .innerProduct: add(-dot, magnitude: norms, grain: grain)
        case .squaredL2: add(apart, magnitude: apart, grain: grain)
        }
      }
    }
  }

  private mutating func add(_ distance: Double, magnitude: Double, grain: Double) {
    distances.append(distance)
    magnitudes.append(magnitude)
    grains.append(grain)
  }

  private func tolerance(_ row: Int) -> Double { 1e-5 * magnitudes[row] + grains[row] }

  /// What is wrong with results, whether or not they are the nearest: each row at most once, one
  /// that may be there, with its true score, in order of score.
  func fault(
    in results: [Neighbour], k: Int, where mayBeThere: (Int) -> Bool = { _ in true }
  ) -> String? {
    if results.count > k { return "\(results.count) results for k \(k)" }
    if Set(results.map(\.row)).count != results.count { return "a row twice: \(results)" }
    for result in results {
      guard distances.indices.contains(result.row), mayBeThere(result.row) else {
        return "row \(result.row) may not be a result"
      }
      let error = abs(distance(result) - distances[result.row])
      if !(error <= tolerance(result.row)) {
        return "row \(result.row) has distance \(distances[result.row]), not \(distance(result))"
      }
    }
    for (a, b) in zip(results, results.dropFirst()) where distance(a) > distance(b) {
      return "not in order: \(a), \(b)"
    }
    return nil
  }

  /// What is wrong with results that should be the nearest, all of them.
  func faultOfExact(
    _ results: [Neighbour], k: Int, where mayBeThere: (Int) -> Bool = { _ in true }
  ) -> String? {
    if let fault = fault(in: results, k: k, where: mayBeThere) { return fault }
    let rows = distances.indices.filter(mayBeThere)
    if results.count != min(k, rows.count) {
      return "\(results.count) results of \(rows.count) rows for k \(k)"
    }
    guard let worst = results.map(\.row).max(by: { distances[$0] < distances[$1] }) else {
      return nil
    }
    let returned = Set(results.map(\.row))
    for row in rows where !returned.contains(row) {
      if distances[row] < distances[worst] - tolerance(worst) - tolerance(row) {
        return "row \(row) is missing: \(distances[row]) is nearer than \(distances[worst])"
      }
    }
    return nil
  }

  /// The share of the k nearest that are there, ties counted by score.
  func recall(
    _ results: [Neighbour], k: Int, where mayBeThere: (Int) -> Bool = { _ in true }
  ) -> Double {
    let best = distances.indices.filter(mayBeThere).map { distances[$0] }.sorted().prefix(k)
    guard let bar = best.last else { return 1 }
    let right = results.filter { distances[$0.row] <= bar + 1e-6 * max(1, abs(bar)) }
    return min(1, Double(right.count) / Double(best.count))
  }

  private func distance(_ result: Neighbour) -> Double {
    metric.higherIsCloser ? -Double(result.score) : Double(result.score)
  }
}

/// Mean recall of an index, each result checked on the way.
struct RecallCheck {
  private(set) var sum = 0.0
  private(set) var searches = 0
  private(set) var fault: String?
  /// Searches that gave fewer than k results though there were more rows.
  private(set) var short = 0

  var recall: Double { searches == 0 ? 1 : sum / Double(searches) }

  mutating func add(
    _ results: [Neighbour], _ truth: Truth, k: Int,
    where mayBeThere: (Int) -> Bool = { _ in true }
  ) {
    fault = fault ?? truth.fault(in: results, k: k, where: mayBeThere)
    if results.count < min(k, truth.distances.indices.count(where: mayBeThere)) { short += 1 }
    if fault == nil { sum += truth.recall(results, k: k, where: mayBeThere) }
    searches += 1
  }
}
