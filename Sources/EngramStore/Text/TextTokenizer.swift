/// Splits text into the terms that full-text search looks for.
///
/// - A word is a run of letters and digits, in lower case and without diacritics: "Café" is "cafe".
///   Full-width Latin letters and digits are plain ones.
/// - English words, those of the letters a to z alone, lose their endings (Porter, 1980): "running" is
///   "run".
/// - An apostrophe ends a word, and what it cuts off in English is no word: "Anna's" is "anna", "don't"
///   is "don", "we'll" is "we"; "l'amour" is "l" and "amour", "O'Brien" is "o" and "brien".
/// - Scripts that are written without spaces, or whose words are hard to tell apart (Han, Hiragana,
///   Katakana, Hangul, Thai), give every two characters that stand together. A Han character is also a
///   word of its own, others where they stand alone.
/// - A word is cut after 64 bytes of UTF-8.
///
/// Takes time linear in the text. No word spans a space: a text gives what its parts give.
public struct TextTokenizer: Sendable {
  public init() {}

  static let tokenBytesMax = PorterStemmer.lettersMax

  /// The terms of a text, in its order.
  public func terms(of text: String) -> [String] {
    var terms: [String] = []
    forEachTerm(of: text) { terms.append(String(decoding: $0, as: UTF8.self)) }
    return terms
  }

  /// Calls `body` with the UTF-8 of each term, which is lent.
  func forEachTerm<Failure: Error>(
    of text: String, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    var text = text
    // `withUTF8` hands on no typed errors.
    let result = text.withUTF8 { bytes -> Result<Void, Failure> in
      do throws(Failure) { return .success(try forEachTerm(of: bytes, body)) } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// The same for any bytes; those that are no UTF-8 stand between words.
  func forEachTerm<Failure: Error>(
    of text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    let result = withUnsafeTemporaryAllocation(
      of: UInt8.self, capacity: Self.tokenBytesMax
    ) { term -> Result<Void, Failure> in
      guard let base = term.baseAddress else { return .success(()) }
      do throws(Failure) {
        var scan = TextScan(text: text, term: base)
        return .success(try scan.run(body))
      } catch { return .failure(error) }
    }
    try result.get()
  }
}

/// One pass over a text. All that it reads lies in `text`, and it writes the first
/// `TextTokenizer.tokenBytesMax` bytes of `term` only.
private struct TextScan {
  let text: UnsafeBufferPointer<UInt8>
  let term: UnsafeMutablePointer<UInt8>
  /// The next byte.
  private var place = 0
  /// Where a word begins that an apostrophe cuts off another.
  private var joint = -1

  init(text: UnsafeBufferPointer<UInt8>, term: UnsafeMutablePointer<UInt8>) {
    self.text = text
    self.term = term
  }

  mutating func run<Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    while place < text.count {
      let byte = text[place]
      if byte < 0x80 {
        if Self.folded(byte) == 0 { place += 1 } else { try takeWord(body) }
        continue
      }
      let (scalar, length) = UTF8Scalar.decode(text, at: place)
      switch TextScalar(scalar) {
      case .separator, .diacritic: place += length
      case .letter: try takeWord(body)
      case .ideograph, .unspaced: try takeRun(body)
      }
    }
  }

  /// The lower case of an ASCII letter or digit; 0 for all else.
  @inline(__always)
  private static func folded(_ byte: UInt8) -> UInt8 {
    if byte | 0x20 &- UInt8(ascii: "a") < 26 { return byte | 0x20 }
    return byte &- UInt8(ascii: "0") < 10 ? byte : 0
  }

  private mutating func takeWord<Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    let isCutOff = place == joint
    var count = 0
    var isFull = false
    var isEnglish = true
    /// Room for more is not used once something has been left out.
    func hasRoom(_ length: Int) -> Bool {
      if count + length > TextTokenizer.tokenBytesMax { isFull = true }
      return !isFull
    }
    scan: while place < text.count {
      let byte = text[place]
      if byte < 0x80 {
        let folded = Self.folded(byte)
        if folded == 0 { break }
        if folded < UInt8(ascii: "a") { isEnglish = false }
        if hasRoom(1) {
          term[count] = folded
          count += 1
        }
        place += 1
        continue
      }
      let (scalar, length) = UTF8Scalar.decode(text, at: place)
      switch TextScalar(scalar) {
      case .separator, .ideograph, .unspaced: break scan
      case .diacritic: break
      case .letter(let folded):
        if folded < 0x80 {
          if !(0x61...0x7A).contains(folded) { isEnglish = false }
        } else {
          isEnglish = false
        }
        if hasRoom(UTF8Scalar.length(folded)) {
          count += UTF8Scalar.encode(folded, to: term + count)
        }
      }
      place += length
    }
    if let length = apostrophe { joint = place + length }
    if isEnglish {
      if isCutOff, count <= 2, isClitic(count) { return }
      count = PorterStemmer.stem(term, count: count)
    }
    try body(UnsafeBufferPointer(start: term, count: count))
  }

  /// How many bytes an apostrophe takes here; nil where there is none.
  private var apostrophe: Int? {
    guard place < text.count else { return nil }
    if text[place] == UInt8(ascii: "'") { return 1 }
    let isTypographic =
      place + 2 < text.count && text[place] == 0xE2 && text[place + 1] == 0x80
      && text[place + 2] == 0x99
    return isTypographic ? 3 : nil
  }

  /// What follows an English apostrophe: 's, 't, 'm, 'd, 're, 've, 'll.
  private func isClitic(_ count: Int) -> Bool {
    let first = term[0]
    if count == 1 {
      return first == UInt8(ascii: "s") || first == UInt8(ascii: "t")
        || first == UInt8(ascii: "m") || first == UInt8(ascii: "d")
    }
    let second = term[1]
    return second == UInt8(ascii: "e") && (first == UInt8(ascii: "r") || first == UInt8(ascii: "v"))
      || first == UInt8(ascii: "l") && second == UInt8(ascii: "l")
  }

  /// Characters of scripts without spaces, as far as they stand together.
  private mutating func takeRun<Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    /// How many bytes the character before takes, at the beginning of `term`.
    var before = 0
    /// Whether that one has been in no term yet.
    var isUnused = false
    scan: while place < text.count, text[place] >= 0x80 {
      let (scalar, length) = UTF8Scalar.decode(text, at: place)
      let isIdeograph: Bool
      switch TextScalar(scalar) {
      case .separator, .letter: break scan
      case .diacritic:
        place += length
        continue
      case .ideograph: isIdeograph = true
      case .unspaced: isIdeograph = false
      }
      for index in 0..<length { term[before + index] = text[place + index] }
      if before > 0 { try body(UnsafeBufferPointer(start: term, count: before + length)) }
      if isIdeograph { try body(UnsafeBufferPointer(start: term + before, count: length)) }
      isUnused = before == 0 && !isIdeograph
      for index in 0..<length { term[index] = term[before + index] }
      before = length
      place += length
    }
    if isUnused { try body(UnsafeBufferPointer(start: term, count: before)) }
  }
}
