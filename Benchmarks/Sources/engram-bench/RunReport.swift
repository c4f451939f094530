import BenchmarkSupport
import Foundation

/// Latency of searches among the memories of users up to a size.
struct UserSizeClass: Encodable {
  /// Nil for the largest users.
  var memories_up_to: Int?
  var latency: LatencySummary

  static func of(_ memories: Int) -> Int {
    [10, 100, 1_000].first { memories <= $0 } ?? .max
  }

  var name: String {
    switch memories_up_to {
    case .some(let limit): "up to \(grouped(limit))"
    case .none: "over 1,000"
    }
  }
}

/// What a store of one size showed. Latencies are in nanoseconds.
struct SizeReport: Encodable {
  var memories: Int
  /// Durable inserts in batches, and seconds until the graph held the last.
  var load_per_s = 0.0
  var indexed_s = 0.0
  var recall = 0.0
  var search: LatencySummary?
  var user_recall = 0.0
  var user_search: LatencySummary?
  var user_search_by_size: [UserSizeClass] = []
  var add: LatencySummary?
  var update: LatencySummary?
  var delete: LatencySummary?
  var get: LatencySummary?
  var history: LatencySummary?
  var close_ms = 0.0
  var verify_s = 0.0
  var problems: [String] = []
  var disk_bytes = 0
  var index_bytes = 0
  /// Of a process that does nothing else.
  var opening: Opening?
  /// With the files out of the system's cache; nil where they stay in it.
  var cold_opening: Opening?

  init(memories: Int) { self.memories = memories }
}

/// The report of `engram-bench run`.
struct RunReport: Encodable {
  var machine: Setting
  var data: String
  var summary: String
  var origin: String
  var dimension: Int
  var quick: Bool
  var sizes: [SizeReport]

  var text: String {
    (head + [""] + tables.map { $0.text() }).joined(separator: "\n")
  }

  var markdown: String {
    let tables = tables.map { $0.markdown() }.joined(separator: "\n\n")
    return """
      # engram-bench run\(quick ? " --quick" : "")

      \(head.map { "- \($0)" }.joined(separator: "\n"))

      \(tables)

      ![latency by size](run.svg)

      """
  }

  private var head: [String] {
    machine.lines + [
      "data: \(data), \(summary)", "from: \(origin)",
      "latencies of single calls, one thread, from raw samples; recall against exact scores in "
        + "double precision; every write durable (full)",
    ]
  }

  private var tables: [Table] { [searches, users, writes, keeping] }

  private var searches: Table {
    var table = Table(
      "Search through the store: vector in, 10 memories with text and metadata out",
      columns: [.number("memories"), .text("scope"), .number("recall@10")] + Self.latency
        + [.number("searches/s")])
    for size in sizes {
      for (scope, recall, latency) in [
        ("all", size.recall, size.search), ("one user", size.user_recall, size.user_search),
      ] {
        table.add(
          [.integer(size.memories), .text(scope), .decimal(recall, 4)] + Self.cells(latency)
            + [latency.map { .integer(Int(1e9 / $0.mean)) } ?? .none])
      }
    }
    return table
  }

  private var users: Table {
    var table = Table(
      "Search of one user, by how many memories the user has",
      columns: [.number("memories"), .text("of the user"), .number("searches")] + Self.latency)
    for size in sizes {
      for group in size.user_search_by_size {
        table.add(
          [.integer(size.memories), .text(group.name), .integer(group.latency.count)]
            + Self.cells(group.latency))
      }
    }
    return table
  }

  private var writes: Table {
    var table = Table(
      "Single operations, each waiting for its acknowledgement",
      columns: [.number("memories"), .text("operation")] + Self.latency)
    for size in sizes {
      for (name, latency) in [
        ("add", size.add), ("update", size.update), ("delete", size.delete), ("get", size.get),
        ("history", size.history),
      ] {
        table.add([.integer(size.memories), .text(name)] + Self.cells(latency))
      }
    }
    return table
  }

  private var keeping: Table {
    var table = Table(
      "Load, space and opening",
      columns: [
        .number("memories"), .number("load", unit: "1/s"), .number("indexed", unit: "s"),
        .number("disk", unit: "bytes/memory"), .number("index", unit: "bytes/memory"),
        .number("anonymous", unit: "bytes/memory"), .number("close", unit: "ms"),
        .number("open", unit: "ms"), .number("open + search", unit: "ms"),
        .number("open + search from disk", unit: "ms"), .number("verify", unit: "s"), .text("verified"),
      ])
    for size in sizes {
      let perMemory = { (bytes: Int) in bytes / max(size.memories, 1) }
      table.add(
        .integer(size.memories), .integer(Int(size.load_per_s)), .decimal(size.indexed_s, 2),
        .integer(perMemory(size.disk_bytes)), .integer(perMemory(size.index_bytes)),
        size.opening?.anonymous_bytes.map { .integer(perMemory($0)) } ?? .none,
        .decimal(size.close_ms, 1), size.opening.map { .decimal($0.open_ms, 1) } ?? .none,
        size.opening.map { .decimal($0.first_search_ms, 1) } ?? .none,
        size.cold_opening.map { .decimal($0.first_search_ms, 1) } ?? .none, .decimal(size.verify_s, 2),
        .text(size.problems.isEmpty ? "sound" : size.problems[0]))
    }
    return table
  }

  private static var latency: [Table.Column] {
    ["p50", "p95", "p99", "max"].map { .number($0, unit: "us") }
  }

  private static func cells(_ latency: LatencySummary?) -> [Table.Cell] {
    guard let latency else { return [.none, .none, .none, .none] }
    return [latency.p50, latency.p95, latency.p99, latency.max].map {
      .decimal(microseconds($0), 1)
    }
  }

  var plot: String {
    func series(_ name: String, _ value: (SizeReport) -> UInt64?) -> LinePlot.Series {
      LinePlot.Series(
        name,
        sizes.compactMap { size in
          value(size).map { (x: Double(size.memories), y: microseconds($0)) }
        })
    }
    return LinePlot(
      title: "Search through the store, k = 10", xLabel: "memories", yLabel: "microseconds",
      xScale: .logarithmic, yScale: .linear,
      series: [
        series("all, p50") { $0.search?.p50 }, series("all, p95") { $0.search?.p95 },
        series("one user, p50") { $0.user_search?.p50 },
        series("one user, p95") { $0.user_search?.p95 },
      ]
    ).svg()
  }
}
