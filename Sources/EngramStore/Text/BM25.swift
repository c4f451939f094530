import Foundation

/// The weight of a term in a text (Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and
/// Beyond, 2009), with an inverse document frequency that is never negative, as Lucene has it.
struct BM25 {
  static let k1: Float = 1.2
  static let b: Float = 0.75

  let documents: Int
  private let perTerm: Float

  /// - Parameters:
  ///   - documents: how many texts there are.
  ///   - length: of all together, in terms.
  init(documents: Int, length: Int) {
    self.documents = documents
    perTerm = length > 0 ? Self.k1 * Self.b * Float(documents) / Float(length) : 0
  }

  /// What a term of the query weighs at most, in a text without anything else.
  ///
  /// - Parameters:
  ///   - frequency: how many texts have it.
  ///   - count: how often the query has it.
  func weight(frequency: Int, count: Int) -> Float {
    let rest = Double(max(documents - frequency, 0)) + 0.5
    let inverse = log(1 + rest / (Double(frequency) + 0.5))
    return Float(inverse * Double(Self.k1 + 1) * Double(count))
  }

  /// What the length of a text adds to the count of a term in the denominator. The longer, the more.
  @inline(__always)
  func norm(length: UInt32) -> Float { Self.k1 * (1 - Self.b) + perTerm * Float(length) }

  /// The share of its weight that a term has which stands in a text `count` times. It grows with the
  /// count and shrinks with the norm, after rounding, too: bounds hold exactly.
  @inline(__always)
  static func share(count: UInt32, norm: Float) -> Float { 1 / (1 + norm / Float(count)) }
}
