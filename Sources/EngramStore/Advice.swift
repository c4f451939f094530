import EngramIndex
import Foundation

/// How a store stands against a service level, and whether it is time for something else.
public struct Advice: Sendable, Hashable {
  public enum Verdict: String, Sendable, CaseIterable, Comparable {
    /// Nothing is to be done.
    case stay
    /// Something can be mended in this engine; the reason says what.
    case act
    /// This engine has nothing left to turn: time to move to a larger one.
    case move

    public static func < (one: Self, other: Self) -> Bool {
      allCases.firstIndex(of: one) ?? 0 < allCases.firstIndex(of: other) ?? 0
    }
  }

  /// What is looked at.
  public enum Figure: String, Sendable, CaseIterable {
    case searchP95 = "search p95"
    case addP95 = "add p95"
    case queueGrowth = "write queue growth"
    case backup = "backup duration"
    case memory
    case disk
    case recall
    /// Rows of the index, against the number that it can hold.
    case rows = "index rows"
  }

  /// What measured values and limits are in.
  public enum Unit: String, Sendable {
    case seconds
    case requestsPerMinute = "requests per minute"
    case bytes
    case share
    case rows
  }

  public enum State: String, Sendable {
    case holds
    case exceeded
    /// Measured, on too few samples to count.
    case tooFew = "too few samples"
    case notMeasured = "not measured"
  }

  /// One figure against its limit.
  public struct Item: Sendable, Hashable {
    public var figure: Figure
    public var unit: Unit
    /// Nil where it is not known.
    public var measured: Double?
    public var limit: Double
    /// Part of the limit that is used; of recall, the part of the misses that are allowed.
    public var used: Double?
    public var state: State
    /// Days until it reaches its limit if the store goes on growing as it does; nil where it does not
    /// grow, or nobody can tell yet.
    public var daysLeft: Double?
    public var verdict: Verdict
    /// In sentences: what was measured on what, and what to do.
    public var reason: String
  }

  /// How the store has grown.
  public struct Growth: Sendable, Hashable {
    /// Over so many days before now.
    public var days: Int
    /// Whether the history goes back that far; what came in the days that it has counts otherwise.
    public var isCovered: Bool
    /// Memories added, and how many more there are than before.
    public var added: Int
    public var gained: Int
    /// Changes of any kind.
    public var changes: Int
  }

  public var items: [Item]
  /// Over 1, 7 and 30 days.
  public var growth: [Growth]
  /// The one of the item that has the most to say.
  public var verdict: Verdict
  /// The verdict in sentences.
  public var summary: String

  public subscript(figure: Figure) -> Item? { items.first { $0.figure == figure } }
}

/// What advice is given on. All of it measured; the rules are in `Advice`.
struct AdviceMeasurements {
  struct Times {
    var p50 = 0.0
    var p95 = 0.0
    var count = 0
    /// What was measured: "1,204 searches of the last 8 minutes".
    var basis = ""
  }

  enum Backup {
    /// Seconds of a backup, for as many bytes as there are now, and how that is known.
    case measured(Double, basis: String)
    /// It takes at least these seconds.
    case atLeast(Double, basis: String)
    case unknown
  }

  var search: Times
  var add: Times
  var commitP95: Double?
  var queueGrowth: Double?
  var changesPerGroup: Double?
  var durability: Durability
  var indexingThreads: Int
  var processors: Int
  var statistics: StoreStatistics
  var backup: Backup
  var machineBytes: Int
  var freeBytes: Int
  /// Nil where the index has to be calibrated first.
  var recall: Double?
  var growth: [Advice.Growth]

  var memoryBytes: Int { statistics.indexBytes + statistics.filterBytes }
  var diskBytes: Int { statistics.fileBytes.values.reduce(0, +) }
}

// MARK: - The rules

extension Advice {
  /// Of fewer than this p95 says nothing.
  static let fewest = 100
  /// From this share on, what is kept of the past is worth compacting.
  private static let muchEnded = 0.25
  /// Smaller groups leave room for larger inserts.
  private static let largeGroup = 256.0
  /// A round trip to an engine elsewhere takes about as long.
  private static let roundTrip = 0.000_5
  /// Of fewer rows a search is far quicker than a round trip, whatever makes it slow.
  private static let manyRows = 1_000_000
  /// The days whose growth is expected to go on: a load of one day is none.
  private static let week = 7

