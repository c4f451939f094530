import EngramIndex

/// Maximal marginal relevance (Carbonell and Goldstein, 1998): results one after the other, each the best
/// by its score less how much it is like one before it.
struct Diversity {
  /// Of so many candidates one is chosen each time.
  static func pool(choosing count: Int) -> Int { min(4 * count + 32, max(count, 1_000)) }

  /// The order of candidates: the first `count` by marginal relevance, the others as they were.
  ///
  /// - Parameters:
  ///   - scores: of candidates, best first.
  ///   - diversity: 0...1, what the likeness weighs.
  ///   - likeness: of two candidates, 0...1.
  static func order(
    _ scores: [Float], choosing count: Int, diversity: Float,
    likeness: (_ chosen: Int, _ others: [Int]) throws(IndexError) -> [Float]
  ) throws(IndexError) -> [Int] {
    var open = Array(0..<min(scores.count, pool(choosing: count)))
    var chosen: [Int] = []
    var nearest = [Float](repeating: 0, count: open.count)
    while chosen.count < count, !open.isEmpty {
      func marginal(_ place: Int) -> Float {
        (1 - diversity) * scores[open[place]] - diversity * nearest[place]
      }
      var best = 0
      for place in open.indices where marginal(place) > marginal(best) { best = place }
      let next = open.remove(at: best)
      nearest.remove(at: best)
      chosen.append(next)
      for (place, alike) in try likeness(next, open).enumerated() {
        nearest[place] = max(nearest[place], alike)
      }
    }
    let isChosen = Set(chosen)
    return chosen + scores.indices.filter { !isChosen.contains($0) }
  }
}
