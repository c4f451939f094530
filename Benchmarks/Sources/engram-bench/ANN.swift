import ArgumentParser
import BenchmarkSupport
import EngramIndex
import Foundation

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

/// The index alone: recall against speed at each width of the candidate list.
struct ANN: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ann", abstract: "The index alone, on any .fbin, .f16bin or .u8bin file.")

  @Option(help: "Vectors to index.") var base: String
  @Option(help: "Query vectors.") var queries: String
  @Option(help: "Exact neighbours of the queries among the rows indexed (.ibin).")
  var truth: String
  @Option(help: "ip, l2 or cosine.") var metric = "ip"
  @Option(help: "Index the first N rows only.") var rows: Int?
  @Option(help: "Neighbours to find.") var k = 10
  @Option(help: "Widths of the candidate list.") var ef = "10,16,24,32,48,64,96,128,200,400"
  @Option(help: "Links of a node (M).") var m = 16
  @Option(help: "Width of the candidate list while building.") var efConstruction = 200
  @Option(help: "Threads that build; default: all cores.") var threads: Int?
  @Option(help: "Passes over the queries at each ef.") var passes = 3
  @Option(help: "Write the figures as JSON to this file (- for standard output).")
  var json: String?

  struct Point: Encodable {
    var ef: Int
    var recall, p50_us, p95_us, p99_us, qps, distances, hops, reranked, bytes: Double
  }

  struct Report: Encodable {
    struct Build: Encodable {
      var seconds: Double
      var threads: Int
      var bytes: Int
    }
    var machine: Setting
    var data: String
    var rows: Int
    var dimension: Int
    var build: Build
    var points: [Point]
  }

  func run() async throws {
    guard let metric = Metric(benchmarkName: metric) else {
      throw ValidationError("--metric must be ip, l2 or cosine, not \(self.metric).")
    }
    let widths = try ef.split(separator: ",").map { text in
      guard let width = Int(text), IndexLimits.ef.contains(width) else {
        throw ValidationError("--ef takes whole numbers in \(IndexLimits.ef), not \(text).")
      }
      return width
    }
    guard k >= 1, passes >= 1, (rows ?? 1) >= 1, (threads ?? 1) >= 1 else {
      throw ValidationError("--k, --passes, --rows and --threads take positive numbers.")
    }
    BLAS.setThreads(1)
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    let progress = ProgressWriter()
    progress.begin("reading")
    let data = try Loaded(
      base: base, queries: queries, truth: truth, rows: rows, k: k, metric: metric)
    progress.end()
    progress.begin("building")
    let start = MonotonicClock.now()
    let index = try HNSWIndex.build(
      data.base.values, dimension: data.base.dimension, metric: metric,
      parameters: HNSWParameters(maxConnections: m, efConstruction: efConstruction),
      threads: threads
    ) { progress.update($0, of: data.base.rows) }
    let seconds = MonotonicClock.seconds(since: start)
    progress.end(String(format: "%.2f s", seconds))

    var report = Report(
      machine: Setting(), data: URL(fileURLWithPath: base).lastPathComponent, rows: data.base.rows,
      dimension: data.base.dimension,
      build: .init(seconds: seconds, threads: threads, bytes: index.memoryBytes), points: [])
    for width in widths {
      progress.begin("searching, ef \(width)")
      report.points.append(try measure(index, data, ef: width))
      progress.end()
    }
    if json != "-" { print(text(of: report)) }
    if let json { try JSONOutput.write(report, to: json) }
  }

  /// The first pass warms up and scores recall; the others are timed, each query by itself.
  private func measure(_ index: HNSWIndex, _ data: Loaded, ef: Int) throws -> Point {
    var cost = SearchStatistics()
    var recall = 0.0
    for query in 0..<data.count {
      let found = try index.search(
        data.query(query), k: k, ef: ef, among: nil, statistics: &cost)
      recall += data.recall(of: found.map(\.row), query: query)
    }
    var samples = Samples(capacity: data.count * passes)
    var passSeconds: [Double] = []
    for _ in 0..<passes {
      let before = samples.nanoseconds.count
      for query in 0..<data.count {
        let vector = data.query(query)
        let found = try samples.time { try index.search(vector, k: k, ef: ef) }
        precondition(!found.isEmpty)
      }
      passSeconds.append(Double(samples.nanoseconds[before...].reduce(0, +)) / 1e9)
    }
    let count = Double(data.count)
    guard let latency = samples.summary else {
      throw ValidationError("there are no queries in \(queries).")
    }
    return Point(
      ef: ef, recall: recall / count, p50_us: microseconds(latency.p50),
      p95_us: microseconds(latency.p95), p99_us: microseconds(latency.p99),
      qps: count / nearestRank(50, of: passSeconds.sorted()),
      distances: Double(cost.distances) / count, hops: Double(cost.hops) / count,
      reranked: Double(cost.reranked) / count, bytes: Double(cost.bytes) / count)
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .number("ef"), .number("recall@\(k)"), .number("p50", unit: "us"),
      .number("p95", unit: "us"), .number("p99", unit: "us"), .number("queries/s"),
      .number("distances"), .number("hops"), .number("re-ranked"), .number("bytes"),
    ])
    for point in report.points {
      table.add(
        .integer(point.ef), .decimal(point.recall, 4), .decimal(point.p50_us, 1),
        .decimal(point.p95_us, 1), .decimal(point.p99_us, 1), .integer(Int(point.qps)),
        .decimal(point.distances, 0), .decimal(point.hops, 0), .decimal(point.reranked, 1),
        .decimal(point.bytes, 0))
    }
    let head = report.machine.lines.joined(separator: "\n")
    let build = String(
      format: "built in %.2f s on %d threads, %@ of memory", report.build.seconds,
      report.build.threads, byteText(report.build.bytes))
    let data = "\(report.data): \(grouped(report.rows)) x \(report.dimension), \(metric)"
    return "\(head)\n\(data)\n\(build); searches on one thread, counts per query\n\n\(table.text())"
  }
}

