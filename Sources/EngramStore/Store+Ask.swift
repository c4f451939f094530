import EngramIndex
import Foundation
import GRDB

/// A memory that answers a question, and how well, by what.
public struct RankedMemory: Sendable, Hashable {
  public var memory: Memory
  /// 0...1, the weighted sum of what follows; those of two questions can be compared.
  public var score: Double
  /// How near it is in meaning: of cosine c, (1 + c) / 2; of inner product the same; of squared distance
  /// d, 1 / (1 + d). 0...1.
  public var similarity: Double
  /// How well its words meet those of the question, 0...1.
  public var text: Double
  /// What the words of the turns around it in the same run add to that, 0...1.
  public var context: Double
}

/// What a question's words and its meaning weigh.
public enum RankingWeights {
  /// Of the words, where the question has any but those that tell nothing; similarity has the rest.
  public static let text = 0.55
}

extension Store {
  /// The memories that answer a question best: by meaning and by words, those of the turns around them
  /// included.
  ///
  /// Candidates are the memories nearest in meaning and those whose words meet the question's best, so
  /// that one is found which only the words tell, or only the meaning. Where they are few, all are.
  ///
  /// - Parameters:
  ///   - question: what is asked, in words.
  ///   - vector: the same as a vector of the store's model.
  ///   - k: 1...10,000.
  ///   - scope: ids that must all match.
  ///   - filter: a condition on the metadata.
  /// - Returns: best first.
  /// - Throws: `StoreError.index` where the vector or `k` is refused.
  public func ask(
    _ question: String, vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil
  ) throws(StoreError) -> [RankedMemory] {
    try core.ensureOpen()
    guard IndexLimits.k.contains(k) else { throw .index(.kOutOfRange(k)) }
    let begin = MonotonicTime.now
    do throws(StoreError) {
      let live = try core.index.upToDate()
      let text = try textIndex(of: live)
      var plan = SearchPlan.scan
      let ranked = try live.index.reading { () throws(StoreError) in
        try answer(
          TextQuery(question: question), vector, k: k, scope: scope, filter: filter, text, live, &plan)
      }
      if core.accesses.note(ranked.lazy.map(\.memory.id)) {
        core.queue.submit(.recordAccess(core.accesses.take())) { _ in }
      }
      core.figures.searched(plan, since: begin)
      return ranked
    } catch {
      core.figures.searchFailed(error)
      throw error
    }
  }

  /// The full text of an index, read from the catalogue where nobody has asked for it before.
  private func textIndex(of live: LiveIndex) throws(StoreError) -> TextIndex {
    do {
      return try live.text.index { file in
        try read { db in
          let statement = try db.cachedStatement(
            sql: """
              SELECT m.text, v.slot FROM memory m
              JOIN vector v ON v.change = m.vector AND v.space = ? WHERE m.ended IS NULL
              """)
          statement.setUncheckedArguments([CommitGroup.space])
          try SQLiteRow.each(of: statement) { found in
            guard let row = live.table.row(ofSlot: Int(found.int(1))), let text = found.text(0)
            else { return }
            try file(UInt32(row), text)
          }
        }
      }
    } catch { throw StoreError(error) }
  }

  private func answer(
    _ question: TextQuery, _ vector: [Float], k: Int, scope: Scope, filter: Filter?,
    _ text: TextIndex, _ live: LiveIndex, _ plan: inout SearchPlan
  ) throws(StoreError) -> [RankedMemory] {
    let pool = min(max(k, Self.candidates), IndexLimits.k.upperBound)
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
          Candidates(near, among: list.rows, question, best: pool, text, live)
        } else {
          Candidates(near, in: domain, question, best: pool, text, live)
        }
      let others = candidates.withoutSimilarity
      if !others.isEmpty {
        let hits = try others.withUnsafeBufferPointer { rows throws(IndexError) in
          try live.index.search(
            vector, k: min(rows.count, IndexLimits.k.upperBound), amongRows: rows,
            statistics: &explanation.cost)
        }
        for hit in hits { candidates.setSimilarity(of: UInt32(hit.row), hit.score) }
      }
      return try memories(
        of: candidates.ranked(core.configuration.metric), k: k, scope: scope, filter: filter,
        resolvedAt: covered, live)
    } catch { throw StoreError(error) }
  }

  /// Candidates by meaning, and as many by words.
  private static let candidates = 100
  /// Of so many memories all words are looked at.
  private static let fewRows = 8_192

  private func memories(
    of candidates: [Candidate], k: Int, scope: Scope, filter: Filter?, resolvedAt covered: Int64,
    _ live: LiveIndex
  ) throws(StoreError) -> [RankedMemory] {
    // Before the transaction begins: what it sees must hold them.
    let changes = candidates.map { live.table.change(Int($0.row)) }
    return try read { db in
      let statement = try MemoryRow.versionStatement(db)
      var ids = Set<UUID>(minimumCapacity: k)
      var ranked: [RankedMemory] = []
      for (candidate, change) in zip(candidates, changes) {
        if ranked.count == k { break }
        let row = try currentRow(of: change, statement, scope, filter, covered, db)
        guard let row, ids.insert(row.id).inserted else { continue }
        ranked.append(
          RankedMemory(
            memory: row.memory, score: Double(candidate.score),
            similarity: Double(candidate.similarity), text: Double(candidate.own),
            context: Double(max(candidate.withContext - candidate.own, 0))))
      }
      return ranked
    }
  }
}

