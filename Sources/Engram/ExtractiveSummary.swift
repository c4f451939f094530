import Foundation

/// Chooses the memories that say best what all of them say, as they are: the same ones for the same memories.
///
/// A memory is worth what it has in common with all (the cosine with the mean of their vectors: the
/// *centroid* of Radev et al., *Centroid-based summarization of multiple documents*, 2004) and how much it
/// matters, half and half. They are taken one by one, each time the one that is worth most after what it
/// repeats of those taken is taken off: *maximal marginal relevance* (Carbonell and Goldstein, 1998).
enum ExtractiveSummary {
  /// What repeating costs, beside what a memory is worth.
  private static let redundancyWeight: Float = 0.3
  /// Of two memories as near as this the second says nothing new.
  private static let sameCosine: Float = 0.98

  /// Chosen memories, oldest first, as many as a budget has room for.
  ///
  /// - Parameters:
  ///   - sources: oldest first.
  ///   - tokens: of each memory's line.
  static func choose(
    _ sources: [SummarySource], maxTokens: Int, tokens: (SummarySource) -> Int
  ) -> [SummarySource] {
    let worth = worths(of: sources)
    // What the nearest of those chosen has in common with each.
    var nearest = [Float](repeating: -1, count: sources.count)
    var rest = Array(sources.indices)
    var (chosen, left) = ([Int](), maxTokens)
    while !rest.isEmpty {
      var best = 0
      var bestValue = -Float.infinity
      for (place, index) in rest.enumerated() {
        // Of those worth the same the latest.
        let value = worth[index] - redundancyWeight * max(nearest[index], 0)
        if value >= bestValue { (best, bestValue) = (place, value) }
      }
      let index = rest.remove(at: best)
      if nearest[index] >= sameCosine { continue }
      let cost = tokens(sources[index])
      guard cost <= left else {
        // Even the shortest line takes some.
        if left < 4 { break }
        continue
      }
      left -= cost
      chosen.append(index)
      guard let vector = sources[index].vector else { continue }
      for other in rest {
        guard let second = sources[other].vector else { continue }
        nearest[other] = max(nearest[other], cosine(vector, second))
      }
    }
    return chosen.sorted().map { sources[$0] }
  }

  private static func worths(of sources: [SummarySource]) -> [Float] {
    guard let width = sources.lazy.compactMap(\.vector?.count).first else {
      return sources.map { Float($0.memory.importance ?? 0.5) }
    }
    var centroid = [Float](repeating: 0, count: width)
    for vector in sources.lazy.compactMap(\.vector) {
      for i in 0..<min(width, vector.count) { centroid[i] += vector[i] }
    }
    return sources.map { source in
      let common = source.vector.map { max(cosine($0, centroid), 0) } ?? 0
      return (common + Float(source.memory.importance ?? 0.5)) / 2
    }
  }

  private static func cosine(_ one: [Float], _ other: [Float]) -> Float {
    var (dot, first, second): (Float, Float, Float) = (0, 0, 0)
    let count = min(one.count, other.count)
    one.withUnsafeBufferPointer { one in
      other.withUnsafeBufferPointer { other in
        for i in 0..<count {
          dot += one[i] * other[i]
          first += one[i] * one[i]
          second += other[i] * other[i]
        }
      }
    }
    let length = (first * second).squareRoot()
    return length > 0 ? dot / length : 0
  }

  /// The text of chosen memories: a line each.
  ///
  /// - Returns: nil where there is nothing to be said.
  static func text(of sources: [SummarySource], maxTokens: Int) -> String? {
    guard !sources.isEmpty else { return nil }
    let chosen = choose(sources, maxTokens: maxTokens) { TokenEstimate.tokens(in: $0.memory.text) }
    if !chosen.isEmpty { return chosen.map(\.memory.text.inOneLine).joined(separator: "\n") }
    // Each alone is too long: the beginning of what is worth most.
    let worth = worths(of: sources)
    guard let best = sources.indices.max(by: { worth[$0] < worth[$1] }) else { return nil }
    let text = TokenEstimate.prefix(of: sources[best].memory.text.inOneLine, tokens: maxTokens)
    return text.isEmpty ? nil : String(text)
  }
}

extension String {
  /// Without line feeds and the like, each run of white space one space.
  fileprivate var inOneLine: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
