import EngramIndex
import EngramStore
import Foundation

/// A closed store with a past, and what it held after each change: for tests that damage copies.
struct Sample {
  /// Every version of every memory that ever was, by the change that made it.
  private(set) var versions: [Int64: (memory: Memory, vector: [Float])] = [:]
  /// Current memories after each change.
  private(set) var states: [[UUID: Int64]] = [[:]]
  private(set) var ids: [UUID] = []
  let dimension = 8

  /// Makes the store: single inserts, updates of text and vectors, deletes.
  ///
  /// - Parameter crashedCopy: gets the files as they are before the store is closed, when all
  ///   changes are still in the log.
  init(_ directory: URL, crashedCopy: URL? = nil) async throws {
    var generator = Generator(seed: 77)
    let store = try openStore(directory, metric: .squaredL2, durability: .full)
    for number in 0..<40 {
      let vector = generator.vector(dimension)
      let id = try await store.insert(
        NewMemory(
          text: "memory \(number) \(String(repeating: "text ", count: number))", vector: vector,
          scope: Scope(user: "user \(number % 3)", agent: number % 2 == 0 ? "agent" : nil),
          metadata: try Metadata(["number": .int(Int64(number))])))
      ids.append(id)
      try note(id, vector, store)
      let isThere = { [states] (id: UUID) in states[states.count - 1][id] != nil }
      if number % 4 == 1, isThere(ids[number - 1]) {
        try await store.update(ids[number - 1], MemoryUpdate(text: "changed \(number)"))
        try note(ids[number - 1], nil, store)
      }
      if number % 5 == 2, isThere(ids[number / 2]) {
        let vector = generator.vector(dimension)
        try await store.update(ids[number / 2], MemoryUpdate(vector: vector))
        try note(ids[number / 2], vector, store)
      }
      if number % 8 == 6 {
        try await store.delete(id)
        states.append(states[states.count - 1].filter { $0.key != id })
      }
    }
    if let crashedCopy {
      try await store.snapshot()
      try directory.copy(to: crashedCopy)
    }
    try await store.close()
  }

  private mutating func note(_ id: UUID, _ vector: [Float]?, _ store: Store) throws {
    let memory = try store.get(id)
    var state = states[states.count - 1]
    versions[memory.change] = (memory, try store.vector(of: id))
    state[id] = memory.change
    states.append(state)
  }

  /// Whether this is a version that the store once had.
  func had(_ memory: Memory) -> Bool { versions[memory.change]?.memory == memory }
}

/// What became of a damaged store.
enum Verdict: Equatable {
  /// Opening refused it.
  case refused(String)
  /// It opened, and verify or a read said that something is wrong.
  case reported
  /// All is as it was after this change.
  case intact(change: Int)
  /// Nobody noticed.
  case silent(String)
}

extension Sample {
  /// Opens a damaged copy and reads all of it.
  func examine(_ directory: URL) async throws -> Verdict {
    let store: Store
    do {
      store = try openStore(directory, metric: .squaredL2, durability: .full)
    } catch let error as StoreError { return .refused(error.kind) }
    let verdict = await examine(store)
    try? await store.close()
    return verdict
  }

  private func examine(_ store: Store) async -> Verdict {
    var isReported = false
    var head = -1
    do throws(StoreError) {
      let report = try await store.verify()
      isReported = !report.isSound
      head = Int(report.head.sequence)
    } catch { isReported = true }
    guard head < states.count else { return .silent("head \(head)") }
    let state = isReported ? [:] : states[head]

    // A wrong memory is never returned, not even by a store that is known to be damaged.
    for id in ids {
      do throws(StoreError) {
        let memory = try store.get(id)
        guard memory.id == id, had(memory) else { return .silent("get \(id) gave \(memory)") }
        if !isReported, state[id] != memory.change { return .silent("\(id): an old version") }
        let vector = try store.vector(of: id)
        guard versions[memory.change]?.vector == vector else { return .silent("vector of \(id)") }
        _ = try store.history(of: id)
      } catch {
        if !isReported, state[id] != nil { return .silent("\(id): \(error)") }
      }
    }
    do {
      for scope in [Scope.all, Scope(user: "user 1"), Scope(user: "user 2", agent: "agent")] {
        let listed = try store.list(scope: scope, limit: 1_000).memories
        guard listed.allSatisfy({ had($0) && $0.scope.lies(in: scope) }) else {
          return .silent("list of \(scope)")
        }
        let query = [Float](repeating: 0.25, count: dimension)
        let found = try store.search(query, k: 100, scope: scope)
        guard found.allSatisfy({ had($0.memory) && $0.memory.scope.lies(in: scope) }) else {
          return .silent("search in \(scope)")
        }
        _ = try store.search(query, k: 5, filter: try Filter(parsing: #"{"number": {"gt": 3}}"#))
        if isReported { continue }
        let expected = state.filter { versions[$0.value]?.memory.scope.lies(in: scope) == true }
        guard Set(listed.map(\.change)) == Set(expected.values),
          found.count == expected.count, Set(found.map(\.memory.change)) == Set(expected.values)
        else { return .silent("list or search of \(scope) is incomplete") }
        for result in found {
          let vector = versions[result.memory.change]?.vector ?? []
          let score = Double(result.score)
          guard abs(score - Metric.squaredL2.exactScore(query, vector)) < 1e-4 else {
            return .silent("score \(score) of \(result.memory.id)")
          }
        }
      }
    } catch let error as StoreError {
      if !isReported { return .silent("\(error) where verify found nothing") }
    } catch { return .silent("untyped \(error)") }
    return isReported ? .reported : .intact(change: head)
  }
}
