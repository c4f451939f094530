import EngramStore
import Foundation
import Testing

/// Several processes have one store open, and write to it.
@Suite(.serialized) struct ProcessTests {
  private static func setting(_ name: String, _ otherwise: Int) -> Int {
    Int(ProcessInfo.processInfo.environment[name] ?? "") ?? otherwise
  }

  private func open(_ directory: URL) throws -> Store {
    try openStore(
      directory, dimension: 16, metric: .squaredL2, durability: .full, model: "unnamed")
  }

  /// Four write and search together, as this one does; no error, nothing lost, all see the same at
  /// the end. For a minute with ENGRAM_PROCESS_SECONDS=60.
  @Test func fourWriteAndSearchTogether() async throws {
    let seconds = Self.setting("ENGRAM_PROCESS_SECONDS", 4)
    try await withTemporaryDirectory { directory in
      let children = try (0..<4).map { _ in
        try Child(
          store: directory, writers: 3, work: "share", environment: ["SECONDS": "\(seconds)"])
      }
      let store = try open(directory)
      var generator = Generator(seed: 81)
      let end = ContinuousClock.now + .seconds(seconds)
      while ContinuousClock.now < end {
        let found = try store.search(generator.vector(16), k: 10)
        #expect(Set(found.map(\.memory.id)).count == found.count)
        // Leaves the processor to the four; nothing waits for it.
        usleep(2_000)
      }
      for child in children { child.wait(for: "done") }
      for child in children { child.closeInput() }
      var ledger = Ledger()
      var states: [Substring] = []
      for child in children {
        let lines = child.end()
        #expect(child.failure == nil)
        #expect(lines.filter { $0.hasPrefix("!") } == [])
        states += lines.filter { $0.hasPrefix("sees") }
        ledger.add(lines)
      }
      #expect(states.count == 4 && Set(states).count == 1)
      let problems = try ledger.problems(with: store)
      #expect(problems == [])
      try await check(store)
      let count = try store.statistics().memories
      #expect(states.first?.hasPrefix("sees \(count) ") == true)
      try await store.close()
      print("processes: 4 for \(seconds) s, \(ledger.count) acknowledged memories, all found by all")
    }
  }

  /// One of three is killed, again and again, and another takes its place; what was acknowledged is
  /// there, and the others go on. Thousands of times with ENGRAM_KILLS.
  @Test func oneOfSeveralIsKilled() async throws {
    let kills = Self.setting("ENGRAM_KILLS", 15)
    var generator = Generator(seed: 82)
    try await withTemporaryDirectory { directory in
      let store = try open(directory)
      var ledger = Ledger()
      var children = try (0..<3).map { _ in try mixed(directory) }
      for round in 1...kills {
        // The moment of the kill, whatever the process is at; any is right.
        usleep(UInt32.random(in: 1_000...150_000, using: &generator))
        let victim = Int.random(in: 0..<3, using: &generator)
        ledger.add(children[victim].kill())
        children[victim] = try mixed(directory)
        let id = try await store.insert(Ledger.newMemory())
        #expect(try store.get(id).id == id)
        #expect(try ledger.missedBySearch(of: store) == [], "round \(round)")
      }
      for child in children { ledger.add(child.kill()) }
      let problems = try ledger.problems(with: store)
      #expect(problems == [])
      try await check(store)
      try await store.close()
      print("processes: \(kills + 3) of 3 at work killed, \(ledger.count) acknowledged, all found")
    }
  }

  private func mixed(_ directory: URL) throws -> Child {
    let child = try Child(store: directory, writers: 2, work: "mixed")
    child.wait(for: "+")
    return child
  }

  private func check(_ store: Store) async throws {
    let report = try await store.verify()
    #expect(report.problems == [])
  }

  /// A process that writes stands still at any moment, with whatever it holds: searches go on.
  @Test(.timeLimit(.minutes(3))) func aStoppedWriterIsInNoSearchsWay() async throws {
    var generator = Generator(seed: 83)
    try await withTemporaryDirectory { directory in
      let store = try open(directory)
      try await store.insert((0..<500).map { _ in try Ledger.newMemory() })
      let child = try mixed(directory)
      for _ in 1...20 {
        // The moment of the stop, whatever the process is at; any is right.
        usleep(UInt32.random(in: 1_000...20_000, using: &generator))
        child.signal(SIGSTOP)
        for _ in 0..<1_000 {
          let found = try store.search(generator.vector(16), k: 10)
          #expect(found.count == 10)
        }
        child.signal(SIGCONT)
      }
      _ = child.kill()
      try await check(store)
      try await store.close()
    }
  }

  /// Who links rows dies; another goes on, and writers never wait long.
  @Test(.timeLimit(.minutes(3))) func theIndexerDies() async throws {
    try await withTemporaryDirectory { directory in
      let child = try Child(store: directory, writers: 4, work: "insert")
      child.wait(for: "+")
      let store = try open(directory)
      for _ in 0..<20 {
        try await store.insert((0..<200).map { _ in try Ledger.newMemory() })
      }
      _ = child.kill()
      try await store.waitUntilIndexed()
      #expect(try store.statistics().tailRows == 0)
      try await check(store)
      try await store.close()
    }
  }

  /// The rows that one process links come to the others with its snapshots.
  @Test(.timeLimit(.minutes(3))) func aSnapshotIsTakenOver() async throws {
    try await withTemporaryDirectory { directory in
      let writer = try open(directory)
      // While it is at work, it holds the lock.
      try await writer.insert((0..<3_000).map { _ in try Ledger.newMemory() })
      try await writer.waitUntilIndexed()
      let reader = try open(directory)
      try await writer.insert((0..<9_000).map { _ in try Ledger.newMemory() })
      #expect(try reader.statistics().memories == 12_000)
      for store in [reader, writer] {
        try await store.waitUntilIndexed()
        let statistics = try store.statistics()
        #expect(statistics.tailRows == 0 && statistics.indexRows == 12_000)
        try await check(store)
        try await store.close()
      }
    }
  }
}
