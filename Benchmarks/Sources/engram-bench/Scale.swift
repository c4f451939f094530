import ArgumentParser
import BenchmarkSupport
import EngramIndex
import Foundation

/// The index alone from thousands to a million vectors, at equal recall.
struct Scale: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "The index alone at growing numbers of generated vectors, at equal recall.",
    discussion: """
      At each size the smallest ef that reaches the recall is sought, and what it costs is \
      measured. A million vectors take about 4 GB of memory.
      """)

  @Option(help: "Numbers of vectors.") var sizes = "4000,10000,30000,100000,300000,1000000"
  @Option(help: "Queries.") var queries = 1_000
  @Option(help: "Recall to reach.") var recall = 0.99
  @OptionGroup var options: TrialOptions
  @Option(help: "Write a plot of latency over rows to this file (.svg).") var svg: String?

  struct Figures: Encodable {
    var rows: Int
    var build_s: Double
    /// Of the index without the vectors themselves.
    var bytes_per_vector: Double
    /// Nil where no ef reached the recall.
    var search: SearchPoint?
  }

  struct Report: Encodable {
    var machine: Setting
    var dimension = VectorMixture.dimension
    var queries: Int
    var threads: Int
    var wanted_recall: Double
    var sizes: [Figures] = []
  }

  /// The size that the largest is compared with.
  private static let reference = 100_000
  /// Where the search for an ef ends.
  private static let widest = 4_096

  func run() async throws {
    let sizes = try numberList(sizes, in: 1...IndexLimits.rows, option: "sizes")
    guard queries >= 1, recall > 0, recall <= 1 else {
      throw ValidationError("--queries takes a positive number, --recall one in 0...1.")
    }
    BLAS.setThreads(options.builders)
    let progress = ProgressWriter()
    var report = Report(
      machine: Setting(), queries: queries, threads: options.builders, wanted_recall: recall)
    for size in sizes {
      report.sizes.append(try measure(size, progress))
    }
    if let svg { try ReportFile.write(plot(report), to: svg) }
    try options.publish(report, text: text(of: report))
  }

  /// Made anew for each size, so that there are never more than two copies: here and in the index.
  private func measure(_ size: Int, _ progress: ProgressWriter) throws -> Figures {
    progress.begin("\(grouped(size)) rows: making")
    let mixture = VectorMixture()
    let workload = Workload(
      vectors: mixture.rows(size), queries: mixture.queries(queries),
      dimension: VectorMixture.dimension, metric: .innerProduct, k: options.k)
    progress.begin("\(grouped(size)) rows: exact neighbours")
    let truth = try workload.exactTruth(progress)
    let built = try BuiltIndex(
      workload.vectors, dimension: workload.dimension, metric: workload.metric,
      threads: options.builders, progress)
    let trial = SearchTrial(index: built.index, workload: workload, truth: truth)
    progress.begin("\(grouped(size)) rows: searching")
    let ef = try smallest(in: options.k...max(options.k, Self.widest)) { ef in
      try trial.recall(SearchWidth(ef: ef)) >= recall
    }
    let search = try ef.map { try trial.measure(SearchWidth(ef: $0), passes: options.passes) }
    progress.end(ef.map { "ef \($0)" } ?? "no ef reached the recall")
    return Figures(
      rows: size, build_s: built.seconds,
      bytes_per_vector: Double(built.index.memoryBytes) / Double(size), search: search)
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .number("rows"), .number("build", unit: "s"), .number("built", unit: "rows/s"),
      .number("index", unit: "bytes/row"), .number("ef"), .number("recall@\(options.k)"),
      .number("p50", unit: "us"), .number("p95", unit: "us"), .number("queries/s"),
      .number("distances"),
    ])
    for size in report.sizes {
      let build: [Table.Cell] = [
        .integer(size.rows), .decimal(size.build_s, 1),
        .integer(Int(Double(size.rows) / size.build_s)), .decimal(size.bytes_per_vector, 0),
      ]
      guard let search = size.search else {
        table.add(build + [.none])
        continue
      }
      table.add(
        build + [
          search.width, .decimal(search.recall, 4), .decimal(search.p50_us, 1),
          .decimal(search.p95_us, 1), .integer(Int(search.qps)), .decimal(search.distances, 0),
        ])
    }
    let head = report.machine.lines.joined(separator: "\n")
    return "\(head)\ngenerated mixture of \(report.dimension) dimensions, \(grouped(queries)) "
      + "queries; built on \(report.threads) threads, searched on one at the smallest ef with "
      + "recall of \(recall); the index without the vectors\n\n\(table.text())\(growth(report))"
  }

  /// The line that the whole run is for.
  private func growth(_ report: Report) -> String {
    guard let reference = report.sizes.first(where: { $0.rows == Self.reference })?.search,
      let largest = report.sizes.max(by: { $0.rows < $1.rows }), largest.rows > Self.reference,
      let search = largest.search
    else { return "" }
    return "\np95 at \(grouped(largest.rows)) rows is "
      + "\(grouped(search.p95_us / reference.p95_us, decimals: 2)) times that at "
      + "\(grouped(Self.reference))\n"
  }

  private func plot(_ report: Report) -> String {
    func series(_ name: String, _ value: (SearchPoint) -> Double) -> LinePlot.Series {
      LinePlot.Series(
        name,
        report.sizes.compactMap { size in
          size.search.map { (x: Double(size.rows), y: value($0)) }
        })
    }
    return LinePlot(
      title: "Search of the index alone, recall@\(options.k) of \(recall)", xLabel: "vectors",
      yLabel: "microseconds", xScale: .logarithmic, yScale: .logarithmic,
      series: [series("p50") { $0.p50_us }, series("p95") { $0.p95_us }]
    ).svg()
  }
}
