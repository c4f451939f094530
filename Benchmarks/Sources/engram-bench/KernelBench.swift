import ArgumentParser
import BenchmarkSupport
import CEngramKernels
import EngramIndex
import Foundation

/// Kernels against BLAS: which is quicker for one row, a block of rows, and a batch of queries.
struct KernelBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "Distance kernels against BLAS, for one row, a block and a batch of queries.")

  @Option(help: "Dimensions to measure.") var dimensions = "128,384,768,1024,1536,3072"
  @Option(help: "Rounds; the median counts.") var rounds = 15
  @OptionGroup var output: OutputOptions

  struct Figure: Encodable {
    var dimension: Int
    var what: String
    var queries: Int
    /// Nanoseconds for one query and one row.
    var kernel_ns: Double
    var blas_ns: Double
  }

  struct Report: Encodable {
    var machine: Setting
    var int8_ns: [String: Double]
    var figures: [Figure]
  }

  /// Rows of a block: at most 4 MB, so that memory is not what is measured.
  private static func blockRows(_ dimension: Int) -> Int { min(1_024, (4 << 20) / (dimension * 4)) }
  private static let batches = [2, 4, 8, 16, 64]

  func run() async throws {
    let sizes = try numberList(dimensions, in: IndexLimits.dimensions, option: "dimensions")
    guard rounds >= 1 else { throw ValidationError("--rounds takes a positive number.") }
    BLAS.setThreads(1)
    var report = Report(machine: Setting(), int8_ns: [:], figures: [])
    let progress = ProgressWriter()
    for dimension in sizes {
      progress.begin("\(dimension) dimensions")
      measure(dimension, &report)
      progress.end()
    }
    try output.publish(report, text: text(of: report, sizes))
  }

  private func measure(_ dimension: Int, _ report: inout Report) {
    let kernels = engram_kernels_active().pointee
    let rows = Self.blockRows(dimension)
    let vectors = (0..<rows * dimension).map { Float(($0 &* 2_654_435_761) & 0xFFFF) / 65_536 - 0.5 }
    let queries = Array(vectors.prefix(64 * dimension))
    let codes = vectors.map { Int8($0 * 254) }
    var scores = [Float](repeating: 0, count: rows * 64)
    var products = [Int32](repeating: 0, count: rows)
    vectors.withUnsafeBufferPointer { v in
      queries.withUnsafeBufferPointer { q in
        codes.withUnsafeBufferPointer { c in
          scores.withUnsafeMutableBufferPointer { s in
            products.withUnsafeMutableBufferPointer { p in
              guard let v = v.baseAddress, let q = q.baseAddress, let c = c.baseAddress,
                let s = s.baseAddress, let p = p.baseAddress
              else { return }
              let (one, oneBLAS) = pair(rows) {
                for row in 0..<rows { s[row] = kernels.dot_f32(q, v + row * dimension, dimension) }
              } _: {
                for row in 0..<rows { s[row] = BLAS.dot(q, v + row * dimension, dimension) }
              }
              report.figures.append(
                Figure(
                  dimension: dimension, what: "one row", queries: 1, kernel_ns: one,
                  blas_ns: oneBLAS))
              let (block, blockBLAS) = pair(rows) {
                kernels.dot_f32_block(q, v, dimension * 4, rows, dimension, s)
              } _: {
                BLAS.products(v, rows: rows, with: q, length: dimension, into: s)
              }
              report.figures.append(
                Figure(
                  dimension: dimension, what: "block", queries: 1, kernel_ns: block,
                  blas_ns: blockBLAS))
              for batch in Self.batches {
                let (kernel, blas) = pair(rows * batch) {
                  for query in 0..<batch {
                    kernels.dot_f32_block(
                      q + query * dimension, v, dimension * 4, rows, dimension, s + query * rows)
                  }
                } _: {
                  BLAS.products(
                    q, rows: batch, v, rows: rows, length: dimension, into: s)
                }
                report.figures.append(
                  Figure(
                    dimension: dimension, what: "batch", queries: batch, kernel_ns: kernel,
                    blas_ns: blas))
              }
              let (int8, _) = pair(rows) {
                kernels.dot_i8_block(c, c, dimension, rows, dimension, p)
              } _: {
              }
              report.int8_ns["\(dimension)"] = int8
            }
          }
        }
      }
    }
  }

  /// Medians of both sides in nanoseconds per unit of work, measured in turn.
  private func pair(_ units: Int, _ a: () -> Void, _ b: () -> Void) -> (Double, Double) {
    var times: ([UInt64], [UInt64]) = ([], [])
    a()
    b()
    for _ in 0..<rounds {
      times.0.append(MonotonicClock.measure(a).nanoseconds)
      times.1.append(MonotonicClock.measure(b).nanoseconds)
    }
    return (
      Double(nearestRank(50, of: times.0.sorted())) / Double(units),
      Double(nearestRank(50, of: times.1.sorted())) / Double(units)
    )
  }

  private func text(of report: Report, _ sizes: [Int]) -> String {
    var table = Table(
      columns: [.text("what"), .number("queries")]
        + sizes.flatMap { [.number("\($0)", unit: "ns"), .number("BLAS", unit: "ns")] })
    let kinds = [("one row", 1), ("block", 1)] + Self.batches.map { ("batch", $0) }
    for (what, queries) in kinds {
      let figures = report.figures.filter { $0.what == what && $0.queries == queries }
      table.add(
        [.text(what), .integer(queries)]
          + figures.flatMap { [.decimal($0.kernel_ns, 1), .decimal($0.blas_ns, 1)] })
    }
    table.add(
      [.text("int8 block"), .integer(1)]
        + sizes.flatMap { [.decimal(report.int8_ns["\($0)"] ?? .nan, 1), .none] })
    return report.machine.lines.joined(separator: "\n")
      + "\nfloat32 dot products, nanoseconds for one query and one row; kernel beside BLAS, one "
      + "thread, data in cache\n\n" + table.text()
  }
}
