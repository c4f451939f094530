import ArgumentParser
import BenchmarkSupport
import EngramIndex
import EngramStore
import Foundation

/// Searches by meaning and words, from a question's text to ranked memories, embedding excluded.
struct Ask: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Latency of searches by meaning and words, within a user's scope and without one.")

  @OptionGroup var location: StoreLocation
  @Option(help: "Memories in the stores.") var memories = [4_300, 100_000]
  @Option(help: "Passes over the queries, after one that warms up.") var passes = 3
  @OptionGroup var output: OutputOptions

  struct Figures: Encodable {
    var memories: Int
    var scope: String
    var p50_us, p95_us, p99_us: Double
    /// Of a search by vector alone, in turn with those.
    var vector_p50_us, vector_p95_us: Double
  }

  /// Of questions about a past moment.
  struct PastFigures: Encodable {
    var memories: Int
    var scope: String
    /// Versions that were there in the scope, in the mean; no more than 10,000 are counted.
    var versions: Double
    var p50_us, p95_us: Double
  }

  struct Report: Encodable {
    var machine: Setting
    var data: String
    /// Of the first question, which reads the texts.
    var first_ms: [String: Double] = [:]
    var cases: [Figures] = []
    var past: [PastFigures] = []
  }

  func run() async throws {
    guard passes >= 1, memories.allSatisfy({ $0 >= 1 }) else {
      throw ValidationError("--memories and --passes take positive numbers.")
    }
    BLAS.setThreads(ProcessInfo.processInfo.activeProcessorCount)
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate()
    progress.end(data.name)
    var report = Report(machine: Setting(directory: location.dir), data: data.name)
    for size in memories.map({ min($0, data.count) }) {
      progress.begin("\(grouped(size)) memories")
      try await measure(data, size, &report)
      progress.end()
    }
    try output.publish(report, text: text(of: report))
  }

  private func measure(_ data: Dataset, _ size: Int, _ report: inout Report) async throws {
    let path = try location.fresh("ask")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let store = try Store(
      path: path,
      configuration: StoreConfiguration(
        dimension: data.dimension, model: data.name, durability: .none))
    for begin in stride(from: 0, to: size, by: 1_000) {
      let rows = begin..<min(begin + 1_000, size)
      try await store.insert(rows.map { data.memory($0) })
    }
    try await store.waitUntilIndexed()
    let queries = 0..<data.queries.count
    let (_, first) = try MonotonicClock.measure {
      try store.ask(data.queries.texts[0], vector: Array(data.queryVector(0)), k: 10)
    }
    report.first_ms["\(size)"] = Double(first) / 1e6
    for isScoped in [true, false] {
      var (asked, searched) = (Samples(), Samples())
      for pass in 0...passes {
        for query in queries {
          let vector = Array(data.queryVector(query))
          let scope = isScoped ? Scope(user: data.queries.userIDs[query]) : .all
          let (_, ask) = try MonotonicClock.measure {
            try store.ask(data.queries.texts[query], vector: vector, k: 10, options: AskOptions(scope: scope))
          }
          let (_, search) = try MonotonicClock.measure {
            try store.search(vector, k: 10, scope: scope)
          }
          guard pass > 0 else { continue }
          asked.append(ask)
          searched.append(search)
        }
      }
      guard let asks = asked.summary, let searches = searched.summary else { continue }
      report.cases.append(
        Figures(
          memories: size, scope: isScoped ? "a user" : "none", p50_us: microseconds(asks.p50),
          p95_us: microseconds(asks.p95), p99_us: microseconds(asks.p99),
          vector_p50_us: microseconds(searches.p50), vector_p95_us: microseconds(searches.p95)))
    }
    try await measurePast(store, data, size, &report)
    try await store.close()
  }

  /// Ends a tenth of the memories, and asks for the moment before: all versions of the scope are looked at.
  private func measurePast(
    _ store: Store, _ data: Dataset, _ size: Int, _ report: inout Report
  ) async throws {
    let then = Date()
    let page = try store.list(limit: 1_000)
    for memory in page.memories.prefix(size / 10) { try await store.delete(memory.id) }
    for (isScoped, count) in [(true, 100), (false, 5)] {
      var samples = Samples()
      var versions = 0
      for query in 0..<min(count, data.queries.count) {
        let vector = Array(data.queryVector(query))
        let scope = isScoped ? Scope(user: data.queries.userIDs[query]) : .all
        let options = AskOptions(scope: scope, asOf: then)
        versions += try store.ask(
          data.queries.texts[query], vector: vector, k: 10_000, options: options
        ).count
        let (_, asked) = try MonotonicClock.measure {
          try store.ask(data.queries.texts[query], vector: vector, k: 10, options: options)
        }
        samples.append(asked)
      }
      guard let summary = samples.summary else { continue }
      report.past.append(
        PastFigures(
          memories: size, scope: isScoped ? "a user" : "none",
          versions: Double(versions) / Double(min(count, data.queries.count)),
          p50_us: microseconds(summary.p50), p95_us: microseconds(summary.p95)))
    }
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .number("memories"), .text("scope"), .number("p50", unit: "us"), .number("p95", unit: "us"),
      .number("p99", unit: "us"), .number("vector alone p50", unit: "us"), .number("p95", unit: "us"),
    ])
    for one in report.cases {
      table.add(
        .integer(one.memories), .text(one.scope), .decimal(one.p50_us, 0), .decimal(one.p95_us, 0),
        .decimal(one.p99_us, 0), .decimal(one.vector_p50_us, 0), .decimal(one.vector_p95_us, 0))
    }
    let first = report.first_ms.sorted { $0.value < $1.value }.map {
      String(format: "%.0f ms", $0.value) + " at \($0.key)"
    }.joined(separator: ", ")
    var past = Table(columns: [
      .number("memories"), .text("scope"), .number("versions"), .number("p50", unit: "us"),
      .number("p95", unit: "us"),
    ])
    for one in report.past {
      past.add(
        .integer(one.memories), .text(one.scope), .decimal(one.versions, 0), .decimal(one.p50_us, 0),
        .decimal(one.p95_us, 0))
    }
    return report.machine.lines.joined(separator: "\n")
      + "\ndata: \(report.data); the 10 best, one thread, embedding excluded; the first question, which "
      + "reads all texts: \(first)\n\n" + table.text()
      + "\nas of a moment before some were deleted: every version that was there in the scope is scored\n\n"
      + past.text()
  }
}
