import ArgumentParser
import BenchmarkSupport
import EngramIndex
import EngramStore
import Foundation

/// Searches of a store within scopes and behind metadata filters.
struct StoreFilters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filters",
    abstract: "Searches of a store by scope and metadata filter, resolving the filter included.",
    discussion: """
      Beside the data set's own metadata each memory gets a uniform number of 0...9 ("tenth"), one \
      of 0...99 ("hundredth"), its position ("number") and two of 20 tags. Recall counts against \
      exact neighbours among the memories that pass.
      """)

  @OptionGroup var location: StoreLocation
  @Option(help: "Memories in the store.") var memories = 100_000
  @Option(help: "Passes over the queries of each case, after one that warms up.") var passes = 3
  @OptionGroup var output: OutputOptions

  struct Figures: Encodable {
    var name: String
    var passing: Int
    var plan: String
    var recall: Double
    /// Of the whole search, and of finding the rows that pass.
    var p50_us, p95_us, p99_us: Double
    var resolve_p50_us, resolve_p95_us: Double
    /// Of the first search, where it made postings.
    var first_ms: Double?
  }

  struct Report: Encodable {
    var machine: Setting
    var data: String
    var memories: Int
    var load_s: Double
    var keys = 0
    var postings_bytes = 0
    var cases: [Figures] = []
  }

  func run() async throws {
    guard memories >= 1, passes >= 1 else {
      throw ValidationError("--memories and --passes take positive numbers.")
    }
    BLAS.setThreads(ProcessInfo.processInfo.activeProcessorCount)
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate()
    progress.end(data.name)
    let path = try location.fresh("filters")
    let trial = try FilterTrial(
      data: data, size: min(memories, data.count), passes: passes, path: path, progress: progress)
    let report = try await trial.run(Setting(directory: location.dir))
    try? FileManager.default.removeItem(atPath: path)
    try output.publish(report, text: text(of: report))
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .text("condition"), .number("passing"), .text("plan"), .number("recall@10"),
      .number("p50", unit: "us"), .number("p95", unit: "us"), .number("p99", unit: "us"),
      .number("resolve p50", unit: "us"), .number("p95", unit: "us"), .number("first", unit: "ms"),
    ])
    for one in report.cases {
      table.add(
        .text(one.name), .integer(one.passing), .text(one.plan), .decimal(one.recall, 4),
        .decimal(one.p50_us, 1), .decimal(one.p95_us, 1), .decimal(one.p99_us, 1),
        .decimal(one.resolve_p50_us, 1), .decimal(one.resolve_p95_us, 1),
        one.first_ms.map { .decimal($0, 1) } ?? .none)
    }
    return report.machine.lines.joined(separator: "\n")
      + "\ndata: \(report.data), \(grouped(report.memories)) memories; one thread; \"first\" is the "
      + "search that made a key's postings\n\(report.keys) keys have postings, about "
      + "\(byteText(report.postings_bytes))\n\n" + table.text()
  }
}

/// A store, and the conditions to search it under.
private struct FilterTrial {
  struct Condition {
    var name: String
    var scope = Scope.all
    var filter: Filter?
  }

  let data: Dataset
  let size: Int
  let passes: Int
  let path: String
  let progress: ProgressWriter
  private let metadata: [Metadata]

  init(
    data: Dataset, size: Int, passes: Int, path: String, progress: ProgressWriter
  ) throws {
    self.data = data
    self.size = size
    self.passes = passes
    self.path = path
    self.progress = progress
    metadata = try (0..<size).map { row in
      var values = try Metadata(json: data.records.metadata[row]).values
      let draw = Hash.mix(UInt64(row))
      values["tenth"] = .int(Int64(draw % 10))
      values["hundredth"] = .int(Int64(draw / 10 % 100))
      values["number"] = .int(Int64(row))
      values["tags"] = [.string("tag \(draw / 1_000 % 20)"), .string("tag \(draw / 20_000 % 20)")]
      return try Metadata(values)
    }
  }

