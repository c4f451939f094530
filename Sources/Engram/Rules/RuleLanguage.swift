/// Tells sentences in other languages, which are kept as they are, from English ones.
enum RuleLanguage {
  private static let wordsAtLeast = 3
  private static let lettersAtLeast = 4

  /// True for a sentence of some length in another script, or one with no word that is English
  /// alone and with one that is common in another language.
  static func isForeign(_ tokens: ArraySlice<RuleToken>) -> Bool {
    var letters = 0
    var others = 0
    var words = 0
    var isMarked = false
    for token in tokens where token.kind == .word {
      words += 1
      for scalar in token.word.unicodeScalars where scalar.properties.isAlphabetic {
        letters += 1
        if scalar.value > 0x24f { others += 1 }
      }
      if RuleLexicon.english.contains(token.word) { return false }
      if RuleLexicon.foreign.contains(token.word) || token.word.dropFirst().first == "'" {
        isMarked = true
      }
    }
    if others >= lettersAtLeast, others * 2 > letters { return true }
    return words > wordsAtLeast && isMarked
  }
}