/// A row that may answer a question.
private struct Candidate {
  var row: UInt32
  /// The raw metric; nil while it is not known.
  var distance: Float?
  var similarity: Float = 0
  var own: Float = 0
  var withContext: Float = 0
  var score: Float = 0
}

/// The rows that may answer a question, from two sides: those nearest in meaning, and those whose words
/// meet the question's best.
private struct Candidates {
  /// Ascending by row.
  private var all: [Candidate]
  private let hasTerms: Bool

  /// Of few rows: the words of all of them are looked at.
  init(
    _ near: [LiveIndex.Hit], among rows: [UInt32], _ question: TextQuery, best count: Int,
    _ text: TextIndex, _ live: LiveIndex
  ) {
    let words = ContextualText(
      text.occurrences(of: question, in: rows), previous: live.previousTurns(of: rows),
      meanLength: text.meanLength)
    hasTerms = words.hasTerms
    var top = TopTexts(k: count)
    for place in words.reached { top.insert(UInt32(place), words.withContext[Int(place)]) }
    let chosen = top.hits.map { rows[Int($0.row)] } + near.lazy.map(\.row)
    all = Self.candidates(chosen.sortedOnce, rows, words)
    for hit in near { setSimilarity(of: hit.row, hit.score) }
  }

  /// Of many rows: the words of those whose own words are best, of the turns around them, and of the
  /// nearest and the turns around those.
  init(
    _ near: [LiveIndex.Hit], in domain: LiveIndex.Domain, _ question: TextQuery, best count: Int,
    _ text: TextIndex, _ live: LiveIndex
  ) {
    var chosen = text.search(question, k: count, in: domain).map(\.row)
    for row in chosen { live.addTurns(around: row, to: &chosen) }
    chosen = chosen.filter(domain.contains)
    chosen.append(contentsOf: near.lazy.map(\.row))
    chosen = chosen.sortedOnce
    var rows = chosen
    for row in chosen { live.addTurns(around: row, to: &rows) }
    rows = rows.sortedOnce
    let words = ContextualText(
      text.occurrences(of: question, in: rows), previous: live.previousTurns(of: rows),
      meanLength: text.meanLength, corpus: text.count)
    hasTerms = words.hasTerms
    all = Self.candidates(chosen, rows, words)
    for hit in near { setSimilarity(of: hit.row, hit.score) }
  }

  /// - Parameter rows: those whose words were looked at; ascending, as the chosen ones.
  private static func candidates(
    _ chosen: [UInt32], _ rows: [UInt32], _ words: ContextualText
  ) -> [Candidate] {
    chosen.compactMap { row in
      rows.place(of: row).map { place in
        Candidate(row: row, own: words.own[place], withContext: words.withContext[place])
      }
    }
  }

  var withoutSimilarity: [UInt32] { all.lazy.filter { $0.distance == nil }.map(\.row) }

  mutating func setSimilarity(of row: UInt32, _ distance: Float) {
    var (low, high) = (0, all.count)
    while low < high {
      let middle = (low + high) / 2
      if all[middle].row < row { low = middle + 1 } else { high = middle }
    }
    if low < all.count, all[low].row == row { all[low].distance = distance }
  }

  /// With their scores, best first.
  func ranked(_ metric: Metric) -> [Candidate] {
    let weight = hasTerms ? Float(RankingWeights.text) : 0
    return all.map { candidate in
      var candidate = candidate
      let distance = candidate.distance ?? 0
      candidate.similarity =
        switch metric {
        case .cosine, .innerProduct: min(max((1 + distance) / 2, 0), 1)
        case .squaredL2: 1 / (1 + max(distance, 0))
        }
      candidate.score = (1 - weight) * candidate.similarity + weight * candidate.withContext
      return candidate
    }.sorted { $0.score == $1.score ? $0.row < $1.row : $0.score > $1.score }
  }
}
