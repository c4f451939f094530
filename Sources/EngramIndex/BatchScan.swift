import CEngramKernels
import Dispatch

/// Exact search of many queries over many vectors in full precision: ground truth.
///
/// From a few queries on one matrix product reads each vector once for all of them; below that the
/// kernels are quicker (`engram-bench kernels` shows where the two cross).
public enum BatchScan {
  /// From this many queries on BLAS is used. Measured: OpenBLAS 0.3.21 passes the AVX-512 block
  /// kernel between 8 and 16 queries at 384 to 3,072 dimensions, at 16 by a third.
  public static let blasQueries = 8

  private static var rowBlock: Int { 4_096 }
  private static var queryBlock: Int { 256 }

  /// The `k` nearest vectors of each query, nearest first, ties to the lower row.
  ///
  /// - Parameters:
  ///   - queries: row after row, `dimension` components each.
  ///   - vectors: likewise; results number them from 0.
  /// - Throws: `IndexError` for lengths that are no whole number of rows, or k out of range.
  public static func nearest(
    _ queries: [Float], among vectors: [Float], dimension: Int, metric: Metric, k: Int,
    progress: ((Int) -> Void)? = nil
  ) throws(IndexError) -> [[Neighbour]] {
    guard IndexLimits.dimensions.contains(dimension) else { throw .dimensionOutOfRange(dimension) }
    guard IndexLimits.k.contains(k) else { throw .kOutOfRange(k) }
    for array in [queries, vectors] where array.count % dimension != 0 {
      throw .dimensionMismatch(expected: dimension, got: array.count % dimension)
    }
    var results: [[Neighbour]] = []
    let total = queries.count / dimension
    queries.withUnsafeBufferPointer { queries in
      vectors.withUnsafeBufferPointer { vectors in
        guard let q = queries.baseAddress, let v = vectors.baseAddress else { return }
        let vectorRows = vectors.count / dimension
        let norms = (0..<vectorRows).map {
          Quantiser.squaredNorm(v + $0 * dimension, dimension)
        }
        for begin in stride(from: 0, to: total, by: queryBlock) {
          let block = Block(
            queries: q + begin * dimension, count: min(queryBlock, total - begin), vectors: v,
            rows: vectorRows, norms: norms, largestNorm: norms.max() ?? 0, dimension: dimension, metric: metric, k: k)
          results += block.nearest()
          progress?(results.count)
        }
      }
    }
    return results
  }

  /// One block of queries against all vectors.
  private struct Block {
    let queries: UnsafePointer<Float>
    let count: Int
    let vectors: UnsafePointer<Float>
    let rows: Int
    let norms: [Double]
    let largestNorm: Double
    let dimension: Int
    let metric: Metric
    let k: Int

    func nearest() -> [[Neighbour]] {
      let queryNorms = (0..<count).map { Quantiser.squaredNorm(queries + $0 * dimension, dimension) }
      var shortlists: [[Candidate]] = Array(repeating: [], count: count)
      var products = [Float](repeating: 0, count: count * min(rowBlock, rows))
      for begin in stride(from: 0, to: rows, by: rowBlock) {
        let width = min(rowBlock, rows - begin)
        products.withUnsafeMutableBufferPointer { products in
          guard let base = products.baseAddress else { return }
          multiply(begin, width, into: base)
          for query in 0..<count {
            shorten(
              &shortlists[query], base + query * width, from: begin, width: width,
              queryNorm: queryNorms[query])
          }
        }
      }
      return shortlists.enumerated().map { query, list in
        score(list, query: query, queryNorm: queryNorms[query])
      }
    }

    private func multiply(_ begin: Int, _ width: Int, into result: UnsafeMutablePointer<Float>) {
      let block = vectors + begin * dimension
      if count >= BatchScan.blasQueries {
        BLAS.products(
          queries, rows: count, block, rows: width, length: dimension, into: result)
        return
      }
      for query in 0..<count {
        Kernels.active.dot_f32_block(
          queries + query * dimension, block, dimension * 4, width, dimension,
          result + query * width)
      }
    }

    /// Merges a block's products into the sorted shortlist of a query: the k nearest, and whatever
    /// the rounding of the product could have pushed behind them.
    private func shorten(
      _ list: inout [Candidate], _ products: UnsafePointer<Float>, from begin: Int, width: Int,
      queryNorm: Double
    ) {
      let limit = bar(of: list, queryNorm)
      for index in 0..<width {
        let row = begin + index
        let distance: Float
        switch metric {
        case .innerProduct: distance = -products[index]
        case .cosine: distance = Float(-Double(products[index]) / norms[row].squareRoot())
        case .squaredL2: distance = Float(queryNorm + norms[row] - 2 * Double(products[index]))
        }
        if distance <= limit {
          list.append(Candidate(distance: distance, row: UInt32(row)))
        } else if distance.isNaN {
          list.append(Candidate(distance: .infinity, row: UInt32(row)))
        }
      }
      list.sort()
      let newLimit = bar(of: list, queryNorm)
      list.removeAll { $0.distance > newLimit }
    }

    /// The greatest distance that one of the k nearest can have shown.
    private func bar(of sorted: [Candidate], _ queryNorm: Double) -> Float {
      guard sorted.count >= k else { return .infinity }
      let product = (queryNorm * largestNorm).squareRoot()
      let scale =
        switch metric {
        case .innerProduct: product
        case .cosine: queryNorm.squareRoot()
        case .squaredL2: queryNorm + largestNorm + 2 * product
        }
      return sorted[k - 1].distance + Float(2 * Self.rounding * scale)
    }

    /// Of a float32 sum of up to 16,383 products, relative to the norms.
    private static var rounding: Double { 1e-5 }

    /// Scores a shortlist again in double precision.
    private func score(
      _ list: [Candidate], query: Int, queryNorm: Double
    ) -> [Neighbour] {
      let q = queries + query * dimension
      let scored = list.map { candidate -> (distance: Double, row: UInt32) in
        let v = vectors + Int(candidate.row) * dimension
        var sum = 0.0
        for i in 0..<dimension {
          let difference = Double(q[i]) - Double(v[i])
          sum += metric == .squaredL2 ? difference * difference : Double(q[i]) * Double(v[i])
        }
        let cosine = (queryNorm * norms[Int(candidate.row)]).squareRoot()
        switch metric {
        case .squaredL2: return (sum, candidate.row)
        case .innerProduct: return (-sum, candidate.row)
        case .cosine: return (cosine > 0 ? -sum / cosine : .infinity, candidate.row)
        }
      }
      return scored.sorted { ($0.distance, $0.row) < ($1.distance, $1.row) }.prefix(k).map {
        Neighbour(row: Int($0.row), score: metric.score(distance: Float($0.distance)))
      }
    }
  }
}
