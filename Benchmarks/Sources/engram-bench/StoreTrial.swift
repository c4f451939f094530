import BenchmarkSupport
import EngramIndex
import EngramStore
import Foundation

/// One store of one size, through its life.
struct StoreTrial {
  let data: Dataset
  let size: Int
  let passes: Int
  let operations: Int
  let path: String
  let progress: ProgressWriter

  static let k = 10
  /// Memories of one insert call while loading.
  private static let batch = 256

  func run() async throws -> SizeReport {
    var report = SizeReport(memories: size)
    try await fill(&report)
    try measureClosed(&report)
    try await use(&report)
    try await verify(&report)
    return report
  }

  /// From an empty store to a closed one.
  private func fill(_ report: inout SizeReport) async throws {
    let store = try open()
    try await load(store, &report)
    stage("close and open")
    let start = MonotonicClock.now()
    try await store.close()
    report.close_ms = MonotonicClock.seconds(since: start) * 1e3
  }

  private func measureClosed(_ report: inout SizeReport) throws {
    report.disk_bytes = try FileManager.default.contentsOfDirectory(atPath: path).reduce(0) {
      total, name in
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
      return total + (attributes[.size] as? Int ?? 0)
    }
    report.opening = try Opening.inFreshProcess(
      path: path, dimension: data.dimension, model: data.name)
    if try PageCache.drop(folder: path) {
      report.cold_opening = try Opening.inFreshProcess(
        path: path, dimension: data.dimension, model: data.name)
    }
    progress.end()
  }

  private func use(_ report: inout SizeReport) async throws {
    let store = try open()
    report.index_bytes = try store.statistics().indexBytes
    try search(store, &report)
    try searchUsers(store, &report)
    try await change(store, &report)
    try await store.close()
  }

  private func open() throws -> Store {
    try Store(
      path: path,
      configuration: StoreConfiguration(dimension: data.dimension, model: data.name))
  }

  private func stage(_ name: String) { progress.begin("\(grouped(size)) memories: \(name)") }

  // MARK: Loading

  private func load(_ store: Store, _ report: inout SizeReport) async throws {
    stage("load")
    let start = MonotonicClock.now()
    for begin in stride(from: 0, to: size, by: Self.batch) {
      let end = min(begin + Self.batch, size)
      try await store.insert(try (begin..<end).map { try memory($0) })
      progress.update(end, of: size)
    }
    let loaded = MonotonicClock.seconds(since: start)
    try await store.waitUntilIndexed()
    report.load_per_s = Double(size) / loaded
    report.indexed_s = MonotonicClock.seconds(since: start)
    progress.end(String(format: "%.1f s", report.indexed_s))
  }

  private func memory(_ row: Int) throws -> NewMemory {
    data.memory(row, metadata: try Metadata(json: data.records.metadata[row]))
  }

  // MARK: Searching

  private func search(_ store: Store, _ report: inout SizeReport) throws {
    stage("recall")
    report.recall = try StoreRecall(data, size: size).mean(of: store, among: 0..<size)
    progress.end()
    stage("search")
    var samples = Samples()
    for _ in 0..<passes {
      for query in 0..<data.queries.count {
        let vector = Array(data.queryVector(query))
        let found = try samples.time { try store.search(vector, k: Self.k) }
        precondition(found.count == min(Self.k, size))
      }
    }
    report.search = samples.summary
    progress.end()
  }

  /// Each query among its own user's memories, where the user has any.
  private func searchUsers(_ store: Store, _ report: inout SizeReport) throws {
    stage("search of one user")
    var rowsOfUser: [String: [Int]] = [:]
    for row in 0..<size { rowsOfUser[data.records.userIDs[row], default: []].append(row) }
    let judge = StoreRecall(data, size: size)
    var recall = 0.0
    var count = 0
    var samples = Samples()
    var bySize: [Int: Samples] = [:]
    for pass in 0...passes {
      for query in 0..<data.queries.count {
        let user = data.queries.userIDs[query]
        guard let own = rowsOfUser[user] else { continue }
        let vector = Array(data.queryVector(query))
        let (found, nanoseconds) = try MonotonicClock.measure {
          try store.search(vector, k: Self.k, scope: Scope(user: user))
        }
        guard pass == 0 else {
          samples.append(nanoseconds)
          bySize[UserSizeClass.of(own.count), default: Samples()].append(nanoseconds)
          continue
        }
        let scores = own.map { judge.score($0, query) }.sorted(by: >)
        let results = judge.rows(of: found).filter { data.records.userIDs[$0] == user }
        recall += judge.recall(
          of: results, query: query, kthTrue: scores[min(Self.k, scores.count) - 1],
          existing: own.count)
        count += 1
      }
    }
    report.user_recall = recall / Double(max(count, 1))
    report.user_search = samples.summary
    report.user_search_by_size = bySize.keys.sorted().compactMap { size in
      bySize[size]?.summary.map {
        UserSizeClass(memories_up_to: size == .max ? nil : size, latency: $0)
      }
    }
    progress.end()
  }

  // MARK: Changing

  /// Single durable operations, one after the other, spread over the store.
  private func change(_ store: Store, _ report: inout SizeReport) async throws {
    stage("add, update, get, history, delete")
    let step = max(1, size / operations)
    let chosen = stride(from: 0, to: size, by: step).prefix(operations).map { $0 }
    var added: [UUID] = []
    var samples = Samples()
    for row in chosen {
      var memory = try memory(row)
      memory.id = nil
      let (id, nanoseconds) = try await timed { try await store.insert(memory) }
      added.append(id)
      samples.append(nanoseconds)
    }
    report.add = samples.summary
    samples = Samples()
    for (index, id) in added.enumerated() {
      let update = MemoryUpdate(
        text: data.records.texts[chosen[index]] + " (changed)",
        vector: Array(data.vector(chosen[index])))
      samples.append(try await timed { try await store.update(id, update) }.nanoseconds)
    }
    report.update = samples.summary
    samples = Samples()
    for id in added { _ = try samples.time { try store.get(id) } }
    report.get = samples.summary
    samples = Samples()
    for id in added {
      let entries = try samples.time { try store.history(of: id) }
      precondition(entries.count == 2)
    }
    report.history = samples.summary
    samples = Samples()
    for id in added {
      samples.append(try await timed { try await store.delete(id) }.nanoseconds)
    }
    report.delete = samples.summary
    progress.end()
  }

  private func timed<Result>(
    _ body: () async throws -> Result
  ) async throws -> (result: Result, nanoseconds: UInt64) {
    let start = MonotonicClock.now()
    let result = try await body()
    return (result, MonotonicClock.now() - start)
  }

  // MARK: Verifying

  /// What is found on disk after all that.
  private func verify(_ report: inout SizeReport) async throws {
    stage("verify")
    let store = try open()
    let start = MonotonicClock.now()
    let found = try await store.verify()
    report.verify_s = MonotonicClock.seconds(since: start)
    report.problems = found.problems
    try await store.close()
    progress.end(found.isSound ? "sound" : "\(found.problems.count) problems")
  }
}
