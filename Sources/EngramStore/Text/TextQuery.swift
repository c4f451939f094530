/// The terms of a query, each once, with how often it stands there.
struct TextQuery: Sendable {
  /// So many terms of a query count, from its beginning on: what a search takes is bounded.
  static let termsMax = 1_024

  private var bytes: [UInt8] = []
  private var terms: [(range: Range<Int>, count: Int)] = []

  init(_ text: String, tokenizer: TextTokenizer = TextTokenizer()) {
    var all = 0
    tokenizer.forEachTerm(of: text) { term in
      all += 1
      if all <= Self.termsMax { insert(term) }
    }
  }

  /// The terms of a question without those that tell nothing; all, where that leaves none.
  init(question: String) {
    var (told, all) = (TextQuery(""), TextQuery(""))
    var count = 0
    TextTokenizer().forEachTerm(of: question) { term in
      count += 1
      guard count <= Self.termsMax else { return }
      all.insert(term)
      if !StopWords.terms.contains(Array(term)) { told.insert(term) }
    }
    self = told.count > 0 ? told : all
  }

  /// How many terms there are.
  var count: Int { terms.count }

  private mutating func insert(_ term: UnsafeBufferPointer<UInt8>) {
    let known = terms.firstIndex { known in
      known.range.count == term.count && bytes[known.range].elementsEqual(term)
    }
    if let known {
      terms[known].count += 1
    } else {
      terms.append((bytes.count..<bytes.count + term.count, 1))
      bytes.append(contentsOf: term)
    }
  }

  /// Calls `body` with the bytes of each term, which are lent, and its count.
  func forEachTerm(_ body: (_ term: UnsafeBufferPointer<UInt8>, _ count: Int) -> Void) {
    bytes.withUnsafeBufferPointer { bytes in
      for (range, count) in terms { body(UnsafeBufferPointer(rebasing: bytes[range]), count) }
    }
  }
}
