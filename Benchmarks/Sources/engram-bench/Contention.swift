import ArgumentParser
import BenchmarkSupport
import EngramStore
import Foundation
import Synchronization

/// Many writers and readers on one store.
struct Contention: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contention",
    abstract: "Writers adding single memories, each waiting for its acknowledgement, with readers.",
    discussion: """
      Readers search at a fixed arrival rate; their latency counts from the intended start, so \
      that a stall is not hidden. A run ends when the last memory is in the graph.
      """)

  @OptionGroup var location: StoreLocation
  @Option(help: "Memories in the store before the run.") var preload = 0
  @Option(help: "Adds per second of all writers together; without it as fast as they can.")
  var rate: Double?
  @Option(help: "Numbers of writers, one run each; 0 is what searches take by themselves.")
  var writers = "0,1,2,4,8,16"
  @Option(help: "Numbers of readers, one run each.") var readers = "0,2"
  @Option(help: "Searches per second of each reader.") var readerRate = 100.0
  @Option(help: "Seconds of each run.") var seconds = 10.0
  @Option(help: "full, process or none.") var durability = "full"
  @OptionGroup var output: OutputOptions

  struct RunFigures: Encodable {
    var writers: Int
    var readers: Int
    var durability: String
    var adds: Int
    var adds_per_s: Double
    var add_p50_us, add_p95_us, add_p99_us, add_max_us: Double?
    var searches: Int
    var search_p50_us, search_p95_us, search_p99_us: Double?
    var search_service_p95_us: Double?
    var errors: Int
  }

  struct Report: Encodable {
    var machine: Setting
    var data: String
    var preload: Int
    var runs: [RunFigures]
  }

  func run() async throws {
    guard let level = Durability(rawValue: durability) else {
      throw ValidationError("--durability must be full, process or none, not \(durability).")
    }
    if level == .full { try location.refuseVolatile() }
    let counts = (
      try numberList(writers, in: 0...1_024, option: "writers"),
      try numberList(readers, in: 0...1_024, option: "readers")
    )
    guard seconds > 0, readerRate > 0, (rate ?? 1) > 0, preload >= 0 else {
      throw ValidationError("--seconds, --reader-rate and --rate take positive numbers.")
    }
    let progress = ProgressWriter()
    progress.begin("data")
    let data = try Dataset.locate()
    progress.end(data.name)
    guard preload < data.count else {
      throw ValidationError("--preload must be below the \(data.count) memories of \(data.name).")
    }
    var report = Report(
      machine: Setting(directory: location.dir), data: data.name, preload: preload, runs: [])
    for readerCount in counts.1 {
      for writerCount in counts.0 where writerCount + readerCount > 0 {
        progress.begin("\(writerCount) writers, \(readerCount) readers, \(durability)")
        let path = try location.fresh("contention")
        let trial = ContentionTrial(
          data: data, path: path, durability: level, writers: writerCount, readers: readerCount,
          preload: preload, rate: rate, readerRate: readerRate, seconds: seconds)
        let figures = try await trial.run()
        report.runs.append(figures)
        progress.end("\(grouped(Int(figures.adds_per_s))) adds/s")
        try? FileManager.default.removeItem(atPath: path)
      }
    }
    try output.publish(report, text: text(of: report))
  }

  private func text(of report: Report) -> String {
    var table = Table(columns: [
      .number("writers"), .number("readers"), .text("durability"), .number("adds/s"),
      .number("add p50", unit: "us"), .number("p95", unit: "us"), .number("p99", unit: "us"),
      .number("max", unit: "us"), .number("search p50", unit: "us"), .number("p95", unit: "us"),
      .number("service p95", unit: "us"), .number("errors"),
    ])
    for run in report.runs {
      let optional = { (value: Double?) -> Table.Cell in value.map { .decimal($0, 1) } ?? .none }
      table.add(
        .integer(run.writers), .integer(run.readers), .text(run.durability),
        run.writers == 0 ? .none : .integer(Int(run.adds_per_s)), optional(run.add_p50_us),
        optional(run.add_p95_us), optional(run.add_p99_us), optional(run.add_max_us),
        optional(run.search_p50_us), optional(run.search_p95_us),
        optional(run.search_service_p95_us), .integer(run.errors))
    }
    return report.machine.lines.joined(separator: "\n")
      + "\ndata: \(report.data), \(grouped(preload)) memories before each run of "
      + "\(grouped(seconds, decimals: 0)) s\n\n" + table.text() + besideAWriter(report)
  }

  /// What one writer costs a search, by how many readers there are.
  private func besideAWriter(_ report: Report) -> String {
    func service(_ writers: Int, _ readers: Int) -> Double? {
      report.runs.first { $0.writers == writers && $0.readers == readers }?.search_service_p95_us
    }
    return Set(report.runs.map(\.readers)).sorted().compactMap { readers -> String? in
      guard let alone = service(0, readers), let beside = service(1, readers) else { return nil }
      return "\nservice p95 of \(readers) readers beside one writer is "
        + "\(grouped(beside / alone, decimals: 2)) times that without\n"
    }.joined()
  }
}

