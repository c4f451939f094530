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
  public func ask(
    _ question: String, vector: [Float], k: Int, scope: Scope = .all, filter: Filter? = nil
  ) throws(StoreError) -> [RankedMemory] {
    try core.ensureOpen()
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
      var candidates = Candidates(near, metric: core.configuration.metric)
      switch domain {
      case .list(let list) where list.count <= Self.fewRows:
        candidates.addWords(of: question, in: list.rows, best: pool, text, live)
      default:
        candidates.addWords(of: question, best: pool, in: domain, text, live)
      }
      let others = candidates.withoutSimilarity
      if !others.isEmpty {
        let hits = try others.withUnsafeBufferPointer { rows throws(IndexError) in
          try live.index.search(
            vector, k: min(rows.count, IndexLimits.k.upperBound), amongRows: rows,
            statistics: &explanation.cost)
        }
        for hit in hits { candidates.setSimilarity(UInt32(hit.row), hit.score) }
      }
      return try memories(
        of: candidates.ranked, k: k, scope: scope, filter: filter, resolvedAt: covered, live)
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
    try read { db in
      let statement = try MemoryRow.versionStatement(db)
      var ids = Set<UUID>(minimumCapacity: k)
      var ranked: [RankedMemory] = []
      for candidate in candidates {
        if ranked.count == k { break }
        let row = try currentRow(
          of: live.table.change(Int(candidate.row)), statement, scope, filter, covered, db)
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
  var similarity: Float = 0
  var own: Float = 0
  var withContext: Float = 0
  var score: Float = 0
}

/// The rows that may answer a question, from two sides.
private struct Candidates {
  private var all: [Candidate] = []
  private var places: [UInt32: Int] = [:]
  private var hasTerms = false
  private let metric: Metric
  private var isSimilarityKnown: [Bool] = []

  init(_ near: [LiveIndex.Hit], metric: Metric) {
    self.metric = metric
    for hit in near { setSimilarity(hit.row, hit.score) }
  }

  private mutating func place(of row: UInt32) -> Int {
    if let place = places[row] { return place }
    places[row] = all.count
    all.append(Candidate(row: row))
    isSimilarityKnown.append(false)
    return all.count - 1
  }

  mutating func setSimilarity(_ row: UInt32, _ score: Float) {
    let place = place(of: row)
    isSimilarityKnown[place] = true
    all[place].similarity =
      switch metric {
      case .cosine, .innerProduct: min(max((1 + score) / 2, 0), 1)
      case .squaredL2: 1 / (1 + max(score, 0))
      }
  }

  /// Ascending.
  var withoutSimilarity: [UInt32] {
    zip(all, isSimilarityKnown).lazy.filter { !$1 }.map { $0.0.row }.sorted()
  }

  /// Looks at the words of all rows of a domain, and takes in the best.
  mutating func addWords(
    of question: TextQuery, in rows: [UInt32], best count: Int, _ text: TextIndex, _ live: LiveIndex
  ) {
    let rows = live.inOrderOfChanges(rows)
    let words = ContextualText(
      text.occurrences(of: question, in: rows), previous: live.previousTurns(of: rows))
    hasTerms = words.hasTerms
    var placeOfRow: [UInt32: Int] = [:]
    for (place, row) in rows.enumerated() where places[row] != nil { placeOfRow[row] = place }
    for candidate in all.indices {
      if let place = placeOfRow[all[candidate].row] { take(words, place, into: candidate) }
    }
    let best =
      words.reached.count <= count
      ? words.reached
      : Array(
        words.reached.sorted {
          let (left, right) = (words.withContext[Int($0)], words.withContext[Int($1)])
          return left == right ? $0 < $1 : left > right
        }.prefix(count))
    for place in best { take(words, Int(place), into: self.place(of: rows[Int(place)])) }
  }

  /// Takes in the rows of a domain whose own words are best, and the turns around them, and looks at the
  /// words of all candidates and of the turns around those.
  mutating func addWords(
    of question: TextQuery, best count: Int, in domain: LiveIndex.Domain, _ text: TextIndex,
    _ live: LiveIndex
  ) {
    let found = text.search(question, k: count, in: domain).map(\.row)
    var turns = TurnsOfRuns(live)
    var around = Set(found)
    for row in found { around.formUnion(turns.around(row)) }
    for row in around.filter(domain.contains).sorted() { _ = place(of: row) }
    for candidate in all { around.formUnion(turns.around(candidate.row) + [candidate.row]) }
    let rows = live.inOrderOfChanges(around.sorted())
    let words = ContextualText(
      text.occurrences(of: question, in: rows), previous: live.previousTurns(of: rows),
      corpus: (text.count, text.meanLength))
    hasTerms = words.hasTerms
    for (place, row) in rows.enumerated() {
      if let candidate = places[row] { take(words, place, into: candidate) }
    }
  }

  private mutating func take(_ words: ContextualText, _ place: Int, into candidate: Int) {
    all[candidate].own = words.own[place]
    all[candidate].withContext = words.withContext[place]
  }

  /// With their scores, best first.
  var ranked: [Candidate] {
    let weight = hasTerms ? Float(RankingWeights.text) : 0
    return all.map { candidate in
      var candidate = candidate
      candidate.score = (1 - weight) * candidate.similarity + weight * candidate.withContext
      return candidate
    }.sorted { $0.score == $1.score ? $0.row < $1.row : $0.score > $1.score }
  }
}
