import EngramIndex
import Foundation
import GRDB

/// A memory that answers a question, and how well, by what.
public struct RankedMemory: Sendable, Hashable {
  public var memory: Memory
  /// 0...1, made of what follows as ``RankingWeights`` says; those of two questions can be compared.
  public var score: Double
  /// How near it is in meaning: of cosine c, (1 + c) / 2; of inner product the same; of squared distance
  /// d, 1 / (1 + d). 0...1.
  public var similarity: Double
  /// How well its words meet those of the question, 0...1.
  public var text: Double
  /// What the words of the turns around it in the same run add to that, 0...1.
  public var context: Double
  /// How new it is, 0...1.
  public var recency: Double
  /// How much it matters, 0...1.
  public var importance: Double
  /// How often and how lately it was found, 0...1.
  public var access: Double
}

extension Store {
  /// The memories that answer a question best: by meaning and by words, those of the turns around them
  /// included, then by how new they are, how much they matter and how often they were found.
  ///
  /// Candidates are the memories nearest in meaning and those whose words meet the question's best, so
  /// that one is found which only the words tell, or only the meaning. Where they are few, all are.
  ///
  /// Where the options ask for what is past or expired, every version that was there in the scope is
  /// looked at, without the index: this takes about 4 microseconds for each.
  ///
  /// - Parameters:
  ///   - question: what is asked, in words.
  ///   - vector: the same as a vector of the store's model.
  ///   - k: 1...10,000.
  ///   - model: that made the vector; nil for ``model``.
  /// - Returns: best first; less alike ones earlier where the options ask for diversity.
  /// - Throws: `StoreError.index` where the vector or `k` is refused, `.invalid` where an option is,
  ///   `.beforeHorizon` where the moment is one that compaction has cut off, `.mismatch` where the store's
  ///   vectors are of another model.
  public func ask(
    _ question: String, vector: [Float], k: Int, options: AskOptions = AskOptions(), model: String? = nil
  ) throws(StoreError) -> [RankedMemory] {
    try core.ensureOpen()
    guard IndexLimits.k.contains(k) else { throw .index(.kOutOfRange(k)) }
    try options.validate()
    let begin = MonotonicTime.now
    do throws(StoreError) {
      let question = TextQuery(question: question)
      if options.isAboutPast {
        let ranked = try answerFromPast(question, vector, k: k, options, model)
        core.figures.searched(.scan, since: begin)
        return ranked
      }
      let live = try core.index.upToDate()
      try core.admit(model, to: live)
      let text = try textIndex(of: live)
      if options.weights.access > 0 { try fillAccesses(of: live) }
      var plan = SearchPlan.scan
      let found = try live.index.reading { () throws(StoreError) -> [Found] in
        var pool = min(max(k, Self.candidates), IndexLimits.k.upperBound)
        while true {
          var isSpent = true
          let found = try answer(
            question, vector, k: k, options, pool: pool, text, live, &plan, &isSpent)
          // Those that are no answers may have taken the places of others.
          if isSpent || pool == IndexLimits.k.upperBound {
            let now = Timestamp.now
            for (_, candidate) in found { live.signals.access(Int(candidate.row), at: now) }
            return found
          }
          pool = min(4 * pool, IndexLimits.k.upperBound)
        }
      }
      note(found.lazy.map(\.memory.id))
      core.figures.searched(plan, since: begin)
      return found.map { RankedMemory($0.memory, $0.candidate) }
    } catch {
      core.figures.searchFailed(error)
      throw error
    }
  }

  /// Counts an access to memories.
  func note(_ memories: some Sequence<UUID>) {
    if core.accesses.note(memories) {
      core.queue.submit(.recordAccess(core.accesses.take())) { _ in }
    }
  }

  /// The full text of an index, read from the catalogue where nobody has asked for it before.
  func textIndex(of live: LiveIndex) throws(StoreError) -> TextIndex {
    do {
      return try live.text.index { file in
        try read { db in
          let statement = try db.cachedStatement(
            sql: """
              SELECT m.text, v.slot FROM memory m
              JOIN vector v ON v.change = m.vector AND v.space = ? WHERE m.ended IS NULL
              """)
          statement.setUncheckedArguments([live.pages.header.space])
          try SQLiteRow.each(of: statement) { found in
            guard let row = live.table.row(ofSlot: Int(found.int(1))), let text = found.text(0)
            else { return }
            try file(UInt32(row), text)
          }
        }
      }
    } catch { throw StoreError(error) }
  }

