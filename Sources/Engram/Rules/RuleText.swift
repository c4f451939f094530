import Foundation

/// Words as the rules compare them.
enum RuleText {
  /// Lower case, without diacritics and differences of width.
  static func folded(_ word: String) -> String {
    if word.utf8.allSatisfy({ $0 < 0x80 }) { return word.lowercased() }
    return word.folding(
      options: [.caseInsensitive, .diacriticInsensitive, .widthInsensitive], locale: nil)
  }

  /// The words of a text in a row: no case, punctuation, diacritics or contractions.
  static func normalized(_ text: String) -> String {
    RuleTokens(text).tokens.lazy.filter { $0.kind == .word }.map(\.word).joined(separator: " ")
  }

  /// The word without the endings of English nouns and verbs, cut roughly: two words of one stem
  /// are taken for forms of one word.
  static func stem(_ word: String) -> String {
    var stem = Substring(word)
    if stem.hasSuffix("ies"), stem.count > 4 { return stem.dropLast(3) + "y" }
    for ending in ["ing", "ed", "es", "s"] where stem.hasSuffix(ending) {
      let rest = stem.dropLast(ending.count)
      guard rest.count > 2, !rest.hasSuffix("s") || ending == "es" else { continue }
      stem = rest
      break
    }
    if stem.hasSuffix("e"), stem.count > 3 { stem = stem.dropLast() }
    if let last = stem.last, stem.count > 3, stem.dropLast().last == last { stem = stem.dropLast() }
    return String(stem)
  }
}
