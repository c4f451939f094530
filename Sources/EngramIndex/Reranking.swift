import CEngramKernels

/// A query against full vectors and its bounds on codes.
struct ExactQuery {
  let vector: UnsafePointer<Float>
  let metric: Metric
  let dimension: Int
  /// Of the query vector.
  let norm: Float
  /// Distance of the query from what its code stands for (unit vectors under cosine).
  let residual: Float
  let kernels = Kernels.active

  /// The distance of a row computed from its full vector.
  @inline(__always)
  func distance(_ raw: Float, rowNorm: Float) -> Float {
    switch metric {
    case .cosine: -raw / (norm * rowNorm)
    case .innerProduct: -raw
    case .squaredL2: raw
    }
  }

  /// The least and greatest that the true distance can be, given the distance on codes.
  ///
  /// Inner products: |q.v - q'.v'| <= |q| |v - v'| + |q - q'| |v'| (Cauchy-Schwarz). Euclidean:
  /// the triangle inequality. A little is added for the rounding of float32.
  @inline(__always)
  func range(onCodes distance: Float, _ row: Rows.Bounds) -> (least: Float, greatest: Float) {
    switch metric {
    case .cosine:
      let error = residual * (1 + row.residual) + row.residual + 4e-6
      return (distance - error, distance + error)
    case .innerProduct:
      let error =
        norm * row.residual + residual * (row.norm + row.residual) + 4e-6 * norm * row.norm
      return (distance - error, distance + error)
    case .squaredL2:
      let slack = residual + row.residual + 4e-6 * (norm + row.norm)
      let length = max(distance, 0).squareRoot()
      let least = max(length - slack, 0)
      let greatest = length + slack
      // Cancellation in |a|^2 + |b|^2 - 2ab is relative to the norms, not to the result.
      let rounding = 4e-6 * (norm * norm + row.norm * row.norm)
      return (least * least - rounding, greatest * greatest + rounding)
    }
  }

  /// Exact distances of rows, four at a time.
  func distances(
    of candidates: UnsafeMutableBufferPointer<Candidate>, rows: Rows
  ) {
    // They lie anywhere; the processor fetches the rest of a vector once it sees the beginning.
    for candidate in candidates.prefix(16) {
      let vector = rows.vector(candidate.row)
      for place in stride(from: 0, to: min(dimension, 64), by: 16) {
        engram_prefetch(vector + place)
      }
    }
    var index = 0
    while index < candidates.count {
      let count = min(4, candidates.count - index)
      // The last ones stand in for the missing: one code path, and the lines are near.
      let last = candidates[index + count - 1].row
      let a = candidates[index].row
      let b = count > 1 ? candidates[index + 1].row : last
      let c = count > 2 ? candidates[index + 2].row : last
      let d = count > 3 ? candidates[index + 3].row : last
      let found = four(
        rows.vector(a), rows.vector(b), rows.vector(c), rows.vector(d))
      for offset in 0..<count {
        let row = candidates[index + offset].row
        let exact = distance(found[offset], rowNorm: rows.bounds[Int(row)].norm)
        candidates[index + offset] = Candidate(distance: exact, row: row)
      }
      index += count
    }
  }

  @inline(__always)
  private func four(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>,
    _ d: UnsafePointer<Float>
  ) -> SIMD4<Float> {
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: 4) { pointers in
      pointers.initializeElement(at: 0, to: a)
      pointers.initializeElement(at: 1, to: b)
      pointers.initializeElement(at: 2, to: c)
      pointers.initializeElement(at: 3, to: d)
      guard let base = pointers.baseAddress else { return .zero }
      var scores = SIMD4<Float>.zero
      withUnsafeMutablePointer(to: &scores) { scores in
        scores.withMemoryRebound(to: Float.self, capacity: 4) { scores in
          if metric == .squaredL2 {
            kernels.l2_f32_x4(vector, base, dimension, scores)
          } else {
            kernels.dot_f32_x4(vector, base, dimension, scores)
          }
        }
      }
      return scores
    }
  }
}

/// Re-ranks candidates on their full vectors, reading no more of them than the error bounds of
/// their codes demand.
///
/// - Parameter candidates: by distance on codes; the first `k` must be the nearest `k` of them.
/// - Returns: the `k` nearest, exact, nearest first.
func rerank(
  _ candidates: UnsafeMutableBufferPointer<Candidate>, k: Int, query: ExactQuery, rows: Rows,
  statistics: inout SearchStatistics
) -> [Neighbour] {
  let first = min(k, candidates.count)
  guard first > 0 else { return [] }
  let head = UnsafeMutableBufferPointer(rebasing: candidates[..<first])
  query.distances(of: head, rows: rows)
  let bar = head.reduce(-Float.infinity) { max($0, $1.distance) }
  // Only these can still be nearer than the k-th of the head.
  var survivors = first
  for index in first..<candidates.count {
    let candidate = candidates[index]
    let range = query.range(onCodes: candidate.distance, rows.bounds[Int(candidate.row)])
    if range.least <= bar {
      candidates[survivors] = candidate
      survivors += 1
    }
  }
  query.distances(
    of: UnsafeMutableBufferPointer(rebasing: candidates[first..<survivors]), rows: rows)
  statistics.reranked += survivors
  statistics.bytes += survivors * rows.dimension * MemoryLayout<Float>.stride
  var exact = UnsafeMutableBufferPointer(rebasing: candidates[..<survivors])
  exact.sort()
  return exact.prefix(k).map {
    Neighbour(row: Int($0.row), score: rows.metric.score(distance: $0.distance))
  }
}
