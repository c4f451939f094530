import Dispatch
import Foundation
import Testing

@testable import EngramIndex

/// No search waits for a writer, shown without a clock: the writer is stopped while it holds what it
/// holds, and all searches complete. One that waited would wait for ever, until the time limit.
@Suite struct StoppedWriterTests {
  @Test(.timeLimit(.minutes(10)), arguments: Metric.allCases)
  func whileRowsAreLinked(metric: Metric) throws {
    let (vectors, queries) = clustered(6_000, 32, queries: 100, stream: 401)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: 32, metric: metric)
    try index.append(at: Array(pinned.addresses[..<3_000]))
    try index.link(threads: 2)
    try index.append(at: Array(pinned.addresses[3_000...]))
    // Stopped once in each quarter of the batches, with the linker's lock held.
    let reached = DispatchSemaphore(value: 0)
    let go = DispatchSemaphore(value: 0)
    let stops = [0, 750, 1_500, 2_250]
    let writer = Thread {
      var left = stops[...]
      try? index.link(threads: 1) { done in
        guard let next = left.first, done > next else { return }
        left.removeFirst()
        reached.signal()
        go.wait()
      }
      reached.signal()
    }
    writer.start()
    for _ in stops {
      reached.wait()
      for number in 0..<1_000 {
        let query = queries[number % queries.count]
        #expect(try index.search(query, k: 10).count == 10)
        // Rows and deletes go on, too.
        if number % 250 == 0 {
          let row = try index.content.append(copying: query)[0]
          #expect(try index.search(query, k: 1).first?.row == row || metric == .innerProduct)
          try index.delete(row)
        }
      }
      go.signal()
    }
    reached.wait()
    #expect(index.integrityProblems() == [])
  }

  /// The writer stands between the row that it has chosen, a deleted one, and its vector.
  @Test(.timeLimit(.minutes(10))) func whileARowIsWritten() throws {
    let (vectors, queries) = clustered(3_001, 32, queries: 100, stream: 402)
    let pinned = PinnedVectors(vectors)
    let index = try HNSWIndex(dimension: 32, metric: .cosine)
    try index.append(at: Array(pinned.addresses[..<3_000]))
    try index.link(threads: 2)
    for row in 0..<500 { try index.delete(row) }
    index.removeDead()
    let row = try index.append(at: pinned.addresses[3_000]) { row in
      #expect(row < 500)
      for number in 0..<1_000 {
        let found = try? index.search(queries[number % queries.count], k: 10)
        #expect(found?.count == 10 && found?.contains { $0.row < 500 } == false)
      }
    }
    #expect(try index.search(vectors[3_000], k: 1).first?.row == row)
    withExtendedLifetime(pinned) {}
  }
}
