import ArgumentParser
import BenchmarkSupport
import EngramStore
import Foundation

/// How many of the memories that hold the answer to a question a search finds.
struct Retrieval: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Evidence recall of searches by meaning, by words, and by both.",
    discussion: """
      The folder holds base.jsonl.gz, base.f16bin, queries.jsonl.gz and queries.fbin; a question has \
      query, user_id, category and evidence_rows. Recall at k is the share of a question's evidence \
      among the first k memories of its user, in the mean over the questions of categories 1 to 4.

      dense: by the vectors' cosine. text: by BM25 of stems. weighted_sum: 0.7 cosine + 0.3 BM25 over \
      the greatest of the question. fused: what a search of the engine returns.
      """)

  @Option(help: "The folder of the data.") var dir: String
  @OptionGroup var output: OutputOptions

  static let depths = [1, 5, 10, 20]
  static let methods = ["dense", "text", "weighted_sum", "fused"]

  struct Figures: Encodable {
    var questions: Int
    var recall: [String: Double] = [:]
  }

  struct Report: Encodable {
    var machine: Setting
    var memories: Int
    var dense, text, weighted_sum, fused: Figures
    /// By category, then by method.
    var categories: [String: [String: Figures]] = [:]
    /// Of fused searches for 20 memories, embedding excluded.
    var p50_us, p95_us, p99_us: Double
  }

  func run() async throws {
    let progress = ProgressWriter()
    progress.begin("data")
    let folder = try RetrievalFolder(dir)
    progress.end("\(folder.memories.count) memories, \(folder.questions.count) questions")
    let path = NSTemporaryDirectory() + "engram-retrieval-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    let store = try Store(
      path: path,
      configuration: StoreConfiguration(
        dimension: folder.dimension, model: "retrieval", durability: .none))
    progress.begin("load")
    var rows: [UUID: Int] = [:]
    for begin in stride(from: 0, to: folder.memories.count, by: 1_000) {
      let end = min(begin + 1_000, folder.memories.count)
      for (place, id) in try await store.insert(Array(folder.memories[begin..<end])).enumerated() {
        rows[id] = begin + place
      }
    }
    try await store.waitUntilIndexed()
    progress.end()
    progress.begin("questions")
    let report = try measure(folder, store, rows)
    progress.end()
    try await store.close()
    try output.publish(report, text: text(of: report))
  }

  private func measure(
    _ folder: RetrievalFolder, _ store: Store, _ rows: [UUID: Int]
  ) throws -> Report {
    // Of each category and method: the sums of recall by depth, and how many questions.
    var sums: [Int: [String: [Double]]] = [:]
    var counts: [Int: Int] = [:]
    var samples = Samples(capacity: folder.questions.count)
    for (number, question) in folder.questions.enumerated() where !question.evidence.isEmpty {
      let fused = try samples.time {
        try store.ask(question.text, vector: question.vector, k: 20, options: AskOptions(scope: question.scope))
      }
      if number == 0 { samples = Samples(capacity: folder.questions.count) }
      let all = try store.ask(
        question.text, vector: question.vector, k: 10_000,
        options: AskOptions(scope: question.scope))
      let most = max(all.map(\.text).max() ?? 0, .leastNonzeroMagnitude)
      func ranked(_ score: (RankedMemory) -> Double) -> [Int] {
        var scored: [(row: Int, score: Double)] = []
        for found in all { scored.append((rows[found.memory.id] ?? -1, score(found))) }
        scored.sort { $0.score == $1.score ? $0.row < $1.row : $0.score > $1.score }
        return scored.map(\.row)
      }
      var found: [String: [Int]] = [:]
      found["dense"] = ranked { $0.similarity }
      found["text"] = ranked { $0.text }
      found["weighted_sum"] = ranked { one in
        0.7 * (2 * one.similarity - 1) + 0.3 * one.text / most
      }
      found["fused"] = fused.map { rows[$0.memory.id] ?? -1 }
      counts[question.category, default: 0] += 1
      for (method, found) in found {
        for (place, depth) in Self.depths.enumerated() {
          let hits = question.evidence.intersection(found.prefix(depth)).count
          let none = [Double](repeating: 0, count: Self.depths.count)
          sums[question.category, default: [:]][method, default: none][place] +=
            Double(hits) / Double(question.evidence.count)
        }
      }
    }
    func figures(_ method: String, _ categories: some Sequence<Int>) -> Figures {
      let total = categories.reduce(0) { $0 + (counts[$1] ?? 0) }
      var figures = Figures(questions: total)
      for (place, depth) in Self.depths.enumerated() {
        let sum = categories.reduce(0) { $0 + (sums[$1]?[method]?[place] ?? 0) }
        figures.recall["\(depth)"] = total > 0 ? sum / Double(total) : 0
      }
      return figures
    }
    let latency = samples.summary
    var report = Report(
      machine: Setting(), memories: folder.memories.count, dense: figures("dense", 1...4),
      text: figures("text", 1...4), weighted_sum: figures("weighted_sum", 1...4),
      fused: figures("fused", 1...4), p50_us: microseconds(latency?.p50 ?? 0),
      p95_us: microseconds(latency?.p95 ?? 0), p99_us: microseconds(latency?.p99 ?? 0))
    for category in counts.keys.sorted() {
      for method in Self.methods {
        report.categories["\(category)", default: [:]][method] = figures(method, [category])
      }
    }
    return report
  }

  private func text(of report: Report) -> String {
    var table = Table(
      columns: [.text("questions"), .number("n"), .text("method")]
        + Self.depths.map { .number("recall@\($0)") })
    func add(_ name: String, _ method: String, _ figures: Figures) {
      table.add(
        [.text(name), .integer(figures.questions), .text(method)]
          + Self.depths.map { .decimal(figures.recall["\($0)"] ?? 0, 4) })
    }
    for (method, figures) in zip(
      Self.methods, [report.dense, report.text, report.weighted_sum, report.fused])
    {
      add("categories 1 to 4", method, figures)
    }
    for category in report.categories.keys.sorted() {
      for method in Self.methods {
        if let figures = report.categories[category]?[method] {
          add("category \(category)", method, figures)
        }
      }
    }
    let latency = String(
      format: "a fused search for 20, embedding excluded: p50 %.0f us, p95 %.0f us, p99 %.0f us",
      report.p50_us, report.p95_us, report.p99_us)
    return report.machine.lines.joined(separator: "\n")
      + "\n\(grouped(report.memories)) memories, one thread; \(latency)\n\n" + table.text()
  }
}
