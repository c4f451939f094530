import ArgumentParser
import BenchmarkSupport
import EngramIndex
import Foundation

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
  @Option(help: "Widths of the candidate list.") var ef = "10,16,24,32,48,64,96,128,200,400"
  @Option(help: "Links of a node (M).") var m = 16
  @Option(help: "Width of the candidate list while building.")
  var efConstruction = HNSWParameters().efConstruction
  @Flag(inversion: .prefixedNo, help: "Ask all queries at once, too.") var batches = true
  @OptionGroup var options: TrialOptions

  struct Report: Encodable {
    struct Build: Encodable {
      var seconds: Double
      var threads: Int
      var ef_construction: Int
      var bytes: Int
    }
    var machine: Setting
    var data: String
    var rows: Int
    var dimension: Int
    var build: Build
    var points: [SearchPoint]
  }

  func run() async throws {
    guard let metric = Metric(benchmarkName: metric) else {
      throw ValidationError("--metric must be ip, l2 or cosine, not \(self.metric).")
    }
    let widths = try SearchWidth.list(ef)
    guard (rows ?? 1) >= 1 else { throw ValidationError("--rows takes a positive number.") }
    let progress = ProgressWriter()
    progress.begin("reading")
    let (workload, truth) = try load(metric)
    let built = try BuiltIndex(
      workload.vectors, dimension: workload.dimension, metric: metric,
      parameters: HNSWParameters(maxConnections: m, efConstruction: efConstruction),
      threads: options.builders, progress)
    var report = Report(
      machine: Setting(), data: URL(fileURLWithPath: base).lastPathComponent, rows: workload.rows,
      dimension: workload.dimension,
      build: .init(
        seconds: built.seconds, threads: options.builders, ef_construction: efConstruction,
        bytes: built.index.memoryBytes),
      points: [])
    let trial = SearchTrial(index: built.index, workload: workload, truth: truth)
    for width in widths {
      progress.begin("searching, \(width.name)")
      report.points.append(try trial.measure(width, passes: options.passes, batches: batches))
      progress.end()
    }
    try options.publish(report, text: text(of: report))
  }

  private func load(_ metric: Metric) throws -> (Workload, [Truth]) {
    let vectors = try VectorFile(base, limit: rows)
    let asked = try VectorFile(queries)
    let file = try TruthFile(truth)
    guard asked.dimension == vectors.dimension else {
      throw ValidationError(
        "\(queries) has \(asked.dimension) dimensions, \(base) has \(vectors.dimension).")
    }
    guard asked.rows > 0 else { throw ValidationError("there are no queries in \(queries).") }
    guard file.queries == asked.rows, file.k >= options.k else {
      throw ValidationError(
        "\(truth) holds \(file.k) neighbours of \(file.queries) queries; needed are "
          + "\(options.k) of \(asked.rows).")
    }
    let workload = Workload(
      vectors: vectors.values, queries: asked.values, dimension: vectors.dimension, metric: metric,
      k: options.k)
    let truths = try (0..<workload.count).map { query in
      let nearest = file.neighbours(of: query).prefix(options.k).map(Int.init)
      if let row = nearest.first(where: { $0 >= workload.rows }) {
        throw ValidationError(
          "\(truth) names row \(row), but \(workload.rows) rows are indexed; give the truth over "
            + "exactly these rows.")
      }
      return workload.truth(nearest: nearest, of: query, existing: workload.rows)
    }
    return (workload, truths)
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .number("ef"), .number("recall@\(options.k)"), .number("p50", unit: "us"),
      .number("p95", unit: "us"), .number("p99", unit: "us"), .number("queries/s"),
      .number("in a batch/s"),
      .number("distances"), .number("hops"), .number("re-ranked"), .number("bytes"),
    ])
    for point in report.points {
      table.add(
        point.width, .decimal(point.recall, 4), .decimal(point.p50_us, 1),
        .decimal(point.p95_us, 1), .decimal(point.p99_us, 1), .integer(Int(point.qps)),
        point.batch_qps.map { .integer(Int($0)) } ?? .none,
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