  init(_ level: ServiceLevel, _ found: AdviceMeasurements) {
    growth = found.growth
    items = [
      Self.search(level, found), Self.add(level, found), Self.queue(level, found),
      Self.backup(level, found), Self.memory(level, found), Self.disk(level, found),
      Self.recall(level, found), Self.rows(level, found),
    ]
    verdict = items.map(\.verdict).max() ?? .stay
    summary = Self.summary(of: items, verdict)
  }

  private static func summary(of items: [Item], _ verdict: Verdict) -> String {
    var sentences: [String] = []
    switch verdict {
    case .stay:
      sentences = ["No reason to move: what was measured holds."]
      // A recall is what was asked for, and no more: always near.
      let fullest = items.filter { $0.used != nil && $0.figure != .recall }
        .max { $0.used ?? 0 < $1.used ?? 0 }
      if let fullest, let used = fullest.used {
        sentences.append("Nearest to its limit is \(fullest.figure.rawValue), at \(percent(used)).")
      }
    case .act:
      let names = items.filter { $0.verdict == .act }.map(\.figure.rawValue)
      sentences = [
        "No reason to move: what does not hold can be mended here. See \(list(names))."
      ]
    case .move:
      let names = items.filter { $0.verdict == .move }.map(\.figure.rawValue)
      sentences = ["Time to move to a larger engine, for \(list(names))."]
    }
    let unknown = items.filter { $0.state == .notMeasured || $0.state == .tooFew }
    if !unknown.isEmpty { sentences.append("Not known: \(list(unknown.map(\.figure.rawValue))).") }
    return sentences.joined(separator: " ")
  }