  private func fillAccesses(of live: LiveIndex) throws(StoreError) {
    do {
      try live.signals.fill { take in
        try read { db in
          let statement = try db.cachedStatement(
            sql: """
              SELECT v.slot, a.count, a.accessed_at FROM memory_access a
              JOIN memory m ON m.id = a.memory_id AND m.ended IS NULL
              JOIN vector v ON v.change = m.vector AND v.space = ?
              """)
          statement.setUncheckedArguments([live.pages.header.space])
          try SQLiteRow.each(of: statement) { found in
            guard let row = live.table.row(ofSlot: Int(found.int(0))) else { return }
            take(row, found.int(1), found.int(2))
          }
        }
      }
    } catch { throw StoreError(error) }
  }

  private typealias Found = (memory: Memory, candidate: AskCandidate)

  /// - Parameters:
  ///   - pool: so many candidates by meaning, and as many by words.
  ///   - isSpent: whether a larger pool would not help.
  private func answer(
    _ question: TextQuery, _ vector: [Float], k: Int, _ options: AskOptions, pool: Int,
    _ text: TextIndex, _ live: LiveIndex, _ plan: inout SearchPlan, _ isSpent: inout Bool
  ) throws(StoreError) -> [Found] {
    let (scope, filter) = (options.scope, options.filter)
    let width = try live.width(ef: nil, recall: HNSWIndex.defaultRecall, k: pool)
    if live.buryExpired() { core.index.announce() }
    let covered = live.covered
    var explanation = SearchExplanation()
    let passing: RowSelection? =
      if let filter { try rows(of: live, passing: filter, scope: scope, &explanation) } else { nil }
    let (domain, _) = live.domain(scope: scope, passing: passing, width: width)
    do {
      let near = try live.search(
        vector, k: pool, width: width, in: domain, statistics: &explanation.cost)
      plan = explanation.cost.plan ?? .scan
      var candidates =
        if case .list(let list) = domain, list.count <= Self.fewRows {
          AskCandidates(near, among: list.rows, question, best: pool, text, live)
        } else {
          AskCandidates(near, in: domain, question, best: pool, text, live)
        }
      let others = candidates.withoutMetric
      if !others.isEmpty {
        let hits = try others.withUnsafeBufferPointer { rows throws(IndexError) in
          try live.index.search(
            vector, k: min(rows.count, IndexLimits.k.upperBound), amongRows: rows,
            statistics: &explanation.cost)
        }
        for hit in hits { candidates.setMetric(of: UInt32(hit.row), hit.score) }
      }
      let metric = live.index.metric
      let ranking = Ranking(
        options.weights, hasTerms: candidates.hasTerms, metric: metric, now: Timestamp.now)
      let ranked = candidates.ranked(ranking) { candidate in
        let row = candidate.row
        candidate.recency = ranking.recency(updatedAt: Int64(live.signals.updatedAt(row)))
        candidate.importance = live.signals.importance(row) ?? AskCandidate.unknownImportance
        candidate.access = ranking.access(live.signals.accesses(row))
      }
      let isDiverse = options.diversity > 0
      var found = try memories(
        of: ranked, k: isDiverse ? Diversity.pool(choosing: k) : k, options, resolvedAt: covered, live)
      isSpent = ranked.count < pool || found.count >= k
      if isDiverse {
        let order = try found.map(\.candidate).diversified(
          options.diversity, choosing: k, ranking, metric, dimension: live.index.dimension
        ) { live.pages.vector(live.table.slot(Int($0.row))) }
        found = order.prefix(k).map { found[$0] }
      }
      return found
    } catch { throw StoreError(error) }
  }

  /// Candidates by meaning, and as many by words.
  static let candidates = 50
  /// Of so many memories all words are looked at.
  private static let fewRows = 8_192

  private func memories(
    of candidates: [AskCandidate], k: Int, _ options: AskOptions, resolvedAt covered: Int64,
    _ live: LiveIndex
  ) throws(StoreError) -> [Found] {
    // Before the transaction begins: what it sees must hold them.
    let changes = candidates.map { live.table.change(Int($0.row)) }
    return try read { db in
      let statement = try MemoryRow.versionStatement(db)
      var ids = Set<UUID>(minimumCapacity: k)
      var found: [Found] = []
      for (candidate, change) in zip(candidates, changes) {
        if found.count == k { break }
        let row = try currentRow(of: change, statement, options.scope, options.filter, covered, db)
        guard let memory = row?.memory, ids.insert(memory.id).inserted,
          options.excluding?(memory.metadata) != true
        else { continue }
        found.append((memory, candidate))
      }
      return found
    }
  }
}
