import EngramIndex
import Foundation
import Synchronization
import Testing

/// Searches while one writer inserts, deletes and updates.
@Suite(.serialized) struct ConcurrencyTests {
  /// What has happened to an index that holds vectors of a pool, which one writer inserts in order.
  final class Log: Sendable {
    struct State {
      var inserted: Int
      /// The vector of each row: a row may be given again.
      var sources: [Int]
      /// Vectors whose deletion is over, and those where it has begun.
      var deleted: Set<Int> = []
      var doomed: Set<Int> = []
      var isOver = false
    }
    struct Outcome {
      var faults: [String] = []
      var searches = 0
      var asked = 0
      var found = 0
    }

    let pool: Vectors
    let state: Mutex<State>
    let outcome = Mutex(Outcome())

    init(_ pool: Vectors, inserted: Int) {
      self.pool = pool
      state = Mutex(State(inserted: inserted, sources: Array(0..<inserted)))
    }

    /// Notes what a row holds before searches find it.
    func name(_ row: Int, _ source: Int) {
      state.withLock { state in
        if row == state.sources.count { state.sources.append(source) } else {
          state.sources[row] = source
        }
      }
    }

    /// One search with a vector of the pool, checked.
    func search(_ index: HNSWIndex, _ random: inout Generator) {
      let before = state.withLock { $0 }
      guard before.inserted > 0 else { return }
      let source = random.below(before.inserted)
      let k = [1, 10, 40][random.below(3)]
      let among = random.below(4) == 0 ? RowSet((0..<pool.count).filter { $0 % 8 != 1 }) : nil
      var results: [Neighbour] = []
      var faults: [String] = []
      var isAsked = true
      do {
        // Inside, what a row holds is what it held when it was found.
        try index.reading { () throws(IndexError) in
          let found = try index.search(pool[source], k: k, among: among)
          let sources = state.withLock { $0.sources }
          if let among {
            isAsked = sources.firstIndex(of: source).map(among.contains) ?? false
            if !found.allSatisfy({ among.contains($0.row) }) { faults.append("a row not among") }
          }
          results = found.map { Neighbour(row: sources[$0.row], score: $0.score) }
        }
      } catch {
        faults.append("\(error)")
      }
      let mayBeThere = { (source: Int) in !before.deleted.contains(source) }
      let truth = Truth(pool[source], pool, index.metric)
      if let fault = truth.fault(in: results, k: k, where: mayBeThere) { faults.append(fault) }
      isAsked = isAsked && !state.withLock { $0.doomed.contains(source) } && mayBeThere(source)
      let isFound = results.first.map {
        truth.distances[$0.row] <= truth.distances[source] + 1e-6
      }
      outcome.withLock {
        $0.searches += 1
        $0.faults += faults
        if isAsked {
          $0.asked += 1
          $0.found += isFound == true ? 1 : 0
        }
      }
    }

    /// Readers until the writer is done.
    func run(
      _ index: HNSWIndex, readers: Int, _ write: @escaping @Sendable () throws -> Void
    ) -> Outcome {
      let group = DispatchGroup()
      spawn(group) {
        do { try write() } catch {
          self.outcome.withLock { $0.faults.append("writer: \(error)") }
        }
        self.state.withLock { $0.isOver = true }
      }
      for reader in 0..<readers {
        spawn(group) {
          var random = Generator(UInt64(1_000 + reader))
          while !self.state.withLock({ $0.isOver }) { self.search(index, &random) }
        }
      }
      group.wait()
      return outcome.withLock { $0 }
    }

    private func spawn(_ group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
      group.enter()
      Thread.detachNewThread {
        body()
        group.leave()
      }
    }

    func expectSound(_ least: Double) {
      let outcome = outcome.withLock { $0 }
      #expect(outcome.faults.prefix(3) == [], note("\(outcome.faults.count) faults"))
      #expect(outcome.searches > 10)
      #expect(Double(outcome.found) >= least * Double(outcome.asked), note("\(outcome)"))
    }
  }

