import Foundation
import Testing

@testable import BenchmarkSupport

@Suite struct VectorMixtureTests {
  private static let dimension = VectorMixture.dimension
  private static let rows = VectorMixture().rows(10_000)
  private static let queries = VectorMixture().queries(200)

  private func checksum(_ values: some Sequence<Float>) -> UInt64 {
    values.reduce(0) { Hash.mix($0, UInt64($1.bitPattern)) }
  }

  /// The same bits on every machine, in every build.
  @Test func isDeterministic() {
    #expect(checksum(Self.rows[..<(16 * Self.dimension)]) == 16_171_095_923_861_519_761)
    #expect(checksum(Self.queries[..<(16 * Self.dimension)]) == 2_107_493_663_353_504_295)
  }

  @Test func hasThePrefixProperty() {
    let mixture = VectorMixture()
    #expect(mixture.rows(300)[...] == Self.rows[..<(300 * Self.dimension)])
    #expect(mixture.queries(10)[...] == Self.queries[..<(10 * Self.dimension)])
    #expect(mixture.rows(0).isEmpty)
  }

  @Test func hasUnitVectorsAndNoTwins() {
    var seen: Set<[Float]> = []
    for begin in stride(from: 0, to: Self.rows.count, by: Self.dimension) {
      let vector = Array(Self.rows[begin..<begin + Self.dimension])
      let square = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect(abs(square - 1) < 1e-6)
      seen.insert(vector)
    }
    #expect(seen.count == 10_000)
    #expect(!seen.contains(Array(Self.queries[..<Self.dimension])))
  }

  /// dialog-100k at 10,000 rows: 0.720, 0.573 and 0.408, and 12.2.
  @Test func hasTheNeighboursOfRealEmbeddings() {
    var sums = [0.0, 0.0, 0.0]
    var spread = 0.0
    Self.rows.withUnsafeBufferPointer { rows in
      Self.queries.withUnsafeBufferPointer { queries in
        for query in stride(from: 0, to: queries.count, by: Self.dimension) {
          let scores = stride(from: 0, to: rows.count, by: Self.dimension).map { row in
            var sum: Float = 0
            for i in 0..<Self.dimension { sum += rows[row &+ i] * queries[query &+ i] }
            return sum
          }.sorted(by: >)
          for (i, rank) in [0, 9, 99].enumerated() { sums[i] += Double(scores[rank]) / 200 }
          let distances = scores[..<20].map { (2 - 2 * Double($0)).squareRoot() }
          for distance in distances.dropLast() {
            spread += log(distances[19] / distance) / 19 / 200
          }
        }
      }
    }
    #expect(abs(sums[0] - 0.72) < 0.04, "\(sums)")
    #expect(abs(sums[1] - 0.573) < 0.04, "\(sums)")
    #expect(abs(sums[2] - 0.408) < 0.05, "\(sums)")
    // The intrinsic dimension among the first 20.
    #expect(abs(1 / spread - 12.2) < 1.5, "\(1 / spread)")
  }
}
