import ArgumentParser
import BenchmarkSupport
import EngramIndex

/// The index alone under filters that are ready as bitmaps.
struct ANNFilters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ann-filters",
    abstract: "The index alone under filters: marks by chance, and marks near the query.",
    discussion: """
      Measured is the search with a bitmap that is ready, on dialog-100k where ENGRAM_DATASETS \
      names a folder that holds it, else on the generated set. Recall is by score against an exact \
      search among the rows that pass.
      """)

  @Option(help: "Widths of the candidate list, such as 32,64; default: the index chooses.")
  var ef = "default"
  @Option(help: "Memories to index.") var rows = 100_000
  @OptionGroup var options: TrialOptions

  struct Figures: Encodable {
    var selection: String
    /// Mean of the queries.
    var passing: Double
    var searches: [SearchPoint]
  }

  struct Report: Encodable {
    var machine: Setting
    var data: String
    var rows: Int
    var selections: [Figures]
  }

  func run() async throws {
    let widths = try SearchWidth.list(ef)
    guard rows >= 1 else { throw ValidationError("--rows takes a positive number.") }
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate(rows: rows)
    let workload = Workload(data, k: options.k)
    progress.end(data.name)
    let index = try BuiltIndex(
      data.vectors, dimension: data.dimension, metric: .innerProduct, threads: options.builders,
      progress
    ).index
    let exact = try ExactIndex(dimension: data.dimension, metric: .innerProduct)
    try exact.insert(rows: data.vectors)

    var report = Report(machine: Setting(), data: data.name, rows: data.count, selections: [])
    for selection in [nil] + Self.selections(of: data) {
      let name = selection?.name ?? "no filter"
      progress.begin("marking, \(name)")
      let among = selection.map { selection in
        (0..<workload.count).map { RowSet(selection.rows(of: $0)) }
      }
      progress.begin("exact search, \(name)")
      let trial = SearchTrial(
        index: index, workload: workload,
        truth: try truth(of: workload, by: exact, among, progress), among: among)
      var figures = Figures(
        selection: name,
        passing: Double(trial.truth.reduce(0) { $0 + $1.existing }) / Double(workload.count),
        searches: [])
      for width in widths {
        progress.begin("searching, \(name), \(width.name)")
        figures.searches.append(try trial.measure(width, passes: options.passes))
      }
      progress.end()
      report.selections.append(figures)
    }
    try options.publish(report, text: text(of: report))
  }

  private static func selections(of data: Dataset) -> [RowSelection] {
    let (records, queries) = (data.records, data.queries)
    let users = UserMeans(of: data)
    return [50, 10, 1, 0.1].map { RowSelection.random(percent: $0, of: data.count) }
      + [.equal("the query's agent", rows: records.agentIDs, queries: queries.agentIDs)]
      + [50, 10].map { RowSelection.nearestUsers(percent: $0, users: users, of: data) }
      + [.equal("the query's user", rows: records.userIDs, queries: queries.userIDs)]
  }

  private func truth(
    of workload: Workload, by exact: ExactIndex, _ among: [RowSet]?, _ progress: ProgressWriter
  ) throws -> [Truth] {
    try (0..<workload.count).map { query in
      progress.update(query, of: workload.count)
      let nearest = try exact.search(workload.query(query), k: workload.k, among: among?[query])
      return workload.truth(
        nearest: nearest.map(\.row), of: query, existing: among?[query].count ?? workload.rows)
    }
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .text("filter"), .number("rows that pass"), .number("ef"), .number("recall@\(options.k)"),
      .number("p50", unit: "us"), .number("p95", unit: "us"), .number("p99", unit: "us"),
      .number("distances"), .number("hops"), .text("queries by plan"),
    ])
    for figures in report.selections {
      for point in figures.searches {
        table.add(
          .text(figures.selection), .decimal(figures.passing, 0), point.width,
          .decimal(point.recall, 4), .decimal(point.p50_us, 1), .decimal(point.p95_us, 1),
          .decimal(point.p99_us, 1), .decimal(point.distances, 0), .decimal(point.hops, 0),
          .text(point.planText))
      }
    }
    return report.machine.lines.joined(separator: "\n")
      + "\n\(report.data): \(grouped(report.rows)) rows; searches on one thread with a bitmap that "
      + "is ready, counts per query\n\n" + table.text()
  }
}
