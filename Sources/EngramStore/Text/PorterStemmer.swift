/// Takes the endings off English words, so that "connect", "connected" and "connections" are one term
/// (Porter, An algorithm for suffix stripping, 1980; with the three changes that its author made later:
/// words of two letters stay, `bli` becomes `ble` and `logi` becomes `log`).
struct PorterStemmer {
  /// The letters a to z, changed in place.
  private let letters: UnsafeMutablePointer<UInt8>
  private var count: Int
  /// A bit for each letter that is a consonant; what lies behind `count` means nothing.
  private var consonants: UInt64 = 0

  /// The longest word, for a bit each.
  static let lettersMax = 64

  /// Stems a word of at most `lettersMax` letters a to z in place; how many letters are left.
  static func stem(_ letters: UnsafeMutablePointer<UInt8>, count: Int) -> Int {
    guard count > 2 else { return count }
    var word = PorterStemmer(letters: letters, count: count)
    word.classify(from: 0)
    word.takePlural()
    word.takePastAndGerund()
    word.turnY()
    word.apply(Self.doubleSuffixes, longerThan: 0)
    word.apply(Self.plainSuffixes, longerThan: 0)
    word.apply(Self.lastSuffixes, longerThan: 1)
    word.tidy()
    return word.count
  }

  private init(letters: UnsafeMutablePointer<UInt8>, count: Int) {
    self.letters = letters
    self.count = count
  }

  private mutating func classify(from first: Int) {
    for index in first..<count {
      let isConsonant =
        switch letters[index] {
        case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"),
          UInt8(ascii: "u"):
          false
        case UInt8(ascii: "y"): index == 0 || !self.isConsonant(index - 1)
        default: true
        }
      let bit = UInt64(1) << UInt64(index)
      if isConsonant { consonants |= bit } else { consonants &= ~bit }
    }
  }

  // MARK: Conditions on the first letters, the stem

  private func isConsonant(_ index: Int) -> Bool { consonants >> UInt64(index) & 1 != 0 }

  /// Porter's m: how often a vowel is followed by a consonant.
  private func measure(_ stem: Int) -> Int {
    guard stem > 1 else { return 0 }
    let pairs = ~consonants & (consonants >> 1)
    return (pairs & (1 << UInt64(stem - 1) - 1)).nonzeroBitCount
  }

  private func hasVowel(_ stem: Int) -> Bool {
    ~consonants & (1 << UInt64(stem) &- 1) != 0
  }

  private func endsInDouble(_ stem: Int) -> Bool {
    stem > 1 && letters[stem - 1] == letters[stem - 2] && isConsonant(stem - 1)
  }

  /// Consonant, vowel, consonant, the last of which is not w, x or y: "hop", not "snow".
  private func endsShort(_ stem: Int) -> Bool {
    guard stem > 2, isConsonant(stem - 1), !isConsonant(stem - 2), isConsonant(stem - 3) else {
      return false
    }
    let last = letters[stem - 1]
    return last != UInt8(ascii: "w") && last != UInt8(ascii: "x") && last != UInt8(ascii: "y")
  }

  // MARK: Suffixes

  /// Up to eight letters as a number, the last one lowest.
  private struct Suffix {
    let code: UInt64
    let count: Int

    init(_ text: StaticString) {
      count = text.utf8CodeUnitCount
      code = text.withUTF8Buffer { $0.reduce(0) { $0 << 8 | UInt64($1) } }
    }

    var mask: UInt64 { 1 << UInt64(8 * count) - 1 }
  }

  private struct Rule {
    let suffix: Suffix
    let replacement: Suffix

    init(_ suffix: StaticString, _ replacement: StaticString = "") {
      self.suffix = Suffix(suffix)
      self.replacement = Suffix(replacement)
    }
  }

  /// The last letters as a `Suffix` has them.
  private var ending: UInt64 {
    var code: UInt64 = 0
    for index in max(count - 8, 0)..<count { code = code << 8 | UInt64(letters[index]) }
    return code
  }

  private func ends(with suffix: Suffix, _ ending: UInt64) -> Bool {
    ending & suffix.mask == suffix.code && count >= suffix.count
  }

  private mutating func replace(_ length: Int, by replacement: Suffix) {
    let stem = count - length
    count = stem + replacement.count
    for index in 0..<replacement.count {
      letters[count - 1 - index] = UInt8(truncatingIfNeeded: replacement.code >> UInt64(8 * index))
    }
    classify(from: stem)
  }

  // MARK: Steps