  /// Sizes where searches scan, where they walk, and from one to the other. With a third of the
  /// steps, or nine of ten, replacing: then rows are given again while searches look at them.
  @Test(
    arguments: [Metric.cosine, .squaredL2],
    [(0, 1_200, 0.3), (1_700, 800, 0.3), (2_600, 1_500, 0.3), (2_600, 2_500, 0.9)])
  func searchWhileWriting(
    metric: Metric, sizes: (start: Int, inserts: Int, replacing: Float)
  ) throws {
    let (pool, _) = clustered(sizes.start + sizes.inserts, 24, queries: 1, stream: 110)
    let index = try HNSWIndex(dimension: 24, metric: metric)
    let pinned = PinnedVectors(pool)
    try index.append(at: Array(pinned.addresses.prefix(sizes.start)))
    try index.link(threads: 2)
    let log = Log(pool, inserted: sizes.start)
    _ = log.run(index, readers: 3) {
      var random = Generator(111)
      var live = (0..<sizes.start).map { (source: $0, row: $0) }
      for source in sizes.start..<pool.count {
        var old: (source: Int, row: Int)?
        if Float(random.below(100)) < 100 * sizes.replacing, !live.isEmpty {
          live.swapAt(random.below(live.count), live.count - 1)
          old = live.removeLast()
        }
        if let old { log.state.withLock { _ = $0.doomed.insert(old.source) } }
        // Deleted before, or after: an update.
        let isUpdate = random.below(2) == 0
        if let old, !isUpdate { try index.delete(old.row) }
        let row = try index.append(at: pinned.addresses[source]) { log.name($0, source) }
        try index.link(threads: 1)
        if let old, isUpdate { try index.delete(old.row) }
        live.append((source, row))
        log.state.withLock {
          if let old { $0.deleted.insert(old.source) }
          $0.inserted = source + 1
        }
      }
    }
    log.expectSound(pool.count <= 2_000 ? 1 : 0.99)
    #expect(index.integrityProblems() == [])
    let deleted = log.state.withLock { $0.deleted.count }
    #expect(index.count == pool.count - deleted)
    if sizes.replacing > 0.5 { #expect(index.rowCount < pool.count - deleted / 2) }
    withExtendedLifetime(pinned) {}
  }

  /// Rows appended to a graph are scanned while a bulk build links them. With these seeds one of
  /// the rows linked early has the highest level of all, so that the entry point moves to a row
  /// that searches do not know yet.
  @Test(arguments: [10, 18, 20, 42, 43] as [UInt64])
  func searchWhileLinkingInBulk(seed: UInt64) throws {
    let (pool, _) = clustered(8_000, 24, queries: 1, stream: 112)
    let pinned = PinnedVectors(pool)
    let parameters = HNSWParameters(maxConnections: 8, efConstruction: 60, seed: seed)
    let index = try HNSWIndex(dimension: 24, metric: .cosine, parameters: parameters)
    try index.append(at: Array(pinned.addresses.prefix(2_100)))
    try index.link(threads: 2)
    let log = Log(pool, inserted: pool.count)
    try index.append(at: Array(pinned.addresses.dropFirst(2_100)))
    _ = log.run(index, readers: 2) { try index.link(threads: 1) }
    log.expectSound(0.99)
    #expect(index.tailCount == 0)
    #expect(index.integrityProblems() == [])
    withExtendedLifetime(pinned) {}
  }

  /// Several writers wait for each other: every row is taken once, under a number of its own.
  @Test(arguments: [0, 2_100]) func manyWriters(start: Int) async throws {
    let (pool, _) = clustered(start + 800, 24, queries: 1, stream: 113)
    let index = try HNSWIndex(dimension: 24, metric: .cosine)
    let pinned = PinnedVectors(pool.first(start))
    try index.append(at: pinned.addresses)
    try index.link(threads: 2)
    let pairs = try await withThrowingTaskGroup(of: [(row: Int, source: Int)].self) { group in
      for writer in 0..<4 {
        group.addTask {
          try (0..<200).map { step in
            let source = start + writer * 200 + step
            return (try index.insert(pool[source]), source)
          }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(pairs.map(\.row).sorted() == Array(start..<start + 800))
    #expect(index.count == start + 800 && index.tailCount == 0)
    #expect(index.integrityProblems() == [])
    var found = 0
    for pair in pairs {
      #expect(try index.vector(pair.row) == pool[pair.source])
      found += try index.search(pool[pair.source], k: 1).first?.row == pair.row ? 1 : 0
    }
    #expect(found >= (start == 0 ? 800 : 792), note("of 800"))
    withExtendedLifetime(pinned) {}
  }
}
