import ArgumentParser
import BenchmarkSupport
import EngramStore
import Foundation
import Synchronization

/// One process of a run of `contention`, which starts it: opens the store, waits for the start, writes
/// and reads, answers with what it measured.
struct ContentionProcess: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contention-process", abstract: "One process of a run of contention.",
    shouldDisplay: false)

  static let ready = "ready"

  @Argument var load: String

  func run() async throws {
    let load = try JSONDecoder().decode(ContentionLoad.self, from: Data(load.utf8))
    let data = try Dataset.locate()
    let store: Store
    do throws(StoreError) {
      store = try Store(path: load.path, configuration: load.configuration(data))
    } catch {
      say("\(error)")
      return
    }
    say(Self.ready)
    // Nobody says when to start where the parent has ended.
    guard let start = readLine().flatMap(UInt64.init) else { return }
    var answer = await load.run(on: store, data, from: start)
    do { try await store.close() } catch { answer.errors["\(error)", default: 0] += 1 }
    FileHandle.standardOutput.write(try JSONEncoder().encode(answer))
  }

  private func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }
}

/// What one process does in a run: so many writers, so many readers.
struct ContentionLoad: Codable, Sendable {
  var path: String
  var durability: String
  var writers: Int
  var readers: Int
  /// The numbers of the memories that are added.
  var first: Int
  /// Adds per second of all its writers.
  var rate: Double?
  var readerRate: Double
  /// Before the seconds that are measured.
  var warmUp: Double
  var seconds: Double

  /// What a process answers. Latencies are of what began in the seconds that are measured.
  struct Answer: Codable, Sendable {
    /// Of each writer's adds.
    var adds: [[UInt64]] = []
    var searches: [UInt64] = []
    var service: [UInt64] = []
    /// How often what was said.
    var errors: [String: Int] = [:]
    /// All memories that were acknowledged, those of the warm-up too.
    var acknowledged: [UUID] = []
    /// And their numbers.
    var numbers: [Int] = []
    /// When the last memory was in the graph.
    var finished: UInt64 = 0

    mutating func append(_ other: Answer) {
      adds += other.adds
      searches += other.searches
      service += other.service
      errors.merge(other.errors, uniquingKeysWith: +)
      acknowledged += other.acknowledged
      numbers += other.numbers
    }
  }

  func configuration(_ data: Dataset) throws(StoreError) -> StoreConfiguration {
    StoreConfiguration(
      dimension: data.dimension, model: data.name,
      durability: Durability(rawValue: durability) ?? .full)
  }

  fileprivate func run(on store: Store, _ data: Dataset, from start: UInt64) async -> Answer {
    let times = Times(
      start: start, measured: start + UInt64(warmUp * 1e9),
      end: start + UInt64((warmUp + seconds) * 1e9))
    let next = Ticket(from: first)
    let readersDone = DispatchGroup()
    let readerAnswers = Mutex<[Answer]>([])
    for reader in 0..<readers {
      readersDone.enter()
      Thread { [self] in
        let answer = read(store, data, reader: reader, times)
        readerAnswers.withLock { $0.append(answer) }
        readersDone.leave()
      }.start()
    }
    var total = Answer()
    await withTaskGroup(of: Answer.self) { group in
      for writer in 0..<writers {
        group.addTask { [self] in await write(store, data, writer: writer, next, times) }
      }
      for await answer in group { total.append(answer) }
    }
    do { try await store.waitUntilIndexed() } catch { total.errors["\(error)", default: 0] += 1 }
    total.finished = MonotonicClock.now()
    await withCheckedContinuation { continuation in
      Thread {
        readersDone.wait()
        continuation.resume()
      }.start()
    }
    for answer in readerAnswers.withLock({ $0 }) { total.append(answer) }
    return total
  }

  private struct Times: Sendable {
    let start: UInt64
    let measured: UInt64
    let end: UInt64
  }

  /// Adds one memory after the other; paced, latency counts from when each was due.
  private func write(
    _ store: Store, _ data: Dataset, writer: Int, _ next: Ticket, _ times: Times
  ) async -> Answer {
    var answer = Answer()
    var latencies: [UInt64] = []
    let interval = rate.map { UInt64(Double(writers) / $0 * 1e9) }
    var due = times.start + (interval ?? 0) * UInt64(writer) / UInt64(writers)
    while true {
      var began = MonotonicClock.now()
      // Without a pace the first is due at the start, and the others when they come.
      if began < due { try? await Task.sleep(nanoseconds: due - began) }
      if let interval {
        began = due
        due += interval
      } else {
        began = MonotonicClock.now()
      }
      guard began < times.end else { break }
      let number = next.take()
      let memory = data.newMemory(number)
      do {
        let id = try await store.insert(memory)
        if began >= times.measured { latencies.append(MonotonicClock.now() - began) }
        answer.acknowledged.append(id)
        answer.numbers.append(number)
      } catch { answer.errors["\(error)", default: 0] += 1 }
    }
    answer.adds = [latencies]
    return answer
  }

  /// Searches at a fixed rate whatever the answers take, alternating all memories and one user's.
  private func read(
    _ store: Store, _ data: Dataset, reader: Int, _ times: Times
  ) -> Answer {
    var answer = Answer()
    let interval = UInt64(1e9 / readerRate)
    var due = times.start + interval * UInt64(reader) / UInt64(max(readers, 1))
    var query = reader
    while due < times.end {
      let now = MonotonicClock.now()
      if now < due { Thread.sleep(forTimeInterval: Double(due - now) / 1e9) }
      let index = query % data.queries.count
      query += 1
      let scope = query % 2 == 0 ? Scope.all : Scope(user: data.queries.userIDs[index])
      let vector = Array(data.queryVector(index))
      let began = MonotonicClock.now()
      do { _ = try store.search(vector, k: StoreTrial.k, scope: scope) } catch {
        answer.errors["\(error)", default: 0] += 1
      }
      let done = MonotonicClock.now()
      if due >= times.measured {
        answer.searches.append(done - due)
        answer.service.append(done - began)
      }
      due += interval
    }
    return answer
  }
}

extension Dataset {
  /// The memory of a number, under a new id: past the end of the data they come again.
  func newMemory(_ number: Int) -> NewMemory {
    var memory = memory(number % count)
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
