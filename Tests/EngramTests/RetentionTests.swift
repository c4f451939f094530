import EngramModels
import EngramStore
import Foundation
import Testing

@testable import Engram

/// Random stores against the policy written down once more, over plain lists.
@Suite(.serialized) struct RetentionTests {
  private static let now = Date(timeIntervalSince1970: 2_000_000_000)
  private static let day = 86_400.0

  /// A policy with some rules.
  private static func policy(_ generator: inout Generator) -> RetentionPolicy {
    func days(_ range: ClosedRange<Double>) -> Duration {
      .seconds(Double.random(in: range, using: &generator) * day)
    }
    var policy = RetentionPolicy()
    if generator.oneIn(2) { policy.maxAge = days(20...100) }
    if generator.oneIn(2) { policy.maxIdle = days(5...60) }
    if generator.oneIn(2) { policy.minScore = Double.random(in: 0.1...0.6, using: &generator) }
    if generator.oneIn(2) { policy.maxPerScope = Int.random(in: 0...12, using: &generator) }
    if generator.oneIn(2) { policy.order = .leastRecentlyUsed }
    if generator.oneIn(2) { policy.protection.importance = 0.8 }
    if generator.oneIn(3) { policy.protection.summaries = false }
    if generator.oneIn(3) { policy.protection.flag = generator.oneIn(2) ? nil : "keep" }
    policy.score.halfLife = days(1...60)
    return policy
  }

  /// Memories of several scopes, older and newer than the policies ask, some of them found by searches.
  private static func fill(_ engine: MemoryEngine, _ generator: inout Generator) async throws {
    for number in 0..<60 {
      var metadata: [String: JSONValue] = [:]
      if generator.oneIn(6) { metadata["pinned"] = .bool(!generator.oneIn(3)) }
      if generator.oneIn(6) { metadata["keep"] = true }
      if generator.oneIn(8) { metadata["_engram"] = ["kind": "summary"] }
      let age = Double.random(in: 0...120, using: &generator) * day
      let vector = try await engine.embedders.current.vectors(of: ["memory \(number % 23) of \(number % 7)"])[0]
      try await engine.store.insert(
        NewMemory(
          text: "memory \(number)", vector: vector,
          scope: Scope(
            user: "user \(Int.random(in: 0..<3, using: &generator))", run: generator.oneIn(2) ? "r" : nil),
          metadata: try Metadata(metadata),
          importance: generator.oneIn(3) ? nil : Double.random(in: 0...1, using: &generator),
          createdAt: now.addingTimeInterval(-age),
          expiresAt: generator.oneIn(6) ? now.addingTimeInterval(generator.oneIn(2) ? -day : day) : nil))
    }
    for _ in 0..<20 {
      _ = try await engine.search(
        "memory \(Int.random(in: 0..<23, using: &generator))", scope: Scope(user: "user 0"),
        options: SearchOptions(limit: 3, threshold: 0))
    }
    try await engine.store.writeAccesses()
  }

  /// What the policy says, memory by memory.
  private static func expected(
    _ policy: RetentionPolicy, _ usages: [MemoryUsage]
  ) -> [UUID: Set<RetentionReason>] {
    func score(_ usage: MemoryUsage) -> Double {
      let used = max(usage.memory.updatedAt, usage.accessedAt ?? .distantPast)
      let idle = max(0, now.timeIntervalSince(used))
      let recency = pow(0.5, idle / (policy.score.halfLife / .seconds(1)))
      let count = Double(usage.accesses)
      return 0.4 * recency + 0.4 * (usage.memory.importance ?? 0.5) + 0.2 * count / (count + 4)
    }
    func isProtected(_ memory: Memory) -> Bool {
      if let least = policy.protection.importance, (memory.importance ?? -1) >= least { return true }
      if policy.protection.summaries, case .object? = memory.metadata["_engram"] { return true }
      if let flag = policy.protection.flag, memory.metadata[flag] == true { return true }
      return false
    }
    func age(_ date: Date) -> Duration { .seconds(now.timeIntervalSince(date)) }
    var reasons: [UUID: Set<RetentionReason>] = [:]
    for usage in usages where !isProtected(usage.memory) {
      var own = Set<RetentionReason>()
      if let expiry = usage.memory.expiresAt, expiry <= now { own.insert(.expired) }
      if let most = policy.maxAge, age(usage.memory.createdAt) > most { own.insert(.age) }
      let used = max(usage.memory.updatedAt, usage.accessedAt ?? .distantPast)
      if let most = policy.maxIdle, age(used) > most { own.insert(.idle) }
      if let least = policy.minScore, score(usage) < least { own.insert(.score) }
      if !own.isEmpty { reasons[usage.memory.id] = own }
    }
    guard let most = policy.maxPerScope else { return reasons }
    for scope in Set(usages.map(\.memory.scope)) {
      var left = usages.filter { $0.memory.scope == scope && reasons[$0.memory.id] == nil }
      while left.count > most {
        let next = left.filter { !isProtected($0.memory) }.min { one, other in
          let (first, second) = (
            max(one.memory.updatedAt, one.accessedAt ?? .distantPast),
            max(other.memory.updatedAt, other.accessedAt ?? .distantPast)
          )
          if policy.order == .score, abs(score(one) - score(other)) > 1e-12 {
            return score(one) < score(other)
          }
          return first == second ? one.memory.change < other.memory.change : first < second
        }
        guard let next else { break }
        reasons[next.memory.id] = [.quota]
        left.removeAll { $0.memory.id == next.memory.id }
      }
    }
    return reasons
  }