  private static let (sses, ies, ss, s) = (Suffix("sses"), Suffix("ies"), Suffix("ss"), Suffix("s"))
  private static let (eed, ed, ing) = (Suffix("eed"), Suffix("ed"), Suffix("ing"))
  private static let (at, bl, iz) = (Suffix("at"), Suffix("bl"), Suffix("iz"))
  private static let (e, i, nothing) = (Suffix("e"), Suffix("i"), Suffix(""))

  /// Step 1a.
  private mutating func takePlural() {
    guard letters[count - 1] == UInt8(ascii: "s") else { return }
    let ending = ending
    if ends(with: Self.sses, ending) || ends(with: Self.ies, ending) {
      count -= 2
    } else if !ends(with: Self.ss, ending) {
      count -= 1
    }
  }

  /// Step 1b.
  private mutating func takePastAndGerund() {
    let ending = ending
    let suffix: Suffix
    if ends(with: Self.eed, ending) {
      if measure(count - 3) > 0 { count -= 1 }
      return
    } else if ends(with: Self.ed, ending) {
      suffix = Self.ed
    } else if ends(with: Self.ing, ending) {
      suffix = Self.ing
    } else {
      return
    }
    guard hasVowel(count - suffix.count) else { return }
    count -= suffix.count
    let rest = self.ending
    if ends(with: Self.at, rest) || ends(with: Self.bl, rest) || ends(with: Self.iz, rest) {
      replace(0, by: Self.e)
    } else if endsInDouble(count) {
      let last = letters[count - 1]
      if last != UInt8(ascii: "l"), last != UInt8(ascii: "s"), last != UInt8(ascii: "z") {
        count -= 1
      }
    } else if measure(count) == 1, endsShort(count) {
      replace(0, by: Self.e)
    }
  }

  /// Step 1c.
  private mutating func turnY() {
    if letters[count - 1] == UInt8(ascii: "y"), hasVowel(count - 1) { replace(1, by: Self.i) }
  }

  /// Steps 2 to 4: the longest suffix that the word has, where enough stands before it.
  private mutating func apply(_ rules: [Rule], longerThan least: Int) {
    let ending = ending
    for rule in rules where ends(with: rule.suffix, ending) {
      let stem = count - rule.suffix.count
      guard measure(stem) > least else { return }
      // "adoption", not "champion".
      if rule.suffix.code == Self.ion.code, stem == 0 || !isAdoption(stem) { return }
      replace(rule.suffix.count, by: rule.replacement)
      return
    }
  }

  private static let ion = Suffix("ion")

  private func isAdoption(_ stem: Int) -> Bool {
    letters[stem - 1] == UInt8(ascii: "s") || letters[stem - 1] == UInt8(ascii: "t")
  }

  /// Step 2. A suffix comes before those that it ends in.
  private static let doubleSuffixes = [
    Rule("ational", "ate"), Rule("tional", "tion"), Rule("enci", "ence"), Rule("anci", "ance"),
    Rule("izer", "ize"), Rule("bli", "ble"), Rule("alli", "al"), Rule("entli", "ent"),
    Rule("eli", "e"), Rule("ousli", "ous"), Rule("ization", "ize"), Rule("ation", "ate"),
    Rule("ator", "ate"), Rule("alism", "al"), Rule("iveness", "ive"), Rule("fulness", "ful"),
    Rule("ousness", "ous"), Rule("aliti", "al"), Rule("iviti", "ive"), Rule("biliti", "ble"),
    Rule("logi", "log"),
  ]

  /// Step 3.
  private static let plainSuffixes = [
    Rule("icate", "ic"), Rule("ative"), Rule("alize", "al"), Rule("iciti", "ic"),
    Rule("ical", "ic"), Rule("ful"), Rule("ness"),
  ]

  /// Step 4.
  private static let lastSuffixes = [
    Rule("al"), Rule("ance"), Rule("ence"), Rule("er"), Rule("ic"), Rule("able"), Rule("ible"),
    Rule("ant"), Rule("ement"), Rule("ment"), Rule("ent"), Rule("ion"), Rule("ou"), Rule("ism"),
    Rule("ate"), Rule("iti"), Rule("ous"), Rule("ive"), Rule("ize"),
  ]

  /// Step 5.
  private mutating func tidy() {
    if letters[count - 1] == UInt8(ascii: "e") {
      let measure = measure(count - 1)
      if measure > 1 || measure == 1 && !endsShort(count - 1) { count -= 1 }
    }
    if letters[count - 1] == UInt8(ascii: "l"), endsInDouble(count), measure(count) > 1 {
      count -= 1
    }
  }
}
