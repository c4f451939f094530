import EngramIndex
import EngramStore
import Foundation
import Testing

/// Whatever is done to a store, it answers as a dictionary would.
@Suite struct ModelTests {
  @Test(arguments: Metric.allCases, Durability.allCases)
  func agreesWithADictionary(metric: Metric, durability: Durability) async throws {
    for seed: UInt64 in 1...2 {
      let comment: Comment = "seed \(Generator.override ?? seed) (set ENGRAM_SEED to repeat it)"
      try await withTemporaryDirectory { directory in
        var run = try ModelRun(directory, metric: metric, durability: durability, seed: seed)
        do { try await run.run(steps: 300) } catch { Issue.record(error, comment) }
      }
    }
  }
}
