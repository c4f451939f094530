import EngramIndex

extension TextIndex {
  /// The rows of a domain whose texts have the best scores for a query, best first, of one score the
  /// lower row first; at most `k`, and none whose text has no term of the query.
  func search(_ query: TextQuery, k: Int, in domain: LiveIndex.Domain) -> [TextHit] {
    guard k > 0 else { return [] }
    return withWeights(query) { state, weights in
      switch domain {
      case .everything: search(state, weights, k: k, allowed: nil)
      case .list(let list):
        isScoringCheaper(list.count, weights, state.terms)
          ? search(state, weights, k: k, among: list.rows)
          : search(state, weights, k: k, allowed: list.rowSet)
      case .set(let set):
        isScoringCheaper(set.count, weights, state.terms)
          ? search(state, weights, k: k, among: set.numbers)
          : search(state, weights, k: k, allowed: set)
      }
    } ?? []
  }

  /// The scores of rows for a query; 0 where a row has no text, or none of the terms.
  func scores(_ query: TextQuery, of rows: [UInt32]) -> [Float] {
    withWeights(query) { state, weights in
      rows.map { row in
        guard let address = address(of: row), let documents = state.documents[address.slot] else {
          return 0
        }
        return weights.score(documents.words(address.document))
      }
    } ?? [Float](repeating: 0, count: rows.count)
  }

  /// The score of a text that consists of the query; with terms that no text has. A score divided by
  /// it, but no more than 1, tells how well a text meets the query, so that those of two queries can be
  /// compared: 1 for the query itself. (A text of few terms may exceed it, if they are rare ones.)
  func maxScore(_ query: TextQuery) -> Float {
    state.read { state in
      let bm25 = bm25
      var terms: [(count: Int, weight: Float)] = []
      query.forEachTerm { term, count in
        let frequency = state.terms.number(of: term).map(state.terms.frequency) ?? 0
        terms.append((count, bm25.weight(frequency: frequency, count: count)))
      }
      let norm = bm25.norm(length: UInt32(terms.reduce(0) { $0 + $1.count }))
      return terms.reduce(0) { $0 + $1.weight * BM25.share(count: UInt32($1.count), norm: norm) }
    }
  }

  // MARK: Ways

  private func search(
    _ state: borrowing State, _ weights: TextWeights, k: Int, among rows: [UInt32]
  ) -> [TextHit] {
    var search = TextSearch(weights: weights, top: TopTexts(k: k), allowed: nil)
    rows.withUnsafeBufferPointer { rows in
      state.documents.withUnsafeBufferPointer { parts in
        search.scan(rows, parts: parts) { address(of: $0) }
      }
    }
    return search.top.hits
  }

  private func search(
    _ state: borrowing State, _ weights: TextWeights, k: Int, allowed: RowSet?
  ) -> [TextHit] {
    // Of no rows there is no bitmap.
    if let allowed, allowed.words.isEmpty { return [] }
    return (allowed?.words ?? []).withUnsafeBufferPointer { words in
      var search = TextSearch(
        weights: weights, top: TopTexts(k: k), allowed: allowed == nil ? nil : words)
      for segment in state.segments { search.scan(segment) }
      // Last: a text that replaces another comes before that one goes.
      for tail in state.tails { search.scan(tail) }
      return search.top.hits
    }
  }

  /// Whether it takes less to score so many rows than to go through postings.
  private func isScoringCheaper(_ rows: Int, _ weights: TextWeights, _ terms: TermTable) -> Bool {
    rows * 16 < weights.terms.reduce(0) { $0 + terms.frequency($1.number) }
  }

  /// Lends the weights of a query's terms and the state that they belong to; nil where no text has one
  /// of them.
  private func withWeights<Result>(
    _ query: TextQuery, _ body: (borrowing State, TextWeights) -> Result
  ) -> Result? {
    state.read { state -> Result? in
      let bm25 = bm25
      var terms: [TextWeights.Term] = []
      query.forEachTerm { term, count in
        guard let number = state.terms.number(of: term) else { return }
        let frequency = state.terms.frequency(number)
        guard frequency > 0 else { return }
        let weight = bm25.weight(frequency: frequency, count: count)
        terms.append(TextWeights.Term(number: number, weight: weight))
      }
      guard !terms.isEmpty else { return nil }
      var byTerm = idleWeights.withLock { $0.popLast() } ?? []
      if byTerm.count < state.terms.capacity {
        byTerm = [Float](repeating: 0, count: state.terms.capacity)
      }
      defer { idleWeights.withLock { $0.append(byTerm) } }
      return byTerm.withUnsafeMutableBufferPointer { byTerm -> Result? in
        guard let base = byTerm.baseAddress else { return nil }
        for term in terms { base[Int(term.number)] = term.weight }
        defer { for term in terms { base[Int(term.number)] = 0 } }
        return withUnsafeTemporaryAllocation(
          of: Float.self, capacity: TextWeights.shareCount
        ) { shares -> Result? in
          guard let shareBase = shares.baseAddress else { return nil }
          for length in 0..<TextWeights.shareCount {
            (shareBase + length).initialize(
              to: BM25.share(count: 1, norm: bm25.norm(length: UInt32(length))))
          }
          return body(
            state,
            TextWeights(bm25: bm25, terms: terms, byTerm: base, shares: shareBase))
        }
      }
    }
  }
}
