import ArgumentParser
import BenchmarkSupport
import Engram
import EngramModels
import EngramStore
import Foundation

/// A support bot's days: many users talk at once, and each interaction is added.
struct Support: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Interactions of many users at once through the memory layer, embedding included.",
    discussion: """
      Each interaction is an utterance of the data set as a message of its user. Consolidation \
      verbatim embeds and keeps every one; supersede keeps what the rules take for lasting facts.
      """)

  @OptionGroup var location: StoreLocation
  @Option(help: ArgumentHelp("The model's folder; default: where engram model fetch puts it."))
  var model: String?
  @Option(help: "Interactions.") var interactions = 5_000
  @Option(help: "Users who talk at once.") var users = 32
  @OptionGroup var output: OutputOptions

  struct Figures: Encodable {
    var mode: String
    var interactions: Int
    var kept: Int
    var errors: Int
    var seconds: Double
    /// Of `add`, embedding included.
    var p50_ms, p95_ms, p99_ms, max_ms: Double
    /// Of the durable write within it.
    var write_p50_ms, write_p95_ms, write_p99_ms: Double
  }

  struct Report: Encodable {
    var machine: Setting
    var data: String
    var users: Int
    var modes: [Figures] = []
  }

  func run() async throws {
    guard interactions >= 1, users >= 1 else {
      throw ValidationError("--interactions and --users take positive numbers.")
    }
    try location.refuseVolatile()
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate()
    progress.end(data.name)
    let model = try MiniLM.installed(in: model)
    var report = Report(
      machine: Setting(directory: location.dir), data: data.name, users: users)
    for mode in [Consolidation.supersede, .verbatim] {
      progress.begin(mode.rawValue)
      report.modes.append(try await measure(mode, data, model))
      progress.end()
    }
    try output.publish(report, text: text(of: report))
  }

  private func measure(
    _ mode: Consolidation, _ data: Dataset, _ model: MiniLM
  ) async throws -> Figures {
    let path = try location.fresh("support")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let engine = try MemoryEngine(path: path, embedder: model)
    let texts = data.records.texts
    let (users, count) = (users, interactions)
    let begin = MonotonicClock.now()
    let (samples, kept, errors) = await withTaskGroup(of: (Samples, Int, Int).self) { group in
      for user in 0..<users {
        group.addTask {
          var (samples, kept, errors) = (Samples(), 0, 0)
          for row in stride(from: user, to: count, by: users) {
            let start = MonotonicClock.now()
            do {
              kept += try await engine.add(
                [Message(.user, texts[row % texts.count])], scope: Scope(user: "user \(user)"),
                options: AddOptions(mode: mode)
              ).count { $0.event == .add }
            } catch { errors += 1 }
            samples.append(MonotonicClock.now() - start)
          }
          return (samples, kept, errors)
        }
      }
      return await group.reduce(into: (Samples(), 0, 0)) { all, one in
        all.0.append(contentsOf: one.0)
        all.1 += one.1
        all.2 += one.2
      }
    }
    let seconds = MonotonicClock.seconds(since: begin)
    let writes = try engine.store.figures().add.sinceOpening
    try await engine.close()
    let summary = samples.summary
    func milliseconds(_ nanoseconds: UInt64?) -> Double { Double(nanoseconds ?? 0) / 1e6 }
    return Figures(
      mode: mode.rawValue, interactions: count, kept: kept, errors: errors, seconds: seconds,
      p50_ms: milliseconds(summary?.p50), p95_ms: milliseconds(summary?.p95),
      p99_ms: milliseconds(summary?.p99), max_ms: milliseconds(summary?.max),
      write_p50_ms: writes.p50 / .milliseconds(1), write_p95_ms: writes.p95 / .milliseconds(1),
      write_p99_ms: writes.p99 / .milliseconds(1))
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .text("consolidation"), .number("interactions"), .number("memories"), .number("errors"),
      .number("took", unit: "s"), .number("add p50", unit: "ms"), .number("p95", unit: "ms"),
      .number("p99", unit: "ms"), .number("max", unit: "ms"), .number("write p50", unit: "ms"),
      .number("p95", unit: "ms"), .number("p99", unit: "ms"),
    ])
    for one in report.modes {
      table.add(
        .text(one.mode), .integer(one.interactions), .integer(one.kept), .integer(one.errors),
        .decimal(one.seconds, 1), .decimal(one.p50_ms, 1), .decimal(one.p95_ms, 1),
        .decimal(one.p99_ms, 1), .decimal(one.max_ms, 1), .decimal(one.write_p50_ms, 1),
        .decimal(one.write_p95_ms, 1), .decimal(one.write_p99_ms, 1))
    }
    return report.machine.lines.joined(separator: "\n")
      + "\ndata: \(report.data); \(report.users) users at once, full durability; embedded by "
      + "\(MiniLM.name) on this machine\n\n" + table.text()
  }
}
