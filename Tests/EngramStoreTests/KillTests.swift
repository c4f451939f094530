import EngramStore
import Foundation
import Testing

/// A process that is killed at any moment loses nothing that it was told is durable.
@Suite(.serialized) struct KillTests {
  private func open(_ directory: URL, _ durability: Durability) throws -> Store {
    try openStore(
      directory, dimension: 16, metric: .squaredL2, durability: durability, model: "unnamed")
  }

  /// Starts a process on the store and kills it a while after its first acknowledgement.
  private func crash(
    _ directory: URL, _ durability: Durability, writers: Int, mixed: Bool, after delay: UInt32
  ) throws -> [Substring] {
    let child = try Child(
      store: directory, durability: durability, writers: writers, work: mixed ? "mixed" : "insert")
    child.wait(for: "+")
    usleep(delay)
    return child.kill()
  }

  /// Opens what is left and holds it against the ledger.
  private func check(
    _ directory: URL, _ durability: Durability, _ ledger: Ledger, _ comment: Comment
  ) async throws {
    let store = try open(directory, durability)
    let report = try await store.verify()
    #expect(report.problems.isEmpty, comment)
    let problems = try ledger.problems(with: store)
    #expect(problems.isEmpty, comment)
    let missed = try ledger.missedBySearch(of: store)
    #expect(missed.isEmpty, comment)
    try await store.close()
  }

  /// One store through all crashes; not every crash is followed by an orderly opening and close.
  @Test func aStoreGrowsOverCrashes() async throws {
    var generator = Generator(seed: 3)
    var ledger = Ledger()
    try await withTemporaryDirectory { directory in
      for round in 1...25 {
        let mixed = round % 3 == 0
        let lines = try crash(
          directory, .full, writers: generator.oneIn(3) ? 1 : 4, mixed: mixed,
          after: UInt32.random(in: 1_000...400_000, using: &generator))
        ledger.add(lines)
        if round < 25, generator.oneIn(3) { continue }
        try await check(directory, .full, ledger, "round \(round)")
      }
    }
    print("kill: 25 rounds, \(ledger.count) acknowledged memories, all found")
  }

  @Test(arguments: Durability.allCases)
  func aFreshStoreSurvives(durability: Durability) async throws {
    var generator = Generator(seed: 4)
    var acknowledged = 0
    for round in 1...5 {
      try await withTemporaryDirectory { directory in
        var ledger = Ledger()
        let lines = try crash(
          directory, durability, writers: 8, mixed: round % 2 == 0,
          after: UInt32.random(in: 1_000...60_000, using: &generator))
        ledger.add(lines)
        acknowledged += ledger.count
        try await check(directory, durability, ledger, "\(durability), round \(round)")
      }
    }
    print("kill, fresh stores, \(durability): 5 rounds, \(acknowledged) acknowledged, all found")
  }

  /// Killed while the store is being made, or before: the next opening makes or completes it.
  @Test func theMakingOfAStoreIsInterrupted() async throws {
    var generator = Generator(seed: 5)
    for round in 1...20 {
      try await withTemporaryDirectory { directory in
        let store = directory.file("store")
        let child = try Child(store: store, writers: 2, work: "insert")
        usleep(UInt32.random(in: 1_000...25_000, using: &generator))
        var ledger = Ledger()
        ledger.add(child.kill())
        try await check(store, .full, ledger, "round \(round)")
      }
    }
  }
}
