import EngramStore
import Foundation

/// Removes from a store what a policy says that it need not keep, and brings it back.
///
/// ```swift
/// let retention = Retention(store)
/// let plan = try await retention.plan(RetentionPolicy(maxIdle: .seconds(180 * 86_400), maxPerScope: 10_000))
/// print(plan.memories.map(\.reasons))          // the dry run
/// let run = try await retention.run(plan)
/// try await retention.undo(run.id)
/// ```
///
/// What goes is deleted, not erased: texts and vectors stay in the store for its history until `compact` cuts
/// them, and that is what makes a run undoable.
public struct Retention: Sendable {
  private let store: Store

  public init(_ store: Store) { self.store = store }

  /// Memories of one transaction: those who add meanwhile wait for no more.
  static let batch = 16
  /// After each batch the store is left to others so many times as long as it took.
  private static let rest = 9
  private static let longestRest = Duration.milliseconds(250)

  /// The dry run: which memories would go, and why.
  ///
  /// Searches of other processes of which nobody has written yet that they found a memory do not count: they
  /// write that from time to time, and when they close the store.
  ///
  /// - Parameters:
  ///   - scope: whose memories; all by default.
  ///   - now: the time by which ages are counted.
  /// - Throws: `EngramError.invalid` where the policy makes no sense.
  public func plan(
    _ policy: RetentionPolicy, scope: Scope = .all, at now: Date = Date()
  ) async throws(EngramError) -> RetentionPlan {
    try policy.check()
    var chooser = Chooser(policy: policy, now: now)
    return try await asEngramError {
      try await store.writeAccesses()
      var change: Int64 = 0
      while true {
        try Self.checkCancellation()
        let page = try store.usage(scope: scope, after: change)
        for usage in page { chooser.look(at: usage) }
        guard page.count == StoreLimits.page.upperBound, let last = page.last else { break }
        change = last.memory.change
        await Task.yield()
      }
      let created = policy.episodeTTL.map { now.addingTimeInterval(-$0.seconds) }
      let (memories, examined) = chooser.chosen()
      return RetentionPlan(
        id: .timeOrdered(), memories: memories,
        episodes: try store.episodesPast(now, createdBefore: created, scope: scope, limit: .max),
        examined: examined)
    }
  }

  /// Removes what a plan names, but for what has been changed or found since: a few memories at a time, each
  /// few in one transaction, with rests in between in which others go on.
  ///
  /// A run that is cancelled, or whose process ends, has removed whole batches; ``undo(_:)`` takes the plan's
  /// id all the same.
  public func run(_ plan: RetentionPlan) async throws(EngramError) -> RetentionRun {
    var run = RetentionRun(id: plan.id, removed: [], kept: [], episodes: 0)
    let actor = Self.actor(plan.id)
    let clock = ContinuousClock()
    return try await asEngramError {
      var begin = 0
      while begin < max(plan.memories.count, plan.episodes.count) {
        try Self.checkCancellation()
        let started = clock.now
        let memories = plan.memories.dropFirst(begin).prefix(Self.batch)
        let episodes = Array(plan.episodes.dropFirst(begin).prefix(Self.batch))
        let removed = try await store.retire(
          memories.map { RetiredMemory(id: $0.id, change: $0.change, accesses: $0.accesses) },
          episodes: episodes, by: actor)
        run.removed += removed
        let gone = Set(removed)
        run.kept += memories.lazy.map(\.id).filter { !gone.contains($0) }
        run.episodes += episodes.count
        begin += Self.batch
        guard begin < max(plan.memories.count, plan.episodes.count) else { break }
        // Ended by cancellation, which the next round sees.
        try? await Task.sleep(for: min((clock.now - started) * Self.rest, Self.longestRest))
      }
      return run
    }
  }

  /// Brings back what a run has removed: the same ids, texts, vectors, metadata, times and accesses. Lists
  /// have them at their end, as the last to have changed. Messages do not come back.
  ///
  /// - Parameter run: the id of the run, or of its plan.
  /// - Throws: `EngramError.invalid` where there was no such run, or it removed nothing.
  @discardableResult
  public func undo(_ run: UUID) async throws(EngramError) -> RetentionUndo {
    let actor = Self.actor(run)
    return try await asEngramError {
      let retired = try store.retired(by: actor)
      guard !retired.isEmpty else {
        let name = run.uuidString.lowercased()
        throw EngramError.invalid(
          field: "run", reason: "there was no retention run \(name) that removed anything")
      }
      var undo = RetentionUndo(restored: [], left: [])
      for begin in stride(from: 0, to: retired.count, by: Self.batch) {
        try Self.checkCancellation()
        let batch = Array(retired[begin..<min(begin + Self.batch, retired.count)])
        let restored = try await store.revive(batch, by: actor)
        undo.restored += restored
        let back = Set(restored)
        undo.left += batch.lazy.map(\.memory).filter { !back.contains($0) }
      }
      return undo
    }
  }

  /// Who deletes, in the history.
  static func actor(_ run: UUID) -> String { "retention/" + run.uuidString.lowercased() }

  private static func checkCancellation() throws(StoreError) {
    if Task.isCancelled { throw .cancelled }
  }
}

/// Goes through the memories once and keeps of each no more than the choice takes.
private struct Chooser {
  private struct Candidate {
    var item: RetentionPlan.Item
    var lastUse: Date
  }

  let policy: RetentionPolicy
  let now: Date
  /// By id: one that changes while the pages are read comes again.
  private var going: [UUID: RetentionPlan.Item] = [:]
  private var candidates: [UUID: Candidate] = [:]
  private var protected: [UUID: Scope] = [:]
  private var seen = Set<UUID>()

  init(policy: RetentionPolicy, now: Date) {
    self.policy = policy
    self.now = now
  }

  mutating func look(at usage: MemoryUsage) {
    let memory = usage.memory
    going[memory.id] = nil
    candidates[memory.id] = nil
    protected[memory.id] = nil
    seen.insert(memory.id)
    if policy.protects(memory) {
      protected[memory.id] = memory.scope
      return
    }
    let score = policy.score.value(of: usage, at: now)
    let item = RetentionPlan.Item(
      id: memory.id, scope: memory.scope, text: memory.text,
      reasons: policy.reasons(of: usage, score: score, at: now), score: score, change: memory.change,
      accesses: usage.accesses)
    if !item.reasons.isEmpty {
      going[memory.id] = item
    } else if policy.maxPerScope != nil {
      candidates[memory.id] = Candidate(item: item, lastUse: usage.lastUse)
    }
  }

  /// Those that go, and how many were looked at.
  func chosen() -> (items: [RetentionPlan.Item], examined: Int) {
    var items = Array(going.values)
    if let most = policy.maxPerScope {
      var others: [Scope: Int] = [:]
      for scope in protected.values { others[scope, default: 0] += 1 }
      for (scope, candidates) in Dictionary(grouping: candidates.values, by: \.item.scope) {
        let excess = candidates.count + others[scope, default: 0] - most
        guard excess > 0 else { continue }
        items += candidates.sorted(by: goesFirst).prefix(excess).map { candidate in
          var item = candidate.item
          item.reasons = [.quota]
          return item
        }
      }
    }
    return (items.sorted { $0.change < $1.change }, seen.count)
  }

  private func goesFirst(_ one: Candidate, _ other: Candidate) -> Bool {
    if policy.order == .score, one.item.score != other.item.score {
      return one.item.score < other.item.score
    }
    if one.lastUse != other.lastUse { return one.lastUse < other.lastUse }
    return one.item.change < other.item.change
  }
}
