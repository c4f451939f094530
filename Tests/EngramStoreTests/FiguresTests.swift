import EngramIndex
import Foundation
import Testing

@testable import EngramStore

/// What a store counts, against what was done to it: its own figures and what a metrics backend is
/// told.
@Suite struct FiguresTests {
  private static func open(
    _ directory: URL, _ collector: Collector?, name: String? = nil
  ) throws -> Store {
    try Store(
      path: directory.path,
      configuration: StoreConfiguration(
        dimension: 8, durability: .process, indexingThreads: 2, name: name, metrics: collector))
  }

  /// What a store has been asked, counted beside it.
  private struct Done {
    var (added, updated, deleted) = (0, 0, 0)
    var (inserts, updates, deletes) = (0, 0, 0)
  }

  /// Several tasks write at once: groups are shared, and all of them together are what was written.
  @Test(.timeLimit(.minutes(10))) func countsAreExact() async throws {
    try await withTemporaryDirectory { directory in
      let collector = Collector()
      let store = try Self.open(directory, collector)
      let done = Shared(Done())
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<6 {
          group.addTask {
            var generator = Generator(seed: UInt64(81 + task))
            var ids: [UUID] = []
            for _ in 0..<60 {
              switch Int.random(in: 0..<4, using: &generator) {
              case 0 where !ids.isEmpty:
                let id = ids[Int.random(in: 0..<ids.count, using: &generator)]
                try await store.update(id, MemoryUpdate(vector: generator.vector(8)))
                done.change {
                  $0.updated += 1
                  $0.updates += 1
                }
              case 1 where ids.count > 3:
                let gone = Array(ids.prefix(2))
                // An id that comes twice is one memory.
                try await store.delete(gone + gone)
                ids.removeFirst(2)
                done.change {
                  $0.deleted += 2
                  $0.deletes += 1
                }
              default:
                let count = Int.random(in: 1...9, using: &generator)
                ids += try await store.insert(
                  (0..<count).map { _ in
                    NewMemory(text: "x", vector: generator.vector(8), scope: .all)
                  })
                done.change {
                  $0.added += count
                  $0.inserts += 1
                }
              }
            }
          }
        }
        try await group.waitForAll()
      }
      let model = done.value
      let figures = try store.figures()
      #expect(figures.added == model.added && figures.updated == model.updated)
      #expect(figures.deleted == model.deleted && figures.waitingWrites == 0)
      #expect(figures.add.sinceOpening.count == model.inserts)
      #expect(figures.commit.sinceOpening.count == figures.groups)
      #expect(figures.groups > 0 && figures.groups <= model.inserts + model.updates + model.deletes)
      #expect(figures.failedWrites == 0 && figures.failedSearches == 0)

      for (operation, changes, calls) in [
        ("add", model.added, model.inserts), ("update", model.updated, model.updates),
        ("delete", model.deleted, model.deletes),
      ] {
        let dimension = ["operation": operation]
        #expect(collector.count("engram_store_changes_total", dimension) == changes)
        #expect(collector.values("engram_store_write_seconds", dimension).count == calls)
      }
      let sizes = collector.values("engram_store_group_memories")
      #expect(sizes.count == figures.groups)
      #expect(Int(sizes.reduce(0, +)) == model.added + model.updated + model.deleted)
      for part in ["vectors", "transaction"] {
        #expect(
          collector.values("engram_store_commit_seconds", ["part": part]).count == figures.groups)
      }
      #expect(collector.level("engram_store_waiting_writes") == 0 && !collector.isBelowZero)
      try await store.waitUntilIndexed()
      #expect(collector.level("engram_store_tail_rows") == 0)
      #expect(try store.figures().tailRows == 0)
      try await store.close()
      #expect(collector.level("engram_store_tail_rows") == 0)
      #expect(!collector.values("engram_store_checkpoint_seconds").isEmpty)
      #expect(collector.values("engram_store_snapshot_seconds").count == 1)
    }
  }

  /// What was not written is not counted, and neither is what somebody asks wrongly.
  @Test func whatDoesNotCount() async throws {
    try await withTemporaryDirectory { directory in
      let collector = Collector()
      let store = try Self.open(directory, collector)
      var generator = Generator(seed: 82)
      let vector = generator.vector(8)
      let first = NewMemory(key: "key", text: "once", vector: vector, scope: .all)
      for _ in 1...5 { try await store.insert(first) }
      let other = NewMemory(key: "key", text: "other", vector: vector, scope: .all)
      #expect(await refusal { try await store.insert(other) } == "conflictingKey")
      #expect(await refusal { try await store.delete(UUID()) } == "unknownMemory")
      #expect(await refusal { try await store.update(UUID(), MemoryUpdate(text: "x")) } != nil)
      #expect(await refusal { _ = try store.search([1], k: 1) } == "index dimensionMismatch")
      let figures = try store.figures()
      #expect(figures.added == 1 && figures.groups == 1 && figures.changesPerGroup == 1)
      #expect(figures.failedWrites == 0 && figures.failedSearches == 0)
      #expect(figures.search.sinceOpening.count == 0 && figures.add.sinceOpening.count == 5)
      #expect(collector.count("engram_store_changes_total", ["operation": "add"]) == 1)
      #expect(collector.level("engram_store_waiting_writes") == 0)
      try await store.close()
      #expect(await refusal { _ = try store.figures() } == "closed")
    }
  }

  @Test func failuresCount() async throws {
    try await withTemporaryDirectory { directory in
      let collector = Collector()
      let store = try Self.open(directory, collector)
      let vector: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
      let id = try await store.insert(NewMemory(text: "x", vector: vector, scope: .all))
      try RawCatalogue.execute(directory, "UPDATE memory SET checksum = checksum + 1")
      for _ in 1...3 {
        #expect(await refusal { _ = try store.search(vector, k: 1) } == "damaged engram.sqlite")
      }
      #expect(
        await refusal { try await store.update(id, MemoryUpdate(text: "y")) }
          == "damaged engram.sqlite")
      let figures = try store.figures()
      #expect(figures.failedSearches == 3 && figures.failedWrites == 1)
      #expect(figures.search.sinceOpening.count == 0 && figures.updated == 0)
      #expect(collector.count("engram_store_failures_total", ["operation": "search"]) == 3)
      #expect(collector.count("engram_store_failures_total", ["operation": "write"]) == 1)
      try? await store.close()
    }
  }

  /// Each search is counted once, under the plan that it was answered by.
  @Test(.timeLimit(.minutes(10))) func searchesByPlan() async throws {
    try await withTemporaryDirectory { directory in
      let collector = Collector()
      let store = try Self.open(directory, collector)
      var generator = Generator(seed: 83)
      try await store.insert(
        try (0..<6_000).map {
          NewMemory(
            text: "memory \($0)", vector: generator.vector(8),
            scope: Scope(user: $0 < 50 ? "few" : "many"),
            metadata: try Metadata(["even": .bool($0 % 2 == 0)]))
        })
      try await store.waitUntilIndexed()
      var expected: [SearchPlan: Int] = [:]
      for number in 0..<200 {
        let scope = [Scope.all, Scope(user: "few"), Scope(user: "many")][number % 3]
        let filter = number % 4 == 0 ? try Filter(parsing: #"{"even": true}"#) : nil
        let explanation = try store.explain(
          generator.vector(8), k: 1 + number % 20, scope: scope, filter: filter)
        expected[explanation.cost.plan ?? .scan, default: 0] += 1
      }
      for _ in 0..<50 { _ = try store.search(generator.vector(8), k: 3, recall: 1) }
      expected[.scan, default: 0] += 50
      #expect(expected.keys.contains(.walk) && expected.keys.contains(.filteredWalk))
      let figures = try store.figures()
      #expect(figures.searches.filter { $0.value > 0 } == expected)
      #expect(figures.search.sinceOpening.count == 250 && figures.search.recent.count == 250)
      let (p50, p95) = (figures.search.recent.p50, figures.search.recent.p95)
      #expect(p50 > .zero && p50 <= p95 && p95 <= figures.search.recent.longest)
      for (plan, label) in [
        (SearchPlan.scan, "scan"), (.walk, "walk"), (.filteredWalk, "filtered_walk"),
        (.filteredWalkThenScan, "filtered_walk_then_scan"),
      ] {
        #expect(
          collector.values("engram_store_search_seconds", ["plan": label]).count
            == expected[plan, default: 0])
      }

      // What it takes to reach the default recall.
      let calibration = try #require(figures.calibration)
      #expect(calibration.rows == 6_000 && (0.99...1).contains(calibration.recall))
      #expect(collector.values("engram_store_calibrated_width").last == Double(calibration.width))
      #expect(
        collector.values("engram_store_calibration_seconds").count
          == collector.values("engram_store_calibrated_width").count)
      #expect(figures.calibratedAt != nil)
      #expect(try store.statistics().calibration == calibration)
      try await store.close()

      let again = try Self.open(directory, nil)
      let reopened = try again.figures()
      #expect(reopened.calibration == calibration && reopened.calibratedAt == nil)
      try await again.close()
    }
  }

  @Test func aBackupIsTimed() async throws {
    try await withTemporaryDirectory { directory in
      let collector = Collector()
      let store = try Self.open(directory.file("store"), collector)
      var generator = Generator(seed: 84)
      for _ in 0..<20 {
        try await store.insert(NewMemory(text: "x", vector: generator.vector(8), scope: .all))
      }
      #expect(try store.figures().lastBackup == nil)
      let begin = Date()
      let manifest = try await store.backup(to: directory.file("backup").path)
      let backup = try #require(try store.figures().lastBackup)
      #expect(backup.bytes == manifest.files.reduce(0) { $0 + $1.bytes })
      #expect(backup.duration > .zero && (begin...Date()).holds(backup.endedAt))
      #expect(collector.values("engram_store_backup_seconds").count == 1)
      #expect(await refusal { _ = try await store.backup(to: directory.path) } == "exists")
      #expect(try store.figures().lastBackup == backup)
      try await store.close()
    }
  }

  /// Many stores make no more series than one, and their figures add up; a name sets one apart.
  @Test func storesShareTheirSeries() async throws {
    try await withTemporaryDirectory { directory in
      let collector = Collector()
      let first = try Self.open(directory.file("0"), collector)
      let alone = collector.series
      #expect(!alone.isEmpty && alone.allSatisfy { $0.label.hasPrefix("engram_store_") })
      let others = try (1..<8).map { try Self.open(directory.file("\($0)"), collector) }
      #expect(collector.series == alone)
      var generator = Generator(seed: 85)
      for store in [first] + others {
        try await store.insert(
          (0..<5).map { _ in NewMemory(text: "x", vector: generator.vector(8), scope: .all) })
      }
      #expect(collector.count("engram_store_changes_total", ["operation": "add"]) == 40)
      for store in others { try await store.waitUntilIndexed() }
      try await first.waitUntilIndexed()
      #expect(collector.level("engram_store_tail_rows") == 0)

      let named = try Self.open(directory.file("named"), collector, name: "one")
      try await named.insert(NewMemory(text: "x", vector: generator.vector(8), scope: .all))
      let own = collector.series.subtracting(alone)
      #expect(own.count == alone.count && own.allSatisfy { $0.dimensions["store"] == "one" })
      #expect(
        collector.count("engram_store_changes_total", ["store": "one", "operation": "add"]) == 1)
      for store in [first, named] + others { try await store.close() }
      #expect(!collector.isBelowZero)
    }
  }

  /// A store that nobody collects from measures itself all the same.
  @Test func withoutABackend() async throws {
    try await withTemporaryDirectory { directory in
      let store = try Self.open(directory, nil)
      var generator = Generator(seed: 86)
      for _ in 0..<10 {
        try await store.insert(NewMemory(text: "x", vector: generator.vector(8), scope: .all))
      }
      for _ in 0..<30 { _ = try store.search(generator.vector(8), k: 3) }
      let figures = try store.figures()
      #expect(figures.added == 10 && figures.search.sinceOpening.count == 30)
      #expect(figures.recentSpan <= figures.openFor)
      #expect(figures.queueGrowth == nil || figures.openFor >= .seconds(10))
      #expect(figures.calibration == nil)
      try await store.close()
    }
  }

  /// The gauge of the queue follows requests that wait and are taken back.
  @Test(.timeLimit(.minutes(10))) func requestsThatAreTakenBack() async throws {
    try await withTemporaryDirectory { directory in
      let collector = Collector()
      let store = try Self.open(directory, collector)
      for round in 0..<40 {
        let tasks = (0..<16).map { number in
          Task {
            try await store.insert(
              NewMemory(
                text: "\(round) \(number)", vector: [Float(number), 1, 1, 1, 1, 1, 1, 1],
                scope: .all))
          }
        }
        for task in tasks.prefix(8) { task.cancel() }
        for task in tasks { _ = try? await task.value }
      }
      #expect(try store.figures().waitingWrites == 0)
      #expect(try store.statistics().waitingWrites == 0)
      #expect(collector.level("engram_store_waiting_writes") == 0 && !collector.isBelowZero)
      let changes = try store.statistics().changes
      #expect(try store.figures().added == Int(changes))
      try await store.close()
    }
  }
}
