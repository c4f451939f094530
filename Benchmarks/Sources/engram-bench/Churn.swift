import ArgumentParser
import BenchmarkSupport
import EngramIndex

/// What deleting and inserting does to the index.
struct Churn: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "churn",
    abstract: "Rounds of deleting and inserting, against an index built afresh of what is left.",
    discussion: """
      On dialog-100k where ENGRAM_DATASETS names a folder that holds it, else on the generated \
      set. Half of its rows are in at the beginning, the others replace what is deleted.
      """)

  @Option(help: "Width of the candidate list.") var ef = 64
  @Option(help: "Memories of the data set to use; the first half is in at the beginning.")
  var rows = 100_000
  @Option(help: "Rounds.") var rounds = 10
  @Option(help: "Percent of the rows exchanged in each round.") var percent = 20
  @OptionGroup var options: TrialOptions

  struct Figures: Encodable {
    /// Nil for the index built afresh.
    var round: Int?
    var live: Int
    /// Allocated, those of deleted vectors included.
    var rows: Int
    var bytes: Int
    /// Means of a row.
    var delete_us, insert_us: Double?
    var search: SearchPoint
  }

  struct Report: Encodable {
    var machine: Setting
    var data: String
    /// The index as it was built, then after each round.
    var rounds: [Figures] = []
    /// An index built of what is left after the last round.
    var afresh: Figures?
  }

  private static let wanted = (recall: 0.005, percent: 10.0)

  func run() async throws {
    guard rows >= 2, rounds >= 1, (1...100).contains(percent), IndexLimits.ef.contains(ef) else {
      throw ValidationError(
        "--rows, --rounds, --percent and --ef take positive numbers, --percent up to 100.")
    }
    BLAS.setThreads(options.builders)
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate(rows: rows)
    let workload = Workload(data, k: options.k)
    progress.end(data.name)
    let plan = ChurnPlan(
      rows: data.count, start: data.count / 2, percent: percent, rounds: rounds)
    var report = Report(machine: Setting(), data: data.name)
    var changing = try ChangingIndex(workload, rows: plan.start, options, progress)
    report.rounds.append(try figures(changing, progress, "as built") { $0.round = 0 })
    for (number, round) in plan.rounds.enumerated() {
      progress.begin("round \(number + 1), deleting")
      let deleting = try changing.delete(round.leaving)
      progress.begin("round \(number + 1), inserting")
      let inserting = try changing.insert(round.arriving, progress)
      report.rounds.append(
        try figures(changing, progress, "round \(number + 1)") {
          $0.round = number + 1
          $0.delete_us = deleting
          $0.insert_us = inserting
        })
    }
    let fresh = try ChangingIndex(workload, rows: changing.live, options, progress)
    report.afresh = try figures(fresh, progress, "afresh") { _ in }
    try options.publish(report, text: text(of: report))
  }

  private func figures(
    _ changing: ChangingIndex, _ progress: ProgressWriter, _ name: String,
    _ complete: (inout Figures) -> Void
  ) throws -> Figures {
    progress.begin("\(name), exact neighbours")
    let trial = try changing.trial(progress)
    progress.begin("\(name), searching")
    let search = try trial.measure(SearchWidth(ef: ef), passes: options.passes)
    progress.end("recall \(grouped(search.recall, decimals: 4))")
    var figures = Figures(
      live: changing.index.count, rows: changing.index.rowCount, bytes: changing.index.memoryBytes,
      search: search)
    complete(&figures)
    return figures
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .text("round"), .number("live"), .number("rows"), .number("index", unit: "MiB"),
      .number("delete", unit: "us"), .number("insert", unit: "us"),
      .number("recall@\(options.k)"), .number("p50", unit: "us"), .number("p95", unit: "us"),
      .number("distances"),
    ])
    for figures in report.rounds + (report.afresh.map { [$0] } ?? []) {
      let mean = { (value: Double?) -> Table.Cell in value.map { .decimal($0, 1) } ?? .none }
      table.add(
        .text(figures.round.map { "\($0)" } ?? "afresh"), .integer(figures.live),
        .integer(figures.rows), .decimal(Double(figures.bytes) / 1_048_576, 1),
        mean(figures.delete_us), mean(figures.insert_us), .decimal(figures.search.recall, 4),
        .decimal(figures.search.p50_us, 1), .decimal(figures.search.p95_us, 1),
        .decimal(figures.search.distances, 0))
    }
    return report.machine.lines.joined(separator: "\n")
      + "\n\(report.data): rounds of deleting \(percent) % and inserting as many, ef \(ef); "
      + "counts per query, times of deleting and inserting per row; the index without the vectors\n\n"
      + table.text() + verdict(report)
  }

  /// What is left after the last round, against the index built afresh of it.
  private func verdict(_ report: Report) -> String {
    guard let last = report.rounds.last?.search, let fresh = report.afresh?.search else {
      return ""
    }
    let recall = fresh.recall - last.recall
    let percent = (last.distances / fresh.distances - 1) * 100
    func line(_ what: String, _ value: String, _ wanted: String, _ holds: Bool) -> String {
      "\(what) by \(value), wanted is less than \(wanted): \(holds ? "holds" : "missed")"
    }
    let lines = [
      line(
        "recall falls", grouped(recall, decimals: 4), "\(Self.wanted.recall)",
        recall < Self.wanted.recall),
      line(
        "distances rise", grouped(percent, decimals: 1) + " %",
        grouped(Self.wanted.percent, decimals: 0) + " %", percent < Self.wanted.percent),
    ]
    return "\nafter the last round, against the index built afresh\n"
      + lines.joined(separator: "\n") + "\n"
  }
}

/// An index whose rows come and go, and which of the workload's rows they are.
private struct ChangingIndex {
  let index: HNSWIndex
  private let workload: Workload
  /// The workload's row of each row of the index.
  private var names: [Int]
  /// The index's row of each of the workload's rows that is in.
  private var places: [Int: Int]

  init(
    _ workload: Workload, rows: [Int], _ options: TrialOptions, _ progress: ProgressWriter
  ) throws {
    self.workload = workload
    names = rows
    places = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
    index = try BuiltIndex(
      rows.flatMap { workload.vector($0) }, dimension: workload.dimension, metric: workload.metric,
      threads: options.builders, progress
    ).index
  }

  /// The workload's rows that are in, ascending.
  var live: [Int] { places.keys.sorted() }

  func trial(_ progress: ProgressWriter) throws -> SearchTrial {
    SearchTrial(
      index: index, workload: workload,
      truth: try workload.exactTruth(among: live, progress), rowNames: names)
  }

  /// Returns the mean time of a row in microseconds.
  mutating func delete(_ rows: [Int]) throws -> Double {
    let start = MonotonicClock.now()
    for row in rows {
      guard let place = places.removeValue(forKey: row) else { continue }
      try index.delete(place)
    }
    return MonotonicClock.seconds(since: start) * 1e6 / Double(max(rows.count, 1))
  }

  /// Returns the mean time of a row in microseconds.
  mutating func insert(_ rows: [Int], _ progress: ProgressWriter) throws -> Double {
    let start = MonotonicClock.now()
    for (done, row) in rows.enumerated() {
      let place = try index.insert(Array(workload.vector(row)))
      // An index may give the places of deleted rows again.
      if place < names.count { names[place] = row } else { names.append(row) }
      places[row] = place
      progress.update(done, of: rows.count)
    }
    return MonotonicClock.seconds(since: start) * 1e6 / Double(max(rows.count, 1))
  }
}
