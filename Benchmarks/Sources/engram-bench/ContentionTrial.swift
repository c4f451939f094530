import ArgumentParser
import BenchmarkSupport
import EngramStore
import Foundation

/// One run of `contention`: so many processes with so many writers and readers each. The processes are
/// its own, so that what is there afterwards is looked up by one that has written nothing of it.
struct ContentionTrial {
  let data: Dataset
  let path: String
  /// Of the one that writes the first memories.
  let load: ContentionLoad
  let processes: Int
  /// The file that is synced beside the run, on the store's file system; nil for none.
  let probeFile: String?

  /// Of one run.
  private struct Outcome {
    var answer = ContentionLoad.Answer()
    var refusals: [String: Int] = [:]
    var syncs: BenchmarkSupport.LatencySummary?
    var wakeUps: BenchmarkSupport.LatencySummary?
    var measured: UInt64 = 0
  }

  func run() async throws -> Contention.RunFigures {
    try await preload()
    let outcome = try runProcesses()
    let lost = try await lost(of: outcome.answer)
    return figures(outcome, lost: lost)
  }

  private func open() throws(StoreError) -> Store {
    try Store(path: path, configuration: load.configuration(data))
  }

  private func preload() async throws {
    let store = try open()
    for begin in stride(from: 0, to: load.first, by: 1_000) {
      try await store.insert((begin..<min(begin + 1_000, load.first)).map(data.newMemory))
    }
    try await store.waitUntilIndexed()
    try await store.close()
  }

  private func runProcesses() throws -> Outcome {
    var outcome = Outcome()
    var started: [Child] = []
    defer { for child in started { child.end() } }
    for number in 0..<processes { started.append(try Child(load(of: number))) }
    var opened: [Child] = []
    for child in started {
      let line = child.line()
      if line == ContentionProcess.ready {
        opened.append(child)
      } else {
        outcome.refusals[line, default: 0] += 1
      }
    }
    // Until then all have been told of it.
    let start = MonotonicClock.now() + 100_000_000
    for child in opened { child.say("\(start)") }
    outcome.measured = start + UInt64(load.warmUp * 1e9)
    let end = outcome.measured + UInt64(load.seconds * 1e9)
    try sleep(until: outcome.measured)
    let syncs = try probeFile.map { file throws(DataFileError) in try Probe.syncs(of: file) }
    let wakeUps = Probe.wakeUps()
    try sleep(until: end)
    outcome.wakeUps = try wakeUps.stop().summary
    outcome.syncs = try syncs?.stop().summary
    for child in opened {
      let answer = try child.answer()
      outcome.answer.append(answer)
      outcome.answer.finished = max(outcome.answer.finished, answer.finished)
    }
    return outcome
  }

  /// What a process of the run does: each begins at another part of the data.
  private func load(of process: Int) -> ContentionLoad {
    var load = load
    load.first += process * (data.count / processes)
    load.rate = load.rate.map { $0 / Double(processes) }
    return load
  }

  private func sleep(until time: UInt64) throws {
    let now = MonotonicClock.now()
    if now < time { Thread.sleep(forTimeInterval: Double(time - now) / 1e9) }
  }

  /// How many of the memories that were acknowledged are not there, or not as they were.
  private func lost(of answer: ContentionLoad.Answer) async throws -> Int {
    let store = try open()
    var lost = 0
    for (id, number) in zip(answer.acknowledged, answer.numbers) {
      do throws(StoreError) {
        if try store.get(id).text != data.records.texts[number % data.count] { lost += 1 }
      } catch {
        lost += 1
      }
    }
    try await store.close()
    return lost
  }

  private func figures(_ outcome: Outcome, lost: Int) -> Contention.RunFigures {
    let answer = outcome.answer
    let all = Samples(answer.adds.flatMap { $0 })
    let adds = all.summary
    let searches = Samples(answer.searches).summary
    let elapsed = Double(max(answer.finished, outcome.measured + 1) - outcome.measured) / 1e9
    let served = answer.adds.map(\.count)
    let us = { (value: UInt64?) -> Double? in value.map(microseconds) }
    return Contention.RunFigures(
      processes: processes, writers: load.writers, readers: load.readers,
      durability: load.durability, adds: all.count, adds_per_s: Double(all.count) / elapsed,
      add_p50_us: us(adds?.p50), add_p95_us: us(adds?.p95), add_p99_us: us(adds?.p99),
      add_p999_us: us(adds?.p999), add_max_us: us(adds?.max), least_adds: served.min(),
      most_adds: served.max(), searches: answer.searches.count, search_p50_us: us(searches?.p50),
      search_p95_us: us(searches?.p95), search_p99_us: us(searches?.p99),
      search_service_p95_us: us(Samples(answer.service).summary?.p95),
      errors: answer.errors.values.reduce(0, +), error_texts: answer.errors,
      refused: outcome.refusals.values.reduce(0, +), refusals: outcome.refusals,
      acknowledged: answer.acknowledged.count, lost: lost, sync: outcome.syncs.map(ProbeFigures.init),
      wake: outcome.wakeUps.map(ProbeFigures.init))
  }
}

/// What a probe measured beside a run.
struct ProbeFigures: Encodable {
  var count: Int
  var p50_us, p95_us, p99_us, max_us: Double

  init(_ summary: BenchmarkSupport.LatencySummary) {
    count = summary.count
    p50_us = microseconds(summary.p50)
    p95_us = microseconds(summary.p95)
    p99_us = microseconds(summary.p99)
    max_us = microseconds(summary.max)
  }
}

/// A process that runs `engram-bench contention-process`.
private final class Child {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  init(_ load: ContentionLoad) throws {
    process.executableURL = Bundle.main.executableURL
    process.arguments = [
      ContentionProcess.configuration.commandName ?? "",
      String(decoding: try JSONEncoder().encode(load), as: UTF8.self),
    ]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  /// The next line of what it writes; empty where it has ended.
  func line() -> String {
    var bytes = Data()
    while let byte = try? output.fileHandleForReading.read(upToCount: 1)?.first, byte != 10 {
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func say(_ line: String) { input.fileHandleForWriting.write(Data((line + "\n").utf8)) }

  func answer() throws -> ContentionLoad.Answer {
    let answer = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw ValidationError("A process of the run ended with \(process.terminationStatus).")
    }
    return try JSONDecoder().decode(ContentionLoad.Answer.self, from: answer)
  }

  /// One that waits for the start ends where nothing comes.
  func end() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
