import ArgumentParser
import EngramStore

struct Advise: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says how a store stands against a service level, and whether to move to a larger engine.",
    discussion: """
      It does not see what programs that have the store open have measured. It searches itself, 300 \
      times with vectors of the store picked at random, and measures how fast the files are read; it \
      writes nothing. What only a program that writes can measure is said to be not measured: there, \
      ask `Store.advise`.

      Exit code 0: every limit that was measured holds. 3: one does not, or will not before long.
      """)

  @Option(
    name: .customLong("search-p95"),
    help: ArgumentHelp("95 of 100 searches take no longer. (default: 10)", valueName: "ms"))
  var searchP95: Double?

  @Option(
    name: .customLong("add-p95"),
    help: ArgumentHelp("95 of 100 inserts take no longer. (default: 50)", valueName: "ms"))
  var addP95: Double?

  @Option(
    help: ArgumentHelp(
      "Requests by which the queue of writes may grow in a minute. (default: 60)",
      valueName: "requests"))
  var queueGrowth: Double?

  @Option(help: ArgumentHelp("A backup takes no longer. (default: 600)", valueName: "s"))
  var backup: Double?

  @Option(
    help: ArgumentHelp(
      "Memory that the index may take. (default: half of the machine's)", valueName: "bytes"))
  var memory: Int?

  @Option(
    help: ArgumentHelp(
      "Room that the files may take. (default: half of what there is on the disk)",
      valueName: "bytes"))
  var disk: Int?

  @Option(
    help: ArgumentHelp(
      "Share of the true neighbours that searches find. (default: 0.99)", valueName: "share"))
  var recall: Double?

  @Option(
    help: ArgumentHelp("How far ahead growth is looked at. (default: 30)", valueName: "days"))
  var daysAhead: Double?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let level = try level
      let advice = try await withStore(store.path) { store in
        try await store.advise(level, probing: true)
      }
      return Output(advice.fields, prose: advice.prose, code: advice.verdict == .stay ? 0 : 3)
    }
  }

  private var level: ServiceLevel {
    get throws {
      var level = ServiceLevel()
      if let searchP95 { level.searchP95 = try duration(searchP95, .milliseconds(1), "search-p95") }
      if let addP95 { level.addP95 = try duration(addP95, .milliseconds(1), "add-p95") }
      if let queueGrowth { level.queueGrowth = queueGrowth }
      if let backup { level.backup = try duration(backup, .seconds(1), "backup") }
      level.memoryBytes = memory
      level.diskBytes = disk
      if let recall { level.recall = recall }
      if let daysAhead { level.daysAhead = daysAhead }
      return level
    }
  }

  /// A duration holds no more than about 10^11 years.
  private func duration(
    _ count: Double, _ unit: Duration, _ option: String
  ) throws(StoreError) -> Duration {
    guard count > 0, count < 1e12 else {
      throw .invalid(field: option, reason: "it must be above 0, and a time")
    }
    return unit * count
  }
}

extension Advice {
  fileprivate var fields: [Output.Field] {
    [
      ("verdict", .string(verdict.rawValue)), ("summary", .string(summary)),
      ("items", .array(items.map(\.json))), ("growth", .array(growth.map(\.json))),
    ]
  }

  /// A line for each figure, and why below it.
  fileprivate var prose: String {
    var lines = [summary, ""]
    let width = items.map(\.figure.rawValue.count).max() ?? 0
    for item in items {
      let name = item.figure.rawValue.padding(toLength: width, withPad: " ", startingAt: 0)
      let indent = String(repeating: " ", count: width)
      lines.append("\(name)  \(item.line)")
      lines.append("\(indent)  \(item.reason)")
    }
    lines.append("")
    for growth in growth {
      func count(_ value: Int) -> String { Advice.Unit.rows.text(Double(value)) }
      let span = growth.days == 1 ? "day" : "\(growth.days) days"
      let rest = growth.isCovered ? "" : " (all its history)"
      lines.append(
        "last \(span)\(rest): \(count(growth.added)) memories added, \(count(growth.gained)) more "
          + "than before, \(count(growth.changes)) changes")
    }
    return lines.joined(separator: "\n")
  }
}

extension Advice.Item {
  fileprivate var json: JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map { .double($0) } ?? .null }
    return .object([
      "figure": .string(figure.rawValue), "unit": .string(unit.rawValue),
      "measured": number(measured), "limit": .double(limit), "used": number(used),
      "state": .string(state.rawValue), "days_left": number(daysLeft),
      "verdict": .string(verdict.rawValue), "reason": .string(reason),
    ])
  }

  fileprivate var line: String {
    var parts = [state.rawValue]
    if let measured { parts.append("\(unit.text(measured)) of \(unit.text(limit))") }
    if let used { parts.append("\(Advice.Unit.share.text(used)) used") }
    if let daysLeft, daysLeft < 3_650 { parts.append("full in \(Int(daysLeft)) days") }
    if verdict != .stay { parts.append(verdict.rawValue) }
    return parts.joined(separator: ", ")
  }
}

extension Advice.Growth {
  fileprivate var json: JSONValue {
    .object([
      "days": .int(Int64(days)), "covered": .bool(isCovered), "added": .int(Int64(added)),
      "gained": .int(Int64(gained)), "changes": .int(Int64(changes)),
    ])
  }
}