/// One run: so many writers, so many readers.
struct ContentionTrial {
  let data: Dataset
  let path: String
  let durability: Durability
  let writers: Int
  let readers: Int
  let preload: Int
  let rate: Double?
  let readerRate: Double
  let seconds: Double

  private struct Tally: Sendable {
    var adds = Samples()
    var searches = Samples()
    var service = Samples()
    var errors = 0
  }

  func run() async throws -> Contention.RunFigures {
    let store = try Store(
      path: path,
      configuration: StoreConfiguration(
        dimension: data.dimension, model: data.name, durability: durability))
    for begin in stride(from: 0, to: preload, by: 1_000) {
      try await store.insert((begin..<min(begin + 1_000, preload)).map(memory))
    }
    try await store.waitUntilIndexed()

    let start = MonotonicClock.now()
    let end = start + UInt64(seconds * 1e9)
    let next = Ticket(from: preload)
    let readersDone = DispatchGroup()
    let readerTallies = Mutex<[Tally]>([])
    for reader in 0..<readers {
      readersDone.enter()
      Thread { [self] in
        let tally = read(store, reader: reader, from: start, until: end)
        readerTallies.withLock { $0.append(tally) }
        readersDone.leave()
      }.start()
    }
    var total = Tally()
    await withTaskGroup(of: Tally.self) { group in
      for writer in 0..<writers {
        group.addTask { [self] in
          await write(store, writer: writer, next: next, from: start, until: end)
        }
      }
      for await tally in group {
        total.adds.append(contentsOf: tally.adds)
        total.errors += tally.errors
      }
    }
    do { try await store.waitUntilIndexed() } catch { total.errors += 1 }
    let elapsed = MonotonicClock.seconds(since: start)
    await withCheckedContinuation { continuation in
      Thread {
        readersDone.wait()
        continuation.resume()
      }.start()
    }
    for tally in readerTallies.withLock({ $0 }) {
      total.searches.append(contentsOf: tally.searches)
      total.service.append(contentsOf: tally.service)
      total.errors += tally.errors
    }
    try await store.close()
    let adds = total.adds.summary
    let searches = total.searches.summary
    return Contention.RunFigures(
      writers: writers, readers: readers, durability: durability.rawValue,
      adds: total.adds.count, adds_per_s: Double(total.adds.count) / elapsed,
      add_p50_us: adds.map { microseconds($0.p50) }, add_p95_us: adds.map { microseconds($0.p95) },
      add_p99_us: adds.map { microseconds($0.p99) }, add_max_us: adds.map { microseconds($0.max) },
      searches: total.searches.count, search_p50_us: searches.map { microseconds($0.p50) },
      search_p95_us: searches.map { microseconds($0.p95) },
      search_p99_us: searches.map { microseconds($0.p99) },
      search_service_p95_us: total.service.summary.map { microseconds($0.p95) },
      errors: total.errors)
  }

  /// Adds one memory after the other; paced, latency counts from when each was due.
  private func write(
    _ store: Store, writer: Int, next: Ticket, from start: UInt64, until end: UInt64
  ) async -> Tally {
    var tally = Tally()
    let interval = rate.map { UInt64(Double(writers) / $0 * 1e9) }
    var due = start + (interval ?? 0) * UInt64(writer) / UInt64(writers)
    while true {
      var began = MonotonicClock.now()
      if let interval {
        if began < due { try? await Task.sleep(nanoseconds: due - began) }
        began = due
        due += interval
      }
      guard began < end else { return tally }
      let memory = memory(next.take())
      do {
        try await store.insert(memory)
        tally.adds.append(MonotonicClock.now() - began)
      } catch { tally.errors += 1 }
    }
  }

  /// Searches at a fixed rate whatever the answers take, alternating all memories and one user's.
  private func read(
    _ store: Store, reader: Int, from start: UInt64, until end: UInt64
  ) -> Tally {
    var tally = Tally()
    let interval = UInt64(1e9 / readerRate)
    var due = start + interval * UInt64(reader) / UInt64(max(readers, 1))
    var query = reader
    while due < end {
      let now = MonotonicClock.now()
      if now < due { Thread.sleep(forTimeInterval: Double(due - now) / 1e9) }
      let index = query % data.queries.count
      query += 1
      let scope = query % 2 == 0 ? Scope.all : Scope(user: data.queries.userIDs[index])
      let vector = Array(data.queryVector(index))
      let began = MonotonicClock.now()
      do { _ = try store.search(vector, k: StoreTrial.k, scope: scope) } catch {
        tally.errors += 1
      }
      let done = MonotonicClock.now()
      tally.searches.append(done - due)
      tally.service.append(done - began)
      due += interval
    }
    return tally
  }

  /// The memory of a number, under a new id: past the end of the data they come again.
  private func memory(_ number: Int) -> NewMemory {
    var memory = data.memory(number % data.count)
    memory.id = nil
    return memory
  }
}

/// Numbers that several writers share.
private final class Ticket: Sendable {
  private let next: Atomic<Int>

  init(from first: Int) { next = Atomic(first) }

  func take() -> Int { next.add(1, ordering: .relaxed).oldValue }
}