  private static func usages(_ store: Store) throws -> [MemoryUsage] { try store.usage() }

  /// Memories without the change that made the version: it is another one when they have come back.
  private static func contents(_ usages: [MemoryUsage]) -> Set<MemoryUsage> {
    Set(
      usages.map { usage in
        var usage = usage
        usage.memory.change = 0
        return usage
      })
  }

  /// The plan is what the policy says, the run is the plan, and undo brings back all of it.
  @Test(arguments: 1...24 as ClosedRange<UInt64>) func planRunUndo(seed: UInt64) async throws {
    try await withEngine { engine in
      var generator = Generator(seed: seed)
      try await Self.fill(engine, &generator)
      let retention = engine.retention
      for _ in 0..<3 {
        let policy = Self.policy(&generator)
        let before = try Self.usages(engine.store)
        let changes = try engine.store.statistics().changes
        let plan = try await retention.plan(policy, at: Self.now)
        #expect(try engine.store.statistics().changes == changes)
        let expected = Self.expected(policy, before)
        #expect(plan.examined == before.count && plan.memories.count == expected.count)
        for item in plan.memories {
          #expect(expected[item.id] == Set(item.reasons), "\(item) \(policy)")
          let memory = try engine.get(item.id)
          #expect(item.text == memory.text && item.scope == memory.scope && item.change == memory.change)
        }
        let run = try await retention.run(plan)
        #expect(run.id == plan.id && run.removed == plan.memories.map(\.id) && run.kept.isEmpty)
        let left = before.filter { expected[$0.memory.id] == nil }
        #expect(try Self.usages(engine.store) == left)
        for item in plan.memories.prefix(5) {
          let last = try engine.history(of: item.id).last
          #expect(last?.event == .delete && last?.actor == "retention/\(plan.id.uuidString.lowercased())")
        }
        // Where nothing goes there is nothing to undo.
        if plan.memories.isEmpty { continue }
        let undo = try await retention.undo(run.id)
        #expect(Set(undo.restored) == Set(expected.keys) && undo.left.isEmpty)
        #expect(try Self.contents(Self.usages(engine.store)) == Self.contents(before))
        #expect(try await retention.undo(run.id).restored.isEmpty)
        #expect(try await engine.store.verify().problems == [])
      }
    }
  }

  @Test func aPlanOfAScope() async throws {
    try await withEngine { engine in
      var generator = Generator(seed: 5)
      try await Self.fill(engine, &generator)
      let policy = RetentionPolicy(maxAge: .zero, protection: .init(summaries: false, flag: nil))
      let scope = Scope(user: "user 1")
      let plan = try await engine.retention.plan(policy, scope: scope, at: Self.now)
      let own = try Self.usages(engine.store).filter { $0.memory.scope.user == "user 1" }
      #expect(Set(plan.memories.map(\.id)) == Set(own.map(\.memory.id)) && plan.examined == own.count)
    }
  }

