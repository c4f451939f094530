import Foundation

/// Splits a text into the word pieces of a BERT model that knows no case (Devlin et al., *BERT*, 2018;
/// Wu et al., *Google's Neural Machine Translation System*, 2016, section 4.1).
///
/// Accents are removed, letters made small, words split at white space and around punctuation and each
/// Chinese character; then each word takes the longest piece that it begins with, again and again. `[SEP]`
/// and its like are one token where a text spells them so, as for the tokenizer that the model's authors use.
public struct WordPieceTokenizer: Sendable {
  public let vocabulary: Vocabulary

  /// Longer words, counted in Unicode scalars, have no pieces.
  private static let longestWord = 100

  public init(vocabulary: Vocabulary) { self.vocabulary = vocabulary }

  /// The numbers of a text's pieces between `[CLS]` and `[SEP]`.
  ///
  /// - Parameter limit: the text is cut where there would be more numbers, those two included; at least 2.
  public func tokens(of text: String, limit: Int = 256) -> [Int32] {
    var splitter = Splitter(self, room: max(limit, 2) - 2)
    var rest = text[...]
    while !splitter.isFull, let (place, number) = firstMark(in: rest) {
      splitter.add(rest[..<place.lowerBound])
      splitter.add(mark: number)
      rest = rest[place.upperBound...]
    }
    splitter.add(rest)
    return [vocabulary.cls] + splitter.tokens + [vocabulary.sep]
  }

  private func firstMark(in text: Substring) -> (place: Range<String.Index>, number: Int32)? {
    var rest = text.utf8
    while let begin = rest.firstIndex(of: UInt8(ascii: "[")) {
      rest = rest[begin...]
      for mark in vocabulary.marks where rest.starts(with: mark.text) {
        return (begin..<rest.index(begin, offsetBy: mark.text.count), mark.number)
      }
      rest.removeFirst()
    }
    return nil
  }

  // MARK: Words

  /// Takes a text scalar by scalar.
  private struct Splitter {
    private let tokenizer: WordPieceTokenizer
    private let room: Int
    private(set) var tokens: [Int32] = []
    private var word: [UInt8] = []
    private var scalars = 0

    init(_ tokenizer: WordPieceTokenizer, room: Int) {
      self.tokenizer = tokenizer
      self.room = room
    }

    /// What comes now would be cut off.
    var isFull: Bool { tokens.count >= room }

    mutating func add(_ text: Substring) {
      if text.utf8.allSatisfy({ $0 < 0x80 }) {
        for byte in text.utf8 where !isFull { add(ascii: byte) }
      } else {
        // The order of a normaliser that would cut apart first and then remove accents: no scalar that is
        // cut around decomposes into one that is not.
        for scalar in text.decomposedStringWithCanonicalMapping.unicodeScalars where !isFull { add(scalar) }
      }
      endWord()
    }

    mutating func add(mark number: Int32) {
      if !isFull { tokens.append(number) }
    }

    private mutating func add(ascii byte: UInt8) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        append(byte)
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): append(byte | 0x20)
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): endWord()
      case 0x21...0x7E:
        endWord()
        append(byte)
        endWord()
      default: break  // Control characters.
      }
    }

    private mutating func add(_ scalar: Unicode.Scalar) {
      if scalar.isASCII { return add(ascii: UInt8(scalar.value)) }
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .privateUse, .unassigned, .nonspacingMark: return
      case .spaceSeparator, .lineSeparator, .paragraphSeparator: return endWord()
      case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
        .initialPunctuation, .finalPunctuation, .otherPunctuation:
        endWord()
        append(scalar)
        endWord()
      default:
        if scalar == "\u{FFFD}" { return }
        guard !scalar.isChinese else {
          endWord()
          append(scalar)
          return endWord()
        }
        for small in scalar.properties.lowercaseMapping.unicodeScalars { append(small) }
      }
    }

    private mutating func append(_ byte: UInt8) {
      word.append(byte)
      scalars += 1
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
      word.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      scalars += 1
    }

    private mutating func endWord() {
      defer {
        word.removeAll(keepingCapacity: true)
        scalars = 0
      }
      guard !word.isEmpty else { return }
      let pieces = scalars > longestWord ? nil : tokenizer.pieces(of: word)
      tokens.append(contentsOf: (pieces ?? [tokenizer.vocabulary.unknown]).prefix(room - tokens.count))
    }
  }

  // MARK: Pieces

  /// Greedily the longest first; nil where something of the word begins with no piece.
  private func pieces(of word: [UInt8]) -> [Int32]? {
    var pieces: [Int32] = []
    var begin = 0
    while begin < word.count {
      var end = min(word.count, begin + vocabulary.longest)
      while end > begin {
        if let piece = vocabulary.number(of: word[begin..<end], isContinuation: begin > 0) {
          pieces.append(piece)
          break
        }
        end -= 1
      }
      guard end > begin else { return nil }
      begin = end
    }
    return pieces
  }
}

extension Unicode.Scalar {
  /// Of the blocks of Chinese characters that BERT takes for words of their own.
  fileprivate var isChinese: Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B820...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
