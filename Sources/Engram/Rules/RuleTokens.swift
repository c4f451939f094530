import Foundation

/// A word, or a mark that parts words.
struct RuleToken: Sendable {
  enum Kind: Sendable { case word, comma, pause }

  var kind: Kind
  /// Folded; a contraction is two tokens, "don't" being "do" and "not".
  var word: String
  /// Where it stands in the scalars of the text.
  var range: Range<Int>
  var isCapitalized = false
  /// Inside quotation marks: said by somebody else, or a title.
  var isQuoted = false
}

/// A text cut into words and sentences, in one pass over its scalars.
struct RuleTokens {
  struct Sentence {
    var tokens: Range<Int>
    var isQuestion: Bool
  }

  private(set) var tokens: [RuleToken] = []
  private(set) var sentences: [Sentence] = []
  private let scalars: [Unicode.Scalar]

  private var position = 0
  private var sentenceStart = 0
  /// The first token inside a quotation that is open on this line.
  private var quotation: Int?
  private var isInCode = false

  init(_ text: String) {
    scalars = Array(text.unicodeScalars)
    while position < scalars.count { step() }
    endSentence(isQuestion: false)
  }

  /// The text between two places, with single spaces.
  func text(_ range: Range<Int>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars[range])
    return String(view).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private func scalar(at position: Int) -> Unicode.Scalar {
    scalars.indices.contains(position) ? scalars[position] : " "
  }

  private mutating func step() {
    if isAtLineStart, skipsLine() { return }
    let scalar = scalars[position]
    if Self.isWord(scalar) { return readWord() }
    position += 1
    switch scalar {
    case "\n", "\r", "\u{2028}", "\u{2029}":
      quotation = nil
      endSentence(isQuestion: false)
    case "?", "\u{ff1f}": endSentence(isQuestion: true)
    case "!", ";", "\u{2026}", "\u{3002}", "\u{ff01}": endSentence(isQuestion: false)
    case ".": if endsSentence(pointAt: position - 1) { endSentence(isQuestion: false) }
    case ",", "\u{3001}", "\u{ff0c}": mark(.comma)
    case ":", "(", ")", "[", "]", "\u{2013}", "\u{2014}", "-": mark(.pause)
    case "\"": quotation == nil ? openQuotation() : closeQuotation()
    case "\u{201c}", "\u{ab}", "\u{201e}": openQuotation()
    case "\u{201d}", "\u{bb}": closeQuotation()
    default: break
    }
  }

  private var isAtLineStart: Bool {
    position == 0 || scalars[position - 1] == "\n"
  }

  /// Lines that somebody else wrote (after a ">") and blocks of code say nothing of the speaker.
  private mutating func skipsLine() -> Bool {
    let isFence = (0..<3).allSatisfy { scalar(at: position + $0) == "`" }
    guard isInCode || isFence || scalars[position] == ">" else { return false }
    if isFence { isInCode.toggle() }
    quotation = nil
    endSentence(isQuestion: false)
    while position < scalars.count, scalars[position] != "\n" { position += 1 }
    position += 1
    return true
  }

  private mutating func endSentence(isQuestion: Bool) {
    if sentenceStart < tokens.count {
      sentences.append(Sentence(tokens: sentenceStart..<tokens.count, isQuestion: isQuestion))
    } else if isQuestion, let last = sentences.indices.last {
      sentences[last].isQuestion = true
    }
    sentenceStart = tokens.count
  }

  private mutating func mark(_ kind: RuleToken.Kind) {
    guard tokens.count > sentenceStart, tokens[tokens.count - 1].kind == .word else { return }
    tokens.append(RuleToken(kind: kind, word: "", range: position - 1..<position))
  }

  private mutating func openQuotation() { quotation = tokens.count }

  private mutating func closeQuotation() {
    for index in (quotation ?? tokens.count)..<tokens.count { tokens[index].isQuoted = true }
    quotation = nil
  }

  /// A point inside "3.5" is part of a word and never gets here.
  private func endsSentence(pointAt point: Int) -> Bool {
    guard let last = tokens.last, last.range.upperBound == point else { return true }
    return !RuleLexicon.abbreviations.contains(last.word)
      && !(last.word.utf8.count == 1 && last.isCapitalized && last.word != "i")
  }

  private mutating func readWord() {
    let start = position
    while position < scalars.count {
      let scalar = scalars[position]
      if Self.isWord(scalar) || joins(at: position) { position += 1 } else { break }
    }
    while "+#%".unicodeScalars.contains(scalar(at: position)) { position += 1 }
    append(start..<position)
  }

  /// True for a mark that stands inside a word: "left-handed", "don't", "ann@example.com", "3.5".
  private func joins(at position: Int) -> Bool {
    guard position + 1 < scalars.count, Self.isWord(scalars[position + 1]) else { return false }
    let before = scalars[position - 1]
    let after = scalars[position + 1]
    let areDigits = before.properties.numericType != nil && after.properties.numericType != nil
    switch scalars[position] {
    case "'", "\u{2019}", "-", "@", "_", "/", "&", "+": return true
    case ".":
      return areDigits || !(before.properties.isLowercase && after.properties.isUppercase)
    case ",", ":": return areDigits
    default: return false
    }
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
      return switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9": true
      default: false
      }
    }
    if scalar.properties.isAlphabetic || scalar.properties.numericType != nil { return true }
    return switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark: true
    default: false
    }
  }

  /// Appends the word, a contraction as the two words that it stands for.
  private mutating func append(_ range: Range<Int>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars[range])
    let isCapitalized = scalars[range.lowerBound].properties.isUppercase
    let word = RuleText.folded(String(view)).replacingOccurrences(of: "\u{2019}", with: "'")
    let (first, second, tail) = RuleLexicon.expanded(word)
    let middle = range.upperBound - min(tail, range.count)
    tokens.append(
      RuleToken(
        kind: .word, word: first, range: range.lowerBound..<middle, isCapitalized: isCapitalized))
    if let second {
      tokens.append(RuleToken(kind: .word, word: second, range: middle..<range.upperBound))
    }
  }
}
