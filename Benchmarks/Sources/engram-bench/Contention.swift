import ArgumentParser
import BenchmarkSupport
import EngramStore
import Foundation

/// Many writers and readers on one store, of one process or several.
struct Contention: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contention",
    abstract: "Writers adding single memories, each waiting for its acknowledgement, with readers.",
    discussion: """
      Each run begins with a store of its own and is made by processes that are started for it. What \
      begins in the warm-up is done and not counted. Readers search at a fixed arrival rate; their \
      latency counts from the intended start, so that a stall is not hidden. A run ends when the last \
      memory is in the graph. Then every memory that was acknowledged is looked up in another process: \
      those that are not there, or not as they were, are lost.

      Meanwhile 4 KB beside the store are written over and synced 20 times a second, and a thread that \
      does nothing else sleeps a millisecond at a time: what the disk gives, and how late any thread \
      wakes on a machine with that much to do.
      """)

  @OptionGroup var location: StoreLocation
  @Option(help: "Memories in the store before the run.") var preload = 0
  @Option(help: "Adds per second of all writers together; without it as fast as they can.")
  var rate: Double?
  @Option(help: "Numbers of processes, one run each.") var processes = "1"
  @Option(
    help: "Numbers of writers of each process, one run each; 0 is what searches take by themselves.")
  var writers = "0,1,2,4,8,16"
  @Option(help: "Numbers of readers of each process, one run each.") var readers = "0,2"
  @Option(help: "Searches per second of each reader.") var readerRate = 100.0
  @Option(help: "Seconds before those that are measured.") var warmUp = 1.0
  @Option(help: "Seconds of each run.") var seconds = 10.0
  @Option(help: "full, process or none.") var durability = "full"
  @Flag(
    inversion: .prefixedNo, help: "Sync 4 KB beside the store meanwhile, 20 times a second.")
  var syncProbe = true
  @OptionGroup var output: OutputOptions

  struct RunFigures: Encodable {
    var processes: Int
    /// Of each process.
    var writers: Int
    var readers: Int
    var durability: String
    var adds: Int
    var adds_per_s: Double
    var add_p50_us, add_p95_us, add_p99_us, add_p999_us, add_max_us: Double?
    /// Of the writer that was served least, and of the one that was served best.
    var least_adds, most_adds: Int?
    var searches: Int
    var search_p50_us, search_p95_us, search_p99_us: Double?
    var search_service_p95_us: Double?
    var errors: Int
    /// How often what was said.
    var error_texts: [String: Int]
    /// Processes that could not open the store, and what was said.
    var refused: Int
    var refusals: [String: Int]
    /// With those of the warm-up.
    var acknowledged: Int
    /// Acknowledged, and not there afterwards.
    var lost: Int
    /// Of 4 KB beside the store, and how late an idle thread woke.
    var sync, wake: ProbeFigures?
  }

  struct Report: Encodable {
    var machine: Setting
    var data: String
    var preload: Int
    var warm_up_s, seconds: Double
    var runs: [RunFigures]
  }

  func run() async throws {
    guard let level = Durability(rawValue: durability) else {
      throw ValidationError("--durability must be full, process or none, not \(durability).")
    }
    if level == .full { try location.refuseVolatile() }
    let counts = (
      processes: try numberList(processes, in: 1...64, option: "processes"),
      writers: try numberList(writers, in: 0...1_024, option: "writers"),
      readers: try numberList(readers, in: 0...1_024, option: "readers")
    )
    guard seconds > 0, readerRate > 0, (rate ?? 1) > 0, preload >= 0, warmUp >= 0 else {
      throw ValidationError(
        "--seconds, --reader-rate and --rate take positive numbers, --warm-up none below 0.")
    }
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate()
    progress.end(data.name)
    guard preload < data.count else {
      throw ValidationError("--preload must be below the \(data.count) memories of \(data.name).")
    }
    var report = Report(
      machine: Setting(directory: location.dir), data: data.name, preload: preload,
      warm_up_s: warmUp, seconds: seconds, runs: [])
    for processCount in counts.processes {
      for readerCount in counts.readers {
        for writerCount in counts.writers where writerCount + readerCount > 0 {
          progress.begin(
            "\(processCount) processes, \(writerCount) writers, \(readerCount) readers, "
              + durability)
          let path = try location.fresh("contention")
          let load = ContentionLoad(
            path: path, durability: durability, writers: writerCount, readers: readerCount,
            first: preload, rate: rate, readerRate: readerRate, warmUp: warmUp, seconds: seconds)
          let trial = ContentionTrial(
            data: data, path: path, load: load, processes: processCount,
            probeFile: syncProbe ? "\(location.dir)/probe" : nil)
          let figures = try await trial.run()
          report.runs.append(figures)
          progress.end("\(grouped(Int(figures.adds_per_s))) adds/s")
          for file in [path, "\(location.dir)/probe"] {
            try? FileManager.default.removeItem(atPath: file)
          }
        }
      }
    }
    try output.publish(report, text: text(of: report))
  }

  private func text(of report: Report) -> String {
    report.machine.lines.joined(separator: "\n")
      + "\ndata: \(report.data), \(grouped(preload)) memories before each run of "
      + "\(grouped(seconds, decimals: 0)) s after a warm-up of \(grouped(warmUp, decimals: 1)) s\n\n"
      + runs(report).text() + errors(report) + besideAWriter(report) + "\n"
      + probes(report).text()
  }

  private func runs(_ report: Report) -> Table {
    var table = Table(columns: [
      .number("processes"), .number("writers"), .number("readers"), .text("durability"),
      .number("adds/s"), .number("add p50", unit: "us"), .number("p95", unit: "us"),
      .number("p99", unit: "us"), .number("p99.9", unit: "us"), .number("max", unit: "us"),
      .number("least adds"), .number("most adds"), .number("search p50", unit: "us"),
      .number("p95", unit: "us"), .number("service p95", unit: "us"), .number("errors"),
      .number("lost"),
    ])
    for run in report.runs {
      table.add(
        .integer(run.processes), .integer(run.writers), .integer(run.readers),
        .text(run.durability), run.writers == 0 ? .none : .integer(Int(run.adds_per_s)),
        cell(run.add_p50_us), cell(run.add_p95_us), cell(run.add_p99_us), cell(run.add_p999_us),
        cell(run.add_max_us), run.least_adds.map { .integer($0) } ?? .none,
        run.most_adds.map { .integer($0) } ?? .none, cell(run.search_p50_us),
        cell(run.search_p95_us), cell(run.search_service_p95_us),
        .integer(run.errors + run.refused), .integer(run.lost))
    }
    return table
  }

  private func cell(_ value: Double?) -> Table.Cell { value.map { .decimal($0, 1) } ?? .none }

  private func errors(_ report: Report) -> String {
    var text = ""
    for run in report.runs {
      let said = run.error_texts.merging(run.refusals, uniquingKeysWith: +)
      for (error, count) in said.sorted(by: { $0.value > $1.value }) {
        text += "\n\(run.processes) processes, \(run.writers) writers, \(run.readers) readers: "
        text += "\(count) times \(error)\n"
      }
    }
    return text
  }

  /// What disk and processors gave, and what an add's p99.9 may be there: 50 ms, or five times the
  /// slowest sync where that is more.
  private func probes(_ report: Report) -> Table {
    var table = Table(
      "The machine meanwhile: syncs of 4 KB beside the store, and how late an idle thread wakes",
      columns: [
        .number("processes"), .number("writers"), .number("readers"),
        .number("sync p50", unit: "us"), .number("p99", unit: "us"), .number("max", unit: "us"),
        .number("wake-up p50", unit: "us"), .number("p95", unit: "us"), .number("p99", unit: "us"),
        .number("bound of add p99.9", unit: "us"), .text("kept"),
      ])
    for run in report.runs {
      let bound = max(50_000, 5 * (run.sync?.max_us ?? 0))
      table.add(
        .integer(run.processes), .integer(run.writers), .integer(run.readers),
        cell(run.sync?.p50_us), cell(run.sync?.p99_us), cell(run.sync?.max_us),
        cell(run.wake?.p50_us), cell(run.wake?.p95_us), cell(run.wake?.p99_us),
        run.writers == 0 ? .none : cell(bound),
        run.add_p999_us.map { .text($0 <= bound ? "yes" : "no") } ?? .none)
    }
    return table
  }

  /// What one writer costs a search, by how many readers there are.
  private func besideAWriter(_ report: Report) -> String {
    func service(_ writers: Int, _ readers: Int) -> Double? {
      report.runs.first {
        $0.processes == 1 && $0.writers == writers && $0.readers == readers
      }?.search_service_p95_us
    }
    return Set(report.runs.map(\.readers)).sorted().compactMap { readers -> String? in
      guard let alone = service(0, readers), let beside = service(1, readers) else { return nil }
      return "\nservice p95 of \(readers) readers beside one writer is "
        + "\(grouped(beside / alone, decimals: 2)) times that without\n"
    }.joined()
  }
}
