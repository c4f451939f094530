import EngramIndex
import Foundation
import Testing

/// Recall on real vectors, where ENGRAM_DATASETS names them.
@Suite(.enabled(if: VectorFile.folder != nil, "ENGRAM_DATASETS names no folder"))
struct RealDataTests {
  @Test func dialog() throws {
    try check(
      "dialog-100k", base: "base.f16bin", queries: "queries.public.fbin",
      truth: "gt/public.10000.ibin", rows: 10_000, metric: .innerProduct)
  }

  @Test func sift() throws {
    try check(
      "sift-5k", base: "base.u8bin", queries: "queries.public.u8bin",
      truth: "gt/public.4500.ibin", rows: 4_500, metric: .squaredL2)
  }

  private func check(
    _ set: String, base: String, queries: String, truth: String, rows: Int, metric: Metric
  ) throws {
    let vectors = try VectorFile.vectors("\(set)/\(base)", limit: rows)
    let queries = try VectorFile.vectors("\(set)/\(queries)", limit: 200)
    let file = try VectorFile.rows("\(set)/\(truth)")
    #expect(vectors.count == rows && vectors.dimension == queries.dimension)
    let index = try HNSWIndex.build(
      vectors.flat, dimension: vectors.dimension, metric: metric, threads: 2)
    #expect(index.integrityProblems() == [])
    let scanned = try BatchScan.nearest(
      queries.flat, among: vectors.flat, dimension: vectors.dimension, metric: metric, k: 10)
    var (byScan, byFile) = (0.0, 0.0)
    for query in 0..<queries.count {
      let results = try index.search(queries[query], k: 10, ef: 64)
      // Scores of rows, the same way for all.
      let truth = Truth(queries[query], vectors, metric)
      #expect(truth.fault(in: results, k: 10) == nil)
      #expect(truth.faultOfExact(scanned[query], k: 10) == nil)
      byScan += recall(results.map(\.row), scanned[query].map(\.row), truth)
      byFile += recall(results.map(\.row), Array(file[query].prefix(10)), truth)
    }
    #expect(byScan / Double(queries.count) >= 0.98)
    #expect(byFile / Double(queries.count) >= 0.98)
  }

  private func recall(_ results: [Int], _ right: [Int], _ truth: Truth) -> Double {
    let bar = right.map { truth.distances[$0] }.max() ?? .infinity
    let tolerance = 1e-6 * max(1, abs(bar))
    return Double(results.count { truth.distances[$0] <= bar + tolerance }) / Double(right.count)
  }
}

/// Files of vectors: number and dimension in 32 bits each, then row after row, little-endian.
enum VectorFile {
  struct Malformed: Error { var name: String }

  static let folder = ProcessInfo.processInfo.environment["ENGRAM_DATASETS"]
    .flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }

  static func vectors(_ name: String, limit: Int) throws -> Vectors {
    let (data, rows, columns) = try open(name)
    let count = min(rows, limit) * columns
    let flat: [Float]
    if name.hasSuffix(".u8bin") {
      flat = (0..<count).map { Float(data[8 + $0]) }
    } else if name.hasSuffix(".f16bin") {
      flat = (0..<count).map { single(half: UInt16(word(data, 8 + 2 * $0, bytes: 2))) }
    } else {
      flat = (0..<count).map { Float(bitPattern: UInt32(word(data, 8 + 4 * $0, bytes: 4))) }
    }
    return Vectors(dimension: columns, flat: flat)
  }

  /// A file of row numbers.
  static func rows(_ name: String) throws -> [[Int]] {
    let (data, rows, columns) = try open(name)
    return (0..<rows).map { row in
      (0..<columns).map { word(data, 8 + 4 * (row * columns + $0), bytes: 4) }
    }
  }

  private static func open(_ name: String) throws -> (data: [UInt8], rows: Int, columns: Int) {
    guard let folder else { throw Malformed(name: name) }
    let data = [UInt8](try Data(contentsOf: folder.appending(path: name)))
    guard data.count > 8 else { throw Malformed(name: name) }
    let (rows, columns) = (word(data, 0, bytes: 4), word(data, 4, bytes: 4))
    let size = name.hasSuffix(".u8bin") ? 1 : name.hasSuffix(".f16bin") ? 2 : 4
    guard columns > 0, data.count == 8 + rows * columns * size else { throw Malformed(name: name) }
    return (data, rows, columns)
  }

  private static func word(_ data: [UInt8], _ place: Int, bytes: Int) -> Int {
    (0..<bytes).reduce(0) { $0 | Int(data[place + $1]) << (8 * $1) }
  }

  /// IEEE binary16 by its definition: Float16 is not everywhere.
  private static func single(half: UInt16) -> Float {
    let sign: FloatingPointSign = half & 0x8000 == 0 ? .plus : .minus
    let exponent = Int(half >> 10 & 31)
    let fraction = Float(half & 0x3FF) / 1024
    return exponent == 0
      ? Float(sign: sign, exponent: -14, significand: fraction)
      : Float(sign: sign, exponent: exponent - 15, significand: 1 + fraction)
  }
}