/// Vectors, queries and what is true of them.
private struct Loaded {
  let base: VectorFile
  private let queries: VectorFile
  private let truth: TruthFile
  private let metric: Metric
  private let k: Int
  /// The score of the k-th true neighbour of each query, in double precision.
  private var kthScores: [Double] = []

  var count: Int { queries.rows }

  init(base: String, queries: String, truth: String, rows: Int?, k: Int, metric: Metric) throws {
    self.base = try VectorFile(base, limit: rows)
    self.queries = try VectorFile(queries)
    self.truth = try TruthFile(truth)
    self.metric = metric
    self.k = k
    guard self.queries.dimension == self.base.dimension else {
      throw ValidationError(
        "\(queries) has \(self.queries.dimension) dimensions, \(base) has \(self.base.dimension).")
    }
    guard self.truth.queries == self.queries.rows, self.truth.k >= k else {
      throw ValidationError(
        "\(truth) holds \(self.truth.k) neighbours of \(self.truth.queries) queries; needed are "
          + "\(k) of \(self.queries.rows).")
    }
    for query in 0..<count {
      let scores = try self.truth.neighbours(of: query).prefix(k).map { row in
        guard Int(row) < self.base.rows else {
          throw ValidationError(
            "\(truth) names row \(row), but \(self.base.rows) rows are indexed; give the truth "
              + "over exactly these rows.")
        }
        return score(Int(row), query)
      }
      kthScores.append(scores.last ?? .nan)
    }
  }

  func query(_ query: Int) -> [Float] {
    Array(queries.values[query * queries.dimension..<(query + 1) * queries.dimension])
  }

  func recall(of rows: [Int], query: Int) -> Double {
    Recall.ofQuery(
      results: rows.map { score($0, query) }, kthTrue: kthScores[query], metric.direction, k: k,
      existing: base.rows)
  }

  private func score(_ row: Int, _ query: Int) -> Double {
    let d = base.dimension
    return exactScore(
      base.values[row * d..<(row + 1) * d], queries.values[query * d..<(query + 1) * d], metric)
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
