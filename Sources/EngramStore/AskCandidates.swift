import EngramIndex

/// A row that may answer a question, and how well.
struct AskCandidate {
  var row: UInt32
  /// The raw metric; nil while it is not known.
  var metric: Float?
  var similarity: Float = 0
  var own: Float = 0
  var withContext: Float = 0
  var recency: Float = 0
  var importance: Float = 0
  var access: Float = 0
  var score: Float = 0

  /// Of a memory of which nobody has said how much it matters.
  static let unknownImportance: Float = 0.5
}

extension RankedMemory {
  init(_ memory: Memory, _ candidate: AskCandidate) {
    self.init(
      memory: memory, score: Double(candidate.score), similarity: Double(candidate.similarity),
      text: Double(candidate.own), context: Double(max(candidate.withContext - candidate.own, 0)),
      recency: Double(candidate.recency), importance: Double(candidate.importance),
      access: Double(candidate.access))
  }
}

/// The rows that may answer a question, from two sides: those nearest in meaning, and those whose words
/// meet the question's best.
struct AskCandidates {
  /// Ascending by row.
  private var all: [AskCandidate]
  /// Whether the question has words that tell anything.
  let hasTerms: Bool

  /// Of few rows: the words of all of them were looked at.
  ///
  /// - Parameters:
  ///   - near: rows with their raw metric, nearest first.
  ///   - rows: ascending.
  init(_ near: [(row: UInt32, metric: Float)], among rows: [UInt32], _ words: ContextualText, best count: Int) {
    hasTerms = words.hasTerms
    var top = TopTexts(k: count)
    for place in words.reached { top.insert(UInt32(place), words.withContext[Int(place)]) }
    let chosen = top.hits.map { rows[Int($0.row)] } + near.lazy.map(\.row)
    all = Self.candidates(chosen.sortedOnce, rows, words)
    for (row, metric) in near { setMetric(of: row, metric) }
  }

  /// The same of rows of the index.
  init(
    _ near: [LiveIndex.Hit], among rows: [UInt32], _ question: TextQuery, best count: Int,
    _ text: TextIndex, _ live: LiveIndex
  ) {
    let words = ContextualText(
      text.occurrences(of: question, in: rows), previous: live.previousTurns(of: rows),
      meanLength: text.meanLength)
    self.init(near.map { ($0.row, $0.score) }, among: rows, words, best: count)
  }

  /// Of many rows of the index: the words of those whose own words are best, of the turns around them,
  /// and of the nearest and the turns around those.
  init(
    _ near: [LiveIndex.Hit], in domain: LiveIndex.Domain, _ question: TextQuery, best count: Int,
    _ text: TextIndex, _ live: LiveIndex
  ) {
    let best = text.search(question, k: count, in: domain).map(\.row)
    var chosen = live.withTurns(around: best).filter(domain.contains)
    chosen.append(contentsOf: near.lazy.map(\.row))
    chosen = chosen.sortedOnce
    let rows = live.withTurns(around: chosen)
    let words = ContextualText(
      text.occurrences(of: question, in: rows), previous: live.previousTurns(of: rows),
      meanLength: text.meanLength, corpus: text.count)
    hasTerms = words.hasTerms
    all = Self.candidates(chosen, rows, words)
    for hit in near { setMetric(of: hit.row, hit.score) }
  }

  /// - Parameter rows: those whose words were looked at; ascending, as the chosen ones.
  private static func candidates(
    _ chosen: [UInt32], _ rows: [UInt32], _ words: ContextualText
  ) -> [AskCandidate] {
    // Both ascend.
    var place = 0
    return chosen.compactMap { row in
      while place < rows.count, rows[place] < row { place += 1 }
      guard place < rows.count, rows[place] == row else { return nil }
      return AskCandidate(row: row, own: words.own[place], withContext: words.withContext[place])
    }
  }

  var withoutMetric: [UInt32] { all.lazy.filter { $0.metric == nil }.map(\.row) }

  mutating func setMetric(of row: UInt32, _ metric: Float) {
    var (low, high) = (0, all.count)
    while low < high {
      let middle = (low + high) / 2
      if all[middle].row < row { low = middle + 1 } else { high = middle }
    }
    if low < all.count, all[low].row == row { all[low].metric = metric }
  }

  /// With their scores, best first.
  ///
  /// - Parameter signals: sets recency, importance and access.
  func ranked(
    _ ranking: Ranking, signals: (inout AskCandidate) throws -> Void
  ) rethrows -> [AskCandidate] {
    var scored = all
    // Scores are not negative, and such numbers are in the order of their bits; a candidate is some 40
    // bytes to move, its key 8.
    var keys: [UInt64] = []
    keys.reserveCapacity(all.count)
    for place in scored.indices {
      scored[place].similarity = ranking.similarity(scored[place].metric ?? 0)
      try signals(&scored[place])
      let candidate = scored[place]
      scored[place].score = ranking.score(
        similarity: candidate.similarity, words: candidate.withContext, recency: candidate.recency,
        importance: candidate.importance, access: candidate.access)
      keys.append(UInt64(~scored[place].score.bitPattern) << 32 | UInt64(place))
    }
    keys.sort()
    return keys.map { scored[Int(UInt32(truncatingIfNeeded: $0))] }
  }
}

extension [AskCandidate] {
  /// Their places, the first `count` by maximal marginal relevance.
  func diversified(
    _ diversity: Double, choosing count: Int, _ ranking: Ranking, _ metric: Metric, dimension: Int,
    vector: (AskCandidate) -> UnsafePointer<Float>
  ) throws(IndexError) -> [Int] {
    try Diversity.order(
      map(\.score), choosing: count, diversity: Float(diversity)
    ) { chosen, others throws(IndexError) in
      let scorer = try VectorScorer(
        Array<Float>(UnsafeBufferPointer(start: vector(self[chosen]), count: dimension)),
        dimension: dimension, metric: metric)
      return others.map { ranking.similarity(scorer.score(of: vector(self[$0]))) }
    }
  }
}
