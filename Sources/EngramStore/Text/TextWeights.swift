/// A query as one search takes it: what each of its terms weighs.
struct TextWeights {
  struct Term {
    var number: UInt32
    var weight: Float
  }

  let bm25: BM25
  /// Those that texts have.
  let terms: [Term]
  /// The weight of each term by its number; 0 where the query does not have it.
  let byTerm: UnsafePointer<Float>
  /// `BM25.share` of a term that stands once in a text of a length below `shareCount`.
  let shares: UnsafePointer<Float>

  static let shareCount = 256

  /// The share of a term that stands once in a text.
  @inline(__always)
  func share(length: UInt32) -> Float {
    length < Self.shareCount
      ? shares[Int(length)] : BM25.share(count: 1, norm: bm25.norm(length: length))
  }

  /// The score of a text of so many words. Nothing else makes scores, so that equal texts have equal
  /// ones.
  @inline(__always)
  func score(_ words: UnsafeBufferPointer<UInt32>) -> Float {
    var place = 1
    let end = words.count
    let length = words[0]
    /// Of the terms that stand there once, as nearly all do.
    var once: Float = 0
    var more: Float = 0
    while place < end {
      let word = words[place]
      place += 1
      let weight = byTerm[Int(word >> TextDocuments.countBits)]
      var count = word & TextDocuments.longCount
      if count == 1 {
        once += weight
        continue
      }
      if count == TextDocuments.longCount {
        count = words[place]
        place += 1
      }
      if weight > 0 {
        more += weight * BM25.share(count: count, norm: bm25.norm(length: length))
      }
    }
    return once * share(length: length) + more
  }
}