  func run(_ machine: Setting) async throws -> StoreFilters.Report {
    let store = try Store(
      path: path,
      configuration: StoreConfiguration(
        dimension: data.dimension, model: data.name, durability: .none))
    let (ids, seconds) = try await load(store)
    var report = StoreFilters.Report(
      machine: machine, data: data.name, memories: size, load_s: seconds)
    for condition in try conditions() {
      progress.begin(condition.name)
      report.cases.append(try measure(condition, store))
      progress.end()
    }
    // Fewer than make new postings: each search asks them one by one.
    for row in 0..<min(500, size) {
      try await store.update(ids[row], MemoryUpdate(metadata: metadata[row]))
    }
    var tenth = try Self.filtered(#"{"tenth": 3}"#)
    tenth.name += ", 500 memories changed since"
    progress.begin(tenth.name)
    report.cases.append(try measure(tenth, store))
    progress.end()
    let statistics = try store.statistics()
    report.keys = statistics.filterKeys
    report.postings_bytes = statistics.filterBytes
    try await store.close()
    return report
  }

  private func load(_ store: Store) async throws -> (ids: [UUID], seconds: Double) {
    progress.begin("load")
    let start = MonotonicClock.now()
    var ids: [UUID] = []
    for begin in stride(from: 0, to: size, by: 1_000) {
      let end = min(begin + 1_000, size)
      ids += try await store.insert(
        (begin..<end).map { data.memory($0, metadata: metadata[$0]) })
      progress.update(end, of: size)
    }
    try await store.waitUntilIndexed()
    let seconds = MonotonicClock.seconds(since: start)
    progress.end(String(format: "%.1f s", seconds))
    return (ids, seconds)
  }

  // MARK: Conditions

  private func conditions() throws -> [Condition] {
    let users = Self.byCount(data.records.userIDs.prefix(size))
    let agents = Self.byCount(data.records.agentIDs.prefix(size))
    let categories = Self.byCount(
      metadata.lazy.compactMap {
        if case .string(let name)? = $0["category"] { name } else { nil }
      })
    var list = [Condition(name: "none")]
    for (kind, names) in [("user", users), ("agent", agents)] {
      for (which, name) in [
        ("largest", names.first), ("second", names.dropFirst().first),
        ("median", names.isEmpty ? nil : names[names.count / 2]),
      ] {
        guard let name else { continue }
        list.append(
          Condition(
            name: "\(which) \(kind)", scope: kind == "user" ? Scope(user: name) : Scope(agent: name)))
      }
    }
    list += try [
      #"{"tenth": 3}"#, #"{"hundredth": 42}"#, #"{"tenth": {"in": [1, 2]}}"#,
      #"{"hundredth": {"in": [1, 2, 3]}}"#, #"{"tenth": {"ne": 3}}"#, #"{"hundredth": {"lt": 10}}"#,
      #"{"number": {"gte": \#(size - size / 10)}}"#, #"{"number": {"lt": \#(size / 2)}}"#,
      #"{"tags": "tag 7"}"#, #"{"tags": {"contains": "tag 7"}}"#,
      #"{"category": {"contains": "res"}}"#, #"{"category": {"icontains": "RES"}}"#,
      #"{"tenth": 3, "hundredth": {"lt": 50}}"#, #"{"OR": [{"tenth": 3}, {"hundredth": 42}]}"#,
      #"{"NOT": [{"tenth": 3}, {"tags": "tag 7"}]}"#,
    ].map(Self.filtered)
    for category in [categories.first, categories.dropFirst().first, categories.last] {
      guard let category else { continue }
      list.append(
        Condition(
          name: #"{"category": "\#(category)"}"#,
          filter: try Filter(json: ["category": .string(category)])))
    }
    if let agent = agents.first, let user = users.first {
      var inAgent = try Self.filtered(#"{"tenth": 3}"#)
      inAgent.scope = Scope(agent: agent)
      inAgent.name += " of the largest agent"
      var inUser = try Self.filtered(#"{"tenth": {"ne": 3}}"#)
      inUser.scope = Scope(user: user)
      inUser.name += " of the largest user"
      list += [inAgent, inUser]
    }
    return list
  }

  private static func filtered(_ text: String) throws -> Condition {
    Condition(name: text, filter: try Filter(parsing: text))
  }

  private static func byCount(_ names: some Sequence<String>) -> [String] {
    let counts = names.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
  }

  // MARK: Measuring

  private func measure(_ condition: Condition, _ store: Store) throws -> StoreFilters.Figures {
    let (scope, filter) = (condition.scope, condition.filter)
    let first = try store.explain(
      Array(data.queryVector(0)), k: StoreTrial.k, scope: scope, filter: filter)
    let passing = try rows(passing: condition)
    let recall = try StoreRecall(data, size: size).mean(
      of: store, among: passing, scope: scope, filter: filter)
    var (samples, resolve) = (Samples(), Samples())
    var plans: [String: Int] = [:]
    for _ in 0..<passes {
      for query in 0..<data.queries.count {
        let vector = Array(data.queryVector(query))
        let found = try samples.time {
          try store.search(vector, k: StoreTrial.k, scope: scope, filter: filter)
        }
        precondition(found.count == min(StoreTrial.k, passing.count))
      }
    }
    for query in 0..<data.queries.count {
      let explanation = try store.explain(
        Array(data.queryVector(query)), k: StoreTrial.k, scope: scope, filter: filter)
      precondition(explanation.passing == passing.count)
      resolve.append(UInt64(explanation.resolveMicroseconds * 1e3))
      plans[explanation.cost.plan?.rawValue ?? "none", default: 0] += 1
    }
    guard let latency = samples.summary, let resolving = resolve.summary else {
      throw ValidationError("the data set has no queries.")
    }
    return StoreFilters.Figures(
      name: condition.name, passing: passing.count,
      plan: plans.max { $0.value < $1.value }?.key ?? "none", recall: recall,
      p50_us: microseconds(latency.p50), p95_us: microseconds(latency.p95),
      p99_us: microseconds(latency.p99), resolve_p50_us: microseconds(resolving.p50),
      resolve_p95_us: microseconds(resolving.p95),
      first_ms: first.filter == .postingsBuilt ? first.resolveMicroseconds / 1e3 : nil)
  }

  /// From the metadata themselves, without the store.
  private func rows(passing condition: Condition) throws -> [Int] {
    let records = data.records
    return (0..<size).filter { row in
      (condition.scope.user.map { $0 == records.userIDs[row] } ?? true)
        && (condition.scope.agent.map { $0 == records.agentIDs[row] } ?? true)
        && (condition.filter.map { $0.matches(.object(metadata[row].values)) } ?? true)
    }
  }
}
