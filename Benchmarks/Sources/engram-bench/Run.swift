import ArgumentParser
import BenchmarkSupport
import EngramIndex
import EngramStore
import Foundation

/// The main job: a store of each size, loaded durably, searched, changed and opened again.
struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "The whole suite on the best data set there is; writes a report.",
    discussion: """
      With ENGRAM_DATASETS set to a folder that holds dialog-100k it measures on real memories, \
      else on a deterministic set that it generates. The report goes to results/<label>/.
      """)

  /// Memories in the store, size after size.
  static let sizes = [4_300, 10_000, 50_000, 100_000]

  @Flag(help: "Fewer passes over the queries; all sizes.") var quick = false
  @OptionGroup var location: StoreLocation
  @Option(help: "Name of the report's folder; default: processor and cores.")
  var label: String?
  @Option(help: "Folder of the reports.") var results = "results"
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try location.refuseVolatile()
    BLAS.setThreads(ProcessInfo.processInfo.activeProcessorCount)
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate()
    progress.end(data.name)
    var report = RunReport(
      machine: Setting(directory: location.dir), data: data.name, summary: data.summary,
      origin: data.origin, dimension: data.dimension, quick: quick, sizes: [])
    for size in Self.sizes where size <= data.count {
      let trial = StoreTrial(
        data: data, size: size, passes: quick ? 2 : 5, operations: quick ? 500 : 2_000,
        path: try location.fresh("run-\(size)"), progress: progress)
      report.sizes.append(try await trial.run())
      try? FileManager.default.removeItem(atPath: trial.path)
    }
    let folder = "\(results)/\(label ?? report.machine.machine.defaultLabel)"
    try JSONOutput.write(report, to: "\(folder)/run.json")
    try ReportFile.write(report.markdown, to: "\(folder)/run.md")
    try ReportFile.write(report.plot, to: "\(folder)/run.svg")
    progress.say("the report is in \(folder)/")
    try output.publish(report, text: report.text)
  }
}
