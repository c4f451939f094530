import EngramIndex
import Foundation
import Testing

@testable import EngramStore

/// What is said of a store under levels that hold and levels that cannot, and the rules by themselves.
@Suite struct AdviceTests {
  /// What every store holds.
  private static let mild = ServiceLevel(
    searchP95: .seconds(3_600), addP95: .seconds(3_600), queueGrowth: 1e9,
    backup: .seconds(3_600), memoryBytes: 1 << 40, diskBytes: 1 << 40)

  private static func fill(_ store: Store, _ count: Int, seed: UInt64) async throws -> [UUID] {
    var generator = Generator(seed: seed)
    var ids: [UUID] = []
    for number in 0..<count {
      ids.append(
        try await store.insert(
          NewMemory(text: "memory \(number)", vector: generator.vector(8), scope: .all)))
    }
    return ids
  }

  // MARK: On a store

  @Test(.timeLimit(.minutes(10))) func ofItsOwnFigures() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory.file("store"))
      let ids = try await Self.fill(store, 150, seed: 91)
      var generator = Generator(seed: 92)
      for _ in 0..<150 { _ = try store.search(generator.vector(8), k: 5) }
      _ = try await store.backup(to: directory.file("backup").path)

      let stay = try await store.advise(Self.mild)
      #expect(stay.verdict == .stay && stay.summary.hasPrefix("No reason to move"))
      #expect(stay.items.map(\.figure) == Advice.Figure.allCases)
      for item in stay.items where item.figure != .queueGrowth {
        #expect(item.state == .holds && item.verdict == .stay, "\(item)")
        let measured = try #require(item.measured)
        let used = try #require(item.used)
        #expect(used >= 0 && used <= 1)
        if item.figure != .recall { #expect(abs(used - measured / item.limit) < 1e-9) }
      }
      #expect(stay[.searchP95]?.reason.contains("150 searches") == true)
      #expect(stay[.addP95]?.reason.contains("150 inserts") == true)
      #expect(stay[.recall]?.measured == 1 && stay[.rows]?.measured == 150)
      let statistics = try store.statistics()
      #expect(stay[.memory]?.measured == Double(statistics.indexBytes + statistics.filterBytes))
      #expect(stay[.disk]?.measured == Double(statistics.fileBytes.values.reduce(0, +)))

      // No engine is that quick, and a disk is not either: there is no reason to move for that.
      var level = Self.mild
      level.searchP95 = .nanoseconds(1)
      level.addP95 = .nanoseconds(1)
      let act = try await store.advise(level)
      #expect(act.verdict == .act && act.summary.hasPrefix("No reason to move"))
      for figure in [Advice.Figure.searchP95, .addP95] {
        #expect(act[figure]?.state == .exceeded && act[figure]?.verdict == .act)
      }
      #expect(act[.memory]?.state == .holds)

      // Sizes that nothing can bring down.
      level = Self.mild
      level.memoryBytes = 1
      level.diskBytes = 1
      level.backup = .nanoseconds(1)
      let move = try await store.advise(level)
      #expect(move.verdict == .move && move.summary.hasPrefix("Time to move"))
      for figure in [Advice.Figure.memory, .disk, .backup] {
        #expect(move[figure]?.state == .exceeded && move[figure]?.verdict == .move)
        #expect(move.summary.contains(figure.rawValue))
      }

      // Once there is much of the past, compacting comes first.
      for id in ids { try await store.update(id, MemoryUpdate(text: "changed")) }
      let compact = try await store.advise(level)
      for figure in [Advice.Figure.disk, .backup] {
        #expect(compact[figure]?.verdict == .act)
        #expect(compact[figure]?.reason.contains("compact") == true)
      }
      #expect(compact[.memory]?.verdict == .move && compact.verdict == .move)
      try await store.close()
    }
  }

  /// Few samples are said to be few, none to be none, and neither decides.
  @Test func whatIsNotKnown() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      var level = Self.mild
      level.searchP95 = .nanoseconds(1)
      level.addP95 = .nanoseconds(1)
      level.backup = .nanoseconds(1)
      for samples in [0, 1, 99] {
        _ = try await Self.fill(store, samples - (try store.figures().added), seed: 93)
        var generator = Generator(seed: 94)
        while try store.figures().search.sinceOpening.count < samples {
          _ = try store.search(generator.vector(8), k: 5)
        }
        let advice = try await store.advise(level)
        #expect(advice.verdict == .stay && advice.summary.contains("Not known: search p95"))
        for figure in [Advice.Figure.searchP95, .addP95] {
          let item = try #require(advice[figure])
          #expect(item.state == (samples == 0 ? .notMeasured : .tooFew))
          #expect((item.measured == nil) == (samples == 0) && item.used == nil)
        }
        #expect(advice[.backup]?.state == .notMeasured && advice[.backup]?.measured == nil)
        #expect(advice.growth.allSatisfy { !$0.isCovered })
        #expect(advice.items.allSatisfy { $0.daysLeft == nil })
      }
      try await store.close()
    }
  }

  /// A probe measures searches, and leaves nothing behind.
  @Test(.timeLimit(.minutes(10))) func aProbeLeavesNoTrace() async throws {
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory)
      var level = Self.mild
      level.searchP95 = .nanoseconds(1)
      let empty = try await store.advise(level, probing: true)
      #expect(empty[.searchP95]?.state == .notMeasured && empty.verdict == .stay)
      _ = try await Self.fill(store, 300, seed: 95)
      try await store.close()

      store = try openStore(directory)
      let (changes, figures) = (try store.statistics().changes, try store.figures())
      let advice = try await store.advise(level, probing: true)
      #expect(advice[.searchP95]?.state == .exceeded)
      #expect(advice[.searchP95]?.reason.contains("300 searches that this call made") == true)
      #expect(try await store.advise(level)[.searchP95]?.state == .notMeasured)
      #expect(try store.statistics().changes == changes)
      let after = try store.figures()
      #expect(after.search == figures.search && after.searches == figures.searches)
      #expect(after.groups == 0)
      try await store.close()
      let catalogue = try RawCatalogue(directory)
      #expect(try catalogue.integer("SELECT count(*) FROM memory_access") == 0)
      try catalogue.close()
    }
  }

  /// Growth as the history has it: changes at random times, moved there past the store.
  @Test func growthIsTheHistorys() async throws {
    var generator = Generator(seed: 96)
    for oldest in [0.5, 3, 10, 40, 80, 400] {
      try await withTemporaryDirectory { directory in
        var store = try openStore(directory)
        let ids = try await Self.fill(store, 40, seed: 97)
        for id in ids.prefix(10) { try await store.update(id, MemoryUpdate(text: "changed")) }
        try await store.delete(Array(ids.suffix(7)))
        try await store.close()
        let now = Date()
        let days = (0..<57).map { _ in Double.random(in: 0...oldest, using: &generator) }
          .sorted(by: >)
        let times = days.map { Int64((now.timeIntervalSince1970 - $0 * 86_400) * 1e6) }
        let catalogue = try RawCatalogue(directory)
        try catalogue.execute("DROP TRIGGER history_is_final")
        for (index, time) in times.enumerated() {
          try catalogue.execute(
            "UPDATE history SET changed_at = ? WHERE sequence = ?", [time, index + 1])
        }
        try catalogue.execute(
          """
          CREATE TRIGGER history_is_final BEFORE UPDATE ON history
          BEGIN SELECT raise(ABORT, 'history is append-only'); END
          """)
        try catalogue.close()

        store = try openStore(directory)
        let advice = try await store.advise(Self.mild)
        #expect(advice.growth.map(\.days) == [1, 7, 30])
        for growth in advice.growth {
          let late = days.indices.filter { days[$0] <= Double(growth.days) }
          let (added, deleted) = (late.count { $0 < 40 }, late.count { $0 >= 50 })
          #expect(growth.isCovered == (days[0] >= Double(growth.days)))
          #expect(growth.changes == late.count && growth.added == added)
          #expect(growth.gained == added - deleted)
        }
        // Of less than a week nothing follows.
        let perDay = days[0] >= 7 ? Double(advice.growth[1].gained) / 7 : 0
        let left = perDay > 0 ? (Double(IndexLimits.rows) - 40) / perDay : nil
        let rows = try #require(advice[.rows])
        #expect((rows.daysLeft == nil) == (left == nil))
        if let left, let found = rows.daysLeft { #expect(abs(found / left - 1) < 0.001) }
        try await store.close()
      }
    }
  }

  @Test func limitsThatAreNone() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let changes: [(String, (inout ServiceLevel, Double) -> Void)] = [
        ("searchP95", { $0.searchP95 = .seconds(1) * $1 }),
        ("addP95", { $0.addP95 = .seconds(1) * $1 }),
        ("backup", { $0.backup = .seconds(1) * $1 }),
        ("queueGrowth", { $0.queueGrowth = $1 }), ("recall", { $0.recall = $1 }),
        ("daysAhead", { $0.daysAhead = $1 }),
        ("memoryBytes", { $0.memoryBytes = Int($1) }), ("diskBytes", { $0.diskBytes = Int($1) }),
      ]
      for (field, change) in changes {
        for value in [0.0, -1] {
          var level = ServiceLevel()
          change(&level, value)
          #expect(await refusal { _ = try await store.advise(level) } == "invalid \(field)")
        }
      }
      for recall in [1.01, .nan, .infinity] {
        let level = ServiceLevel(recall: recall)
        #expect(await refusal { _ = try await store.advise(level) } == "invalid recall")
      }
      for growth in [Double.nan, .infinity] {
        let level = ServiceLevel(queueGrowth: growth)
        #expect(await refusal { _ = try await store.advise(level) } == "invalid queueGrowth")
      }
      #expect(try await store.advise().verdict == .stay)
      try await store.close()
      #expect(await refusal { _ = try await store.advise() } == "closed")
    }
  }

  // MARK: The rules alone

  private static func times(_ generator: inout Generator) -> AdviceMeasurements.Times {
    let p50 = exp(Double.random(in: -12...2, using: &generator))
    return AdviceMeasurements.Times(
      p50: p50, p95: p50 * Double.random(in: 1...20, using: &generator),
      count: [0, 20, 99, 100, 5_000].randomElement(using: &generator) ?? 0, basis: "these samples")
  }

  private static func measurements(_ generator: inout Generator) -> AdviceMeasurements {
    let memories = Int.random(in: 0...(generator.oneIn(4) ? 1_000 : 20_000_000), using: &generator)
    let ended = generator.oneIn(2) ? 0 : Int.random(in: 0...memories, using: &generator)
    let rows = memories + (generator.oneIn(2) ? 0 : Int.random(in: 0...memories, using: &generator))
    let statistics = StoreStatistics(
      memories: memories, endedVersions: ended, changes: Int64(memories + ended), users: 1,
      agents: 0, runs: 0, indexRows: rows, deadRows: 0,
      tailRows: generator.oneIn(3) ? Int.random(in: 0...20_000, using: &generator) : 0,
      fileBytes: ["engram.sqlite": memories * 1_500, "vectors-1.pages": memories * 1_600],
      indexBytes: rows * 700, filterKeys: 0,
      filterBytes: generator.oneIn(4) ? rows * 2_000 : 0, waitingWrites: 0, calibration: nil,
      indexOrigin: .snapshot, sqliteVersion: "3", kernels: "portable")
    let week = Int.random(in: -1_000...100_000, using: &generator)
    let covered = Int.random(in: 0...3, using: &generator)
    return AdviceMeasurements(
      search: times(&generator), add: times(&generator),
      commitP95: generator.oneIn(2) ? nil : times(&generator).p95,
      queueGrowth: generator.oneIn(3) ? nil : Double.random(in: -100...1_000, using: &generator),
      changesPerGroup: generator.oneIn(3) ? nil : Double.random(in: 1...1_024, using: &generator),
      durability: Durability.allCases.randomElement(using: &generator) ?? .full,
      indexingThreads: Int.random(in: 1...4, using: &generator), processors: 4,
      statistics: statistics,
      backup: [
        .unknown, .measured(times(&generator).p95, basis: "A backup was measured."),
        .atLeast(times(&generator).p95, basis: "at least"),
      ].randomElement(using: &generator) ?? .unknown,
      machineBytes: 1 << 34, freeBytes: Int.random(in: 0...1 << 40, using: &generator),
      recall: [nil, 0.9, 0.99, 1].randomElement(using: &generator) ?? nil,
      growth: zip([1, 7, 30], 0...).map { days, index in
        Advice.Growth(
          days: days, isCovered: index < covered, added: abs(week) * days,
          gained: week * days / 7, changes: abs(week) * days)
      })
  }

  private static func level(_ generator: inout Generator) -> ServiceLevel {
    func factor() -> Double { exp(Double.random(in: -8...4, using: &generator)) }
    return ServiceLevel(
      searchP95: .seconds(0.01) * factor(), addP95: .seconds(0.05) * factor(),
      queueGrowth: 60 * factor(), backup: .seconds(600) * factor(),
      memoryBytes: generator.oneIn(2) ? nil : Int(1e10 * factor()),
      diskBytes: generator.oneIn(2) ? nil : Int(1e11 * factor()),
      recall: [0.9, 0.99, 0.999, 1].randomElement(using: &generator) ?? 1)
  }

  /// Nobody is sent away before the figures say so: not where all that was measured holds for the days
  /// ahead, and never for what is not known.
  @Test func verdictsFollowFromTheFigures() {
    var generator = Generator(seed: 98)
    var verdicts: [Advice.Verdict: Int] = [:]
    for _ in 0..<20_000 {
      let (level, found) = (Self.level(&generator), Self.measurements(&generator))
      let advice = Advice(level, found)
      verdicts[advice.verdict, default: 0] += 1
      #expect(advice.verdict == advice.items.map(\.verdict).max())
      #expect(advice.summary.hasPrefix("Time to move") == (advice.verdict == .move))
      #expect(advice.summary.hasPrefix("No reason to move") == (advice.verdict != .move))
      for item in advice.items {
        let isSoon = (item.daysLeft ?? .infinity) <= level.daysAhead
        switch item.state {
        case .holds: #expect((item.verdict != .stay) == isSoon, "\(item)")
        case .exceeded: #expect(item.verdict != .stay, "\(item)")
        case .tooFew, .notMeasured: #expect(item.verdict == .stay && item.used == nil, "\(item)")
        }
        if let measured = item.measured, item.state == .holds || item.state == .exceeded {
          let isAtLeast = item.figure == .recall
          let holds = isAtLeast ? measured >= item.limit : measured <= item.limit
          #expect(holds == (item.state == .holds), "\(item)")
        }
        #expect(item.reason.hasSuffix(".") && item.reason.count > 10, "\(item)")
      }
      // Who only wants more memories, or quicker searches than a network, is not sent away.
      if level.searchP95 < .microseconds(500) { #expect(advice[.searchP95]?.verdict != .move) }
      if found.statistics.indexRows < 1_000_000 { #expect(advice[.searchP95]?.verdict != .move) }
      if advice[.addP95]?.verdict == .move { #expect(advice[.queueGrowth]?.verdict == .move) }
      #expect(advice[.recall]?.verdict != .move)
      if found.statistics.endedVersions > found.statistics.memories {
        #expect(advice[.disk]?.verdict != .move && advice[.backup]?.verdict != .move)
      }
    }
    #expect(verdicts.count == 3, "\(verdicts)")
  }

  /// Who asks for less never hears worse of the same store.
  @Test func mildLevelsHearNothingWorse() {
    var generator = Generator(seed: 99)
    for _ in 0..<5_000 {
      let (strict, found) = (Self.level(&generator), Self.measurements(&generator))
      var mild = strict
      mild.searchP95 *= 3
      mild.addP95 *= 3
      mild.queueGrowth *= 3
      mild.backup *= 3
      mild.memoryBytes = strict.memoryBytes.map { $0 * 3 }
      mild.diskBytes = strict.diskBytes.map { $0 * 3 }
      mild.recall = strict.recall * 0.95
      let (one, other) = (Advice(strict, found), Advice(mild, found))
      for (item, milder) in zip(one.items, other.items) where item.state == .holds {
        #expect(milder.state == .holds && milder.verdict <= item.verdict, "\(item) \(milder)")
      }
    }
  }

  /// What is full in so many days is said while there is time.
  @Test func growthIsLookedAhead() {
    var generator = Generator(seed: 100)
    for _ in 0..<1_000 {
      var found = Self.measurements(&generator)
      let rows = Int.random(in: 1_000_000...10_000_000, using: &generator)
      let perDay = Int.random(in: 1...1_000_000, using: &generator)
      found.statistics.memories = rows
      found.statistics.indexRows = rows
      found.statistics.indexBytes = rows * 700
      found.statistics.filterBytes = 0
      found.growth = [
        Advice.Growth(
          days: 7, isCovered: true, added: 7 * perDay, gained: 7 * perDay, changes: 7 * perDay)
      ]
      var level = ServiceLevel()
      level.memoryBytes = (rows + Int.random(in: 0...30_000_000, using: &generator)) * 700
      let item = Advice(level, found)[.memory]
      let left = Double((level.memoryBytes ?? 0) - rows * 700) / Double(perDay * 700)
      #expect(item?.state == .holds)
      #expect(abs((item?.daysLeft ?? -1) - left) <= left * 1e-9 + 1e-9)
      #expect(item?.verdict == (left <= 30 ? .move : .stay), "\(left) days")
    }
  }
}