  private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }

  // MARK: Time

  private static func search(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    let times = found.search
    return item(.searchP95, .seconds, times, level.searchP95.seconds) { limit in
      let statistics = found.statistics
      if statistics.tailRows > max(1_024, statistics.memories / 20) {
        return (
          .act,
          "Each search scans \(count(statistics.tailRows)) rows that are not in the graph yet: wait "
            + "until they are, or raise indexingThreads."
        )
      }
      guard times.p50 > limit else {
        return (
          .act,
          "Half of the searches take \(Unit.seconds.text(times.p50)) or less: find the slow ones with "
            + "`explain`, as filters that read metadata and large k are, or what else the machine does."
        )
      }
      guard limit < roundTrip || statistics.indexRows >= manyRows else {
        return (
          .act,
          "\(count(statistics.indexRows)) rows are not the reason: `explain` tells where the time goes, "
            + "as to filters that read metadata and to large k; or other work keeps the machine."
        )
      }
      guard limit >= roundTrip else {
        return (
          .act,
          "No engine behind a network answers in that time: ask for fewer results or a lower recall, "
            + "or set a higher limit."
        )
      }
      return (
        .move,
        "Half of the searches take \(Unit.seconds.text(times.p50)) or longer, and all rows are in the "
          + "graph: no setting makes up for that."
      )
    }
  }

  private static func add(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    item(.addP95, .seconds, found.add, level.addP95.seconds) { limit in
      if let growth = found.queueGrowth, growth > level.queueGrowth {
        return (queueRemedy(found).verdict, "Writes wait for others: see write queue growth.")
      }
      if let commit = found.commitP95, commit <= limit {
        return (
          .act,
          "A commit takes \(Unit.seconds.text(commit)); the rest is waiting for other writes. Insert "
            + "more memories with each call, so that there are fewer."
        )
      }
      return (
        .act,
        found.durability == .full
          ? "An insert waits for the disk, as in any engine that syncs: use a faster disk, larger "
            + "inserts, or durability `process` if power loss may cost the latest."
          : "Commits take long although nothing is synced: insert fewer memories with each call, or "
            + "see what else the disk does."
      )
    }
  }

  private static func queue(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    var item = Item(
      figure: .queueGrowth, unit: .requestsPerMinute, measured: found.queueGrowth,
      limit: level.queueGrowth, used: nil, state: .notMeasured, daysLeft: nil, verdict: .stay,
      reason: "This process has not had the store open for ten seconds yet.")
    guard let growth = found.queueGrowth else { return item }
    judge(&item, growth, "Requests that wait, now and at the beginning of what is recent.") {
      queueRemedy(found)
    }
    return item
  }

  private static func queueRemedy(
    _ found: AdviceMeasurements
  ) -> (verdict: Verdict, reason: String) {
    if found.statistics.tailRows > Indexer.largestTail, found.indexingThreads < found.processors {
      return (
        .act,
        "Writers wait for the graph: raise indexingThreads from \(found.indexingThreads) towards "
          + "\(found.processors)."
      )
    }
    if let size = found.changesPerGroup, size < largeGroup {
      return (
        .act,
        "A commit holds \(Int(size.rounded())) changes in the mean and takes a thousand: insert more "
          + "memories with each call."
      )
    }
    return (.move, "Writes come faster than they can be committed and linked, in large groups too.")
  }

  private static func backup(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    let limit = level.backup.seconds
    var item = Item(
      figure: .backup, unit: .seconds, measured: nil, limit: limit, used: nil,
      state: .notMeasured, daysLeft: nil, verdict: .stay,
      reason: "This process has made no backup.")
    let remedy = { sizeRemedy(found, "its backup takes as long as it takes to read and write it") }
    switch found.backup {
    case .unknown: break
    case .atLeast(let seconds, let basis) where seconds <= limit:
      item.reason += " It takes \(Unit.seconds.text(seconds)) at least, \(basis)."
    case .atLeast(let seconds, let basis):
      judge(&item, seconds, "At least, \(basis).", otherwise: remedy)
    case .measured(let seconds, let basis):
      let perDay = perDay(found) {
        seconds * Double($0.changes) / Double(max(found.statistics.changes, 1))
      }
      judge(&item, seconds, basis, perDay: perDay, daysAhead: level.daysAhead, otherwise: remedy)
    }
    return item
  }

  // MARK: Size

  private static func memory(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    let limit = level.memoryBytes ?? found.machineBytes / 2
    let rows = max(found.statistics.indexRows, 1)
    let perRow = Double(found.statistics.indexBytes) / Double(rows)
    var item = Item(
      figure: .memory, unit: .bytes, measured: nil, limit: Double(limit), used: nil, state: .holds,
      daysLeft: nil, verdict: .stay, reason: "")
    judge(
      &item, Double(found.memoryBytes),
      "Codes, links and tables of \(count(found.statistics.indexRows)) rows, and postings of filters.",
      perDay: perDay(found) { Double($0.gained) * perRow }, daysAhead: level.daysAhead
    ) {
      if Double(found.statistics.filterBytes) > Double(found.memoryBytes) / 2 {
        return (.act, "Most of it are postings of filters: filter on fewer keys.")
      }
      return rowsRemedy(found, "memory grows with the number of memories")
    }
    return item
  }

  private static func disk(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    let limit = level.diskBytes ?? max((found.diskBytes + found.freeBytes) / 2, 1)
    let perChange = Double(found.diskBytes) / Double(max(found.statistics.changes, 1))
    var item = Item(
      figure: .disk, unit: .bytes, measured: nil, limit: Double(limit), used: nil, state: .holds,
      daysLeft: nil, verdict: .stay, reason: "")
    judge(
      &item, Double(found.diskBytes),
      level.diskBytes == nil
        ? "The limit is half of what the files and the free space of the disk make together."
        : "All files of the store.",
      perDay: perDay(found) { Double($0.changes) * perChange }, daysAhead: level.daysAhead
    ) {
      let remedy = sizeRemedy(found, "the files grow with every change")
      guard level.diskBytes == nil, remedy.verdict == .move else { return remedy }
      return (.act, "A copy would have no room beside the store: use a larger disk.")
    }
    return item
  }

  private static func rows(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    var item = Item(
      figure: .rows, unit: .rows, measured: nil, limit: Double(IndexLimits.rows), used: nil,
      state: .holds, daysLeft: nil, verdict: .stay, reason: "")
    judge(
      &item, Double(found.statistics.indexRows), "An index holds no more than the limit.",
      perDay: perDay(found) { Double($0.gained) }, daysAhead: level.daysAhead
    ) { rowsRemedy(found, "an index holds no more") }
    return item
  }

  private static func sizeRemedy(
    _ found: AdviceMeasurements, _ cause: String
  ) -> (verdict: Verdict, reason: String) {
    let (memories, ended) = (found.statistics.memories, found.statistics.endedVersions)
    guard Double(ended) <= muchEnded * Double(memories + ended) else {
      return (
        .act,
        "\(count(ended)) of \(count(memories + ended)) versions are of the past: compact the store."
      )
    }
    return (.move, "Nearly all of it are current memories, and \(cause).")
  }

  private static func rowsRemedy(
    _ found: AdviceMeasurements, _ cause: String
  ) -> (verdict: Verdict, reason: String) {
    let (rows, memories) = (found.statistics.indexRows, found.statistics.memories)
    guard Double(rows - memories) <= muchEnded * Double(rows) else {
      return (
        .act,
        "\(count(rows - memories)) of \(count(rows)) rows are of deleted memories: they are given to "
          + "new ones, and given back when the index is built anew."
      )
    }
    return (.move, "Nearly all rows are of current memories, and \(cause).")
  }

  // MARK: Recall

  private static func recall(_ level: ServiceLevel, _ found: AdviceMeasurements) -> Item {
    var item = Item(
      figure: .recall, unit: .share, measured: found.recall, limit: level.recall, used: nil,
      state: .notMeasured, daysLeft: nil, verdict: .stay,
      reason: "The index is not calibrated yet.")
    guard let recall = found.recall else { return item }
    let missed = max(1 - recall, 0)
    item.used = level.recall < 1 ? missed / (1 - level.recall) : (missed > 0 ? nil : 0)
    if recall >= level.recall {
      item.state = .holds
      item.reason =
        recall == 1 ? "Every memory is scored." : "As the index measured it on its own vectors."
    } else {
      item.state = .exceeded
      item.verdict = .act
      item.reason =
        "The widest search that was measured finds less: make the graph with a larger m or "
        + "efConstruction, or ask for recall 1, which scores every memory."
    }
    return item
  }

  // MARK: In common

  /// Of a p95.
  private static func item(
    _ figure: Figure, _ unit: Unit, _ times: AdviceMeasurements.Times, _ limit: Double,
    otherwise remedy: (_ limit: Double) -> (verdict: Verdict, reason: String)
  ) -> Item {
    var item = Item(
      figure: figure, unit: unit, measured: times.count > 0 ? times.p95 : nil, limit: limit,
      used: nil, state: .notMeasured, daysLeft: nil, verdict: .stay,
      reason: "This process has made none.")
    if times.count >= fewest {
      judge(&item, times.p95, "Of \(times.basis).") { remedy(limit) }
    } else if times.count > 0 {
      item.state = .tooFew
      item.reason = "Of \(times.basis): too few; \(fewest) are wanted."
    }
    return item
  }

  /// Fills in what follows from a measured value.
  private static func judge(
    _ item: inout Item, _ measured: Double, _ basis: String, perDay: Double? = nil,
    daysAhead: Double = 0, otherwise remedy: () -> (verdict: Verdict, reason: String)
  ) {
    item.measured = measured
    item.used = max(measured, 0) / item.limit
    item.state = measured <= item.limit ? .holds : .exceeded
    item.reason = basis
    if let perDay, perDay > 0 { item.daysLeft = max(item.limit - measured, 0) / perDay }
    if item.state == .exceeded {
      let (verdict, reason) = remedy()
      item.verdict = verdict
      item.reason += " \(reason)"
    } else if let days = item.daysLeft, days <= daysAhead {
      let (verdict, reason) = remedy()
      item.verdict = verdict
      item.reason += " At its growth it reaches the limit in \(Int(days)) days. \(reason)"
    }
  }

  /// What a day adds, from the last 7 days; nil where the store is younger.
  private static func perDay(
    _ found: AdviceMeasurements, _ value: (Growth) -> Double
  ) -> Double? {
    found.growth.first { $0.isCovered && $0.days == week }.map { value($0) / Double(week) }
  }

  static func percent(_ share: Double) -> String { "\(digits(share * 100)) %" }

  /// Three digits, all of them where there are more before the point.
  fileprivate static func digits(_ value: Double) -> String {
    let places = value.magnitude >= 100 ? 0 : value.magnitude >= 10 ? 1 : 2
    return String(format: "%.\(places)f", value)
  }

  static func count(_ value: Int) -> String {
    var digits = Array(String(value.magnitude))
    for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
    return (value < 0 ? "-" : "") + String(digits)
  }
}

extension Advice.Unit {
  /// A value as people read it: `0.412 s` is "412 ms".
  public func text(_ value: Double) -> String {
    switch self {
    case .seconds:
      switch value {
      case ..<0.000_001: "\(Advice.digits(value * 1e9)) ns"
      case ..<0.001: "\(Advice.digits(value * 1e6)) us"
      case ..<1: "\(Advice.digits(value * 1e3)) ms"
      default: "\(Advice.digits(value)) s"
      }
    case .bytes:
      switch value {
      case ..<1e6: "\(Advice.digits(value / 1e3)) KB"
      case ..<1e9: "\(Advice.digits(value / 1e6)) MB"
      default: "\(Advice.digits(value / 1e9)) GB"
      }
    case .share: Advice.percent(value)
    case .requestsPerMinute: "\(Advice.digits(value))/min"
    case .rows: Advice.count(Int(value))
    }
  }
}