  /// What is found, changed or deleted between plan and run stays as it is.
  @Test func whatIsUsedSinceThePlanStays() async throws {
    try await withEngine { engine in
      var ids: [UUID] = []
      for text in ["green tea", "red bicycle", "blue car", "white house"] {
        ids += try await engine.add(
          text, scope: Scope(user: "a"), options: AddOptions(mode: .verbatim)
        ).map(\.id)
      }
      let plan = try await engine.retention.plan(
        RetentionPolicy(maxPerScope: 0), at: Date(timeIntervalSinceNow: 60))
      #expect(plan.memories.map(\.id) == ids && plan.memories.allSatisfy { $0.reasons == [.quota] })
      #expect(
        try await engine.search("green tea", scope: Scope(user: "a"), options: SearchOptions(limit: 1)).map(\.memory.id) == [ids[0]])
      try await engine.update(ids[1], metadata: ["a": 1])
      try await engine.delete(ids[2])
      let run = try await engine.retention.run(plan)
      #expect(run.removed == [ids[3]] && run.kept == Array(ids[..<3]))
      #expect(Set(try engine.getAll(scope: Scope(user: "a")).memories.map(\.id)) == Set(ids[..<2]))
      #expect(try await engine.retention.undo(run.id).restored == [ids[3]])
    }
  }

  @Test func whatIsRefused() async throws {
    let wrong: [(String, RetentionPolicy)] = [
      ("maxAge", RetentionPolicy(maxAge: .seconds(-1))), ("maxIdle", RetentionPolicy(maxIdle: .seconds(-1))),
      ("minScore", RetentionPolicy(minScore: 1.1)), ("minScore", RetentionPolicy(minScore: .nan)),
      ("maxPerScope", RetentionPolicy(maxPerScope: -1)),
      ("importance", RetentionPolicy(protection: .init(importance: 2))),
      ("episodeTTL", RetentionPolicy(episodeTTL: .seconds(-1))),
      ("score", RetentionPolicy(score: .init(recencyWeight: -1))),
      ("score", RetentionPolicy(score: .init(recencyWeight: 0, importanceWeight: 0, frequencyWeight: 0))),
      ("score", RetentionPolicy(score: .init(halfLife: .zero))),
      ("score", RetentionPolicy(score: .init(halfCount: 0))),
    ]
    try await withEngine { engine in
      for (field, policy) in wrong {
        #expect(await refusal { _ = try await engine.retention.plan(policy) } == "invalid \(field)")
        #expect(
          await refusal {
            _ = try MemoryEngine(path: "/nowhere", embedder: WordEmbedder(), retention: policy)
          } == "invalid \(field)")
      }
      #expect(await refusal { try await engine.retention.undo(UUID()) } == "invalid run")
      #expect(await refusal { try engine.startRetention(every: .zero) } == "invalid every")
      #expect(await refusal { _ = try engine.episodes(scope: .all) } == "noScope")
      #expect(await refusal { _ = try engine.episodes(scope: Scope(user: "a"), last: 0) } == "invalid last")
      let short = AddOptions(episodeTTL: .seconds(-1))
      #expect(
        await refusal { try await engine.add("tea", scope: Scope(user: "a"), options: short) }
          == "invalid episodeTTL")
      #expect(await refusal { try await engine.erase(scope: .all) } == "noScope")
    }
  }

  // MARK: Messages

  @Test func messagesAreKeptAsLongAsTheyAreToBe() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine(
        path: directory, embedder: WordEmbedder(), durability: .process,
        retention: RetentionPolicy(episodeTTL: .seconds(3_600)))
      let scope = Scope(user: "a")
      let begin = Date()
      try await engine.add("I live in Berlin", scope: scope)
      try await engine.add(
        "I work at a school", scope: scope, options: AddOptions(episodeTTL: .seconds(7_200)))
      try await engine.add("I like tea", scope: scope, options: AddOptions(episodeTTL: .zero))
      let said = try engine.store.episodes(scope: scope, last: 9)
      #expect(said.flatMap(\.messages).map(\.content) == ["I live in Berlin", "I work at a school"])
      #expect(try engine.episodes(scope: scope) == said)
      #expect(try engine.episodes(scope: scope, last: 1) == [said[1]])
      let lives = said.compactMap { $0.expiresAt?.timeIntervalSince($0.createdAt).rounded() }
      #expect(lives == [3_600, 7_200])
      // Kept before there was a policy.
      let old = Episode(scope: scope, body: "[]", createdAt: begin.addingTimeInterval(-9_000))
      var batch = WriteBatch()
      batch.episodes = [old]
      try await engine.store.write(batch)

      let policy = RetentionPolicy(episodeTTL: .seconds(8_000))
      let now = try await engine.retention.plan(policy, at: begin.addingTimeInterval(60))
      #expect(now.episodes.count == 2 && now.episodes.contains(old.id) && now.memories.isEmpty)
      let later = try await engine.retention.plan(RetentionPolicy(), at: begin.addingTimeInterval(3_700))
      #expect(later.episodes.count == 2 && later.episodes.contains(said[0].id))
      #expect(try await engine.retention.run(now).episodes == 2)
      #expect(try await engine.retention.run(later).episodes == 2)
      #expect(try engine.episodes(scope: scope) == [said[1]])
      // What was made of them is still known.
      #expect(try engine.getAll(scope: scope).memories.count == 3)
      try await engine.close()
    }
  }

  // MARK: In the background

  /// Runs beside eight who add, find, change and delete, again and again: nobody is refused anything,
  /// everything that was found or changed last is there, and the store is sound.
  @Test func besideReadersAndWriters() async throws {
    try await withTemporaryDirectory { directory in
      let policy = RetentionPolicy(maxPerScope: 5, order: .leastRecentlyUsed)
      let engines = try (0..<2).map { _ in
        try MemoryEngine(
          path: directory, embedder: WordEmbedder(), durability: .process, retention: policy)
      }
      for engine in engines { try engine.startRetention(every: .milliseconds(1)) }
      let kept = try await withThrowingTaskGroup(of: [UUID].self) { group in
        for client in 0..<8 {
          let engine = engines[client % 2]
          group.addTask { try await Self.use(engine, client) }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      for engine in engines { try await engine.close() }
      let engine = try MemoryEngine(path: directory, embedder: WordEmbedder(), retention: policy)
      _ = try await engine.retention.run(engine.retention.plan(policy))
      var left = Set<UUID>()
      for client in 0..<8 {
        let memories = try engine.getAll(scope: Scope(user: "user \(client)")).memories
        left.formUnion(memories.map(\.id))
        let others = memories.filter { $0.metadata["pinned"] != true }
        #expect(memories.count <= 5 || others.isEmpty)
      }
      #expect(kept.count == 24 && left.isSuperset(of: kept))
      #expect(try await engine.store.verify().problems == [])
      try await engine.close()
    }
  }

  /// Adds, finds and changes memories of one user; those that nothing may remove.
  private static func use(_ engine: MemoryEngine, _ client: Int) async throws -> [UUID] {
    var generator = Generator(seed: UInt64(client))
    let scope = Scope(user: "user \(client)")
    var pinned: [UUID] = []
    for number in 0..<60 {
      var options = AddOptions(mode: .verbatim)
      if number % 20 == 0 { options.metadata = try Metadata(["pinned": true]) }
      let added = try await engine.add("memory \(number)", scope: scope, options: options).map(\.id)
      if number % 20 == 0 { pinned += added }
      _ = try await engine.search("memory", scope: scope, options: SearchOptions(limit: 3))
      guard generator.oneIn(3), let id = added.first else { continue }
      do throws(EngramError) {
        try await engine.update(id, metadata: ["n": .int(Int64(number))])
      } catch {
        // Retention was quicker.
        guard case .store(.unknownMemory) = error else { throw error }
      }
    }
    return pinned
  }

  /// One at a time of those who would.
  @Test func oneEngineAtATime() async throws {
    try await withTemporaryDirectory { directory in
      let policy = RetentionPolicy(maxPerScope: 0)
      func open() throws -> MemoryEngine {
        try MemoryEngine(path: directory, embedder: WordEmbedder(), durability: .process, retention: policy)
      }
      let (first, second) = (try open(), try open())
      var claim = try second.store.claim("retention")
      #expect(claim != nil)
      try first.startRetention(every: .milliseconds(1))
      try await first.add("tea", scope: Scope(user: "a"), options: AddOptions(mode: .verbatim))
      for _ in 0..<20 { await Task.yield() }
      #expect(try first.getAll(scope: Scope(user: "a")).memories.count == 1)
      claim = nil
      while try !first.getAll(scope: Scope(user: "a")).memories.isEmpty { await Task.yield() }
      try await first.close()
      // Given back with the engine.
      #expect(try second.store.claim("retention") != nil)
      try await second.close()
    }
  }

  /// An engine that nobody closes ends its work, and gives the store back.
  @Test func anEngineThatIsLetGo() async throws {
    try await withTemporaryDirectory { directory in
      let other = try MemoryEngine(path: directory, embedder: WordEmbedder(), durability: .process)
      var engine: MemoryEngine? = try MemoryEngine(
        path: directory, embedder: WordEmbedder(), durability: .process)
      try engine?.startRetention(every: .milliseconds(1))
      try engine?.startSummaries(SummaryPolicy(interval: .milliseconds(1)))
      while try other.store.claim("retention") != nil { await Task.yield() }
      engine = nil
      while try other.store.claim("retention") == nil { await Task.yield() }
      while try other.store.claim("summaries") == nil { await Task.yield() }
      try await other.close()
    }
  }
}
