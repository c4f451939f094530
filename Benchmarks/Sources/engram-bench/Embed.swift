import ArgumentParser
import BenchmarkSupport
import EngramModels
import Foundation

/// Texts to vectors by the model that runs here: single texts by their tokens, and a batch.
struct Embed: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Texts to vectors by all-MiniLM-L6-v2: single texts by their tokens, and batches.")

  @Option(help: ArgumentHelp("The model's folder; default: where engram model fetch puts it."))
  var model: String?
  @Option(help: "Tokens of the single texts.") var tokens = "8,20,64,128,256"
  @Option(help: "Times that each single text is embedded.") var passes = 200
  @Option(help: "A file with a text on each line for the batches; default: 512 generated ones.")
  var texts: String?
  @OptionGroup var output: OutputOptions

  /// Milliseconds of one text on one thread, its splitting into tokens included.
  struct Single: Encodable {
    var tokens: Int
    var p50_ms: Double
    var p95_ms: Double
    var p99_ms: Double
  }

  struct Batch: Encodable {
    var threads: Int
    var texts: Int
    var tokens: Int
    var texts_per_s: Double
    var tokens_per_s: Double
  }

  struct Report: Encodable {
    var machine: Setting
    var model: String
    var load_ms: Double
    var singles: [Single]
    var batches: [Batch]
  }

  func run() async throws {
    let lengths = try numberList(tokens, in: 2...MiniLM.longestText, option: "tokens")
    guard passes >= 1 else { throw ValidationError("--passes takes a positive number.") }
    let batch = try batchTexts()
    let progress = ProgressWriter()
    let (model, load) = try MonotonicClock.measure { try MiniLM.installed(in: self.model) }
    var report = Report(
      machine: Setting(), model: MiniLM.name, load_ms: Double(load) / 1e6, singles: [], batches: [])
    for length in lengths {
      progress.begin("\(length) tokens")
      report.singles.append(try single(length, model))
      progress.end()
    }
    let cores = ProcessInfo.processInfo.activeProcessorCount
    for threads in cores > 1 ? [1, cores] : [1] {
      progress.begin("\(batch.count) texts, \(threads) threads")
      report.batches.append(try await self.batch(batch, threads: threads, model))
      progress.end()
    }
    try output.publish(report, text: text(of: report))
  }

  private func batchTexts() throws -> [String] {
    guard let texts else { return GeneratedDataset(rows: 512, queries: 1).make().records.texts }
    let lines = try String(contentsOfFile: texts, encoding: .utf8).split(separator: "\n")
    guard !lines.isEmpty else { throw ValidationError("\(texts) holds no text.") }
    return lines.map(String.init)
  }

  private func single(_ length: Int, _ model: MiniLM) throws -> Single {
    // One token each, and two at the ends.
    let text = [String](repeating: "house", count: length - 2).joined(separator: " ")
    guard model.tokenizer.tokens(of: text).count == length else {
      throw ValidationError("The model's vocabulary does not know the word that this measures with.")
    }
    for _ in 0..<max(1, passes / 10) { _ = try model.embed(text) }
    var samples = Samples(capacity: passes)
    for _ in 0..<passes { _ = try samples.time { () throws(ModelError) in try model.embed(text) } }
    let sorted = samples.nanoseconds.sorted()
    func milliseconds(_ percent: Double) -> Double { Double(nearestRank(percent, of: sorted)) / 1e6 }
    return Single(
      tokens: length, p50_ms: milliseconds(50), p95_ms: milliseconds(95), p99_ms: milliseconds(99))
  }

  private func batch(_ texts: [String], threads: Int, _ model: MiniLM) async throws -> Batch {
    let count = texts.reduce(0) { $0 + model.tokenizer.tokens(of: $1).count }
    _ = try await model.embed(Array(texts.prefix(64)), threads: threads)
    let start = MonotonicClock.now()
    _ = try await model.embed(texts, threads: threads)
    let seconds = MonotonicClock.seconds(since: start)
    return Batch(
      threads: threads, texts: texts.count, tokens: count,
      texts_per_s: Double(texts.count) / seconds, tokens_per_s: Double(count) / seconds)
  }

  private func text(of report: Report) -> String {
    var singles = Table(
      "one text, one thread",
      columns: [
        .number("tokens"), .number("p50", unit: "ms"), .number("p95", unit: "ms"),
        .number("p99", unit: "ms"),
      ])
    for single in report.singles {
      singles.add(
        .integer(single.tokens), .decimal(single.p50_ms, 2), .decimal(single.p95_ms, 2),
        .decimal(single.p99_ms, 2))
    }
    var batches = Table(
      "many texts in one call",
      columns: [
        .number("threads"), .number("texts"), .number("tokens"), .number("texts/s"),
        .number("tokens/s"),
      ])
    for batch in report.batches {
      batches.add(
        .integer(batch.threads), .integer(batch.texts), .integer(batch.tokens),
        .decimal(batch.texts_per_s, 0), .decimal(batch.tokens_per_s, 0))
    }
    return report.machine.lines.joined(separator: "\n")
      + "\n\(report.model), loaded in \(grouped(report.load_ms, decimals: 0)) ms\n\n"
      + singles.text() + "\n" + batches.text()
  }
}
