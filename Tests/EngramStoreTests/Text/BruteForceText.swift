import Foundation

@testable import EngramStore

/// BM25 over texts by row, without an index: each text's terms are counted, and every text is scored.
struct BruteForceText {
  private(set) var texts: [UInt32: [String: Int]] = [:]
  private let tokenizer = TextTokenizer()

  mutating func insert(_ row: UInt32, _ text: String) { texts[row] = counts(text) }

  mutating func remove(_ row: UInt32) { texts[row] = nil }

  func counts(_ text: String) -> [String: Int] {
    tokenizer.terms(of: text).reduce(into: [:]) { $0[$1, default: 0] += 1 }
  }

  /// The score of every row that has one, in double precision.
  func scores(_ query: String) -> [UInt32: Double] {
    let lengths = texts.mapValues { $0.values.reduce(0, +) }
    let mean = Double(lengths.values.reduce(0, +)) / Double(texts.count)
    var scores: [UInt32: Double] = [:]
    for (term, count) in counts(query) {
      let frequency = texts.values.count { $0[term] != nil }
      let rest = Double(texts.count - frequency) + 0.5
      let inverse = log(1 + rest / (Double(frequency) + 0.5))
      for (row, text) in texts {
        guard let own = text[term] else { continue }
        let norm = 1.2 * (0.25 + 0.75 * Double(lengths[row] ?? 0) / mean)
        scores[row, default: 0] += Double(count) * inverse * 2.2 * Double(own) / (Double(own) + norm)
      }
    }
    return scores
  }
}
