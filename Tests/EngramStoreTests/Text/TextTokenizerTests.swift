import GRDB
import Testing

@testable import EngramStore

@Suite struct TextTokenizerTests {
  private func terms(_ text: String) -> [String] { TextTokenizer().terms(of: text) }

  private func terms(ofBytes bytes: [UInt8]) -> [[UInt8]] {
    var terms: [[UInt8]] = []
    bytes.withUnsafeBufferPointer { TextTokenizer().forEachTerm(of: $0) { terms.append(Array($0)) } }
    return terms
  }

  @Test func words() {
    #expect(terms("") == [] && terms(" \0\n—…!?\u{FEFF}") == [])
    #expect(terms("Hello, WORLD 42 x86_64 3.14") == ["hello", "world", "42", "x86", "64", "3", "14"])
    #expect(terms("Crème Brûlée ÀÉÎÕÜ ŠŽČ ǍǕ ẤỆ") == ["creme", "brule", "aeiou", "szc", "au", "ae"])
    #expect(terms("Cre\u{300}me") == ["creme"])
    #expect(terms("ΑΘΉΝΑ Ёлка straße İstanbul") == ["αθηνα", "елка", "straße", "istanbul"])
    #expect(terms("ＡＢＣ１２３ 🎉party🎉") == ["abc123", "parti"])
    #expect(terms("שָׁלוֹם مُحَمَّد") == ["שלום", "محمد"])
    #expect(terms("हिन्दी") == ["हिन्दी"])
  }

  @Test func apostrophes() {
    #expect(
      terms("Anna's don’t we'll I'm they've you're she'd") == [
        "anna", "don", "we", "i", "thei", "you", "she",
      ])
    #expect(
      terms("l'amour O'Brien rock 'n' roll 's d'Artagnan") == [
        "l", "amour", "o", "brien", "rock", "n", "roll", "s", "d", "artagnan",
      ])
    #expect(terms("a' s re-ve t'") == ["a", "s", "re", "ve", "t"])
  }

  @Test func scriptsWithoutSpaces() {
    #expect(terms("黒猫です") == ["黒", "黒猫", "猫", "猫で", "です"])
    #expect(terms("猫") == ["猫"] && terms("か") == ["か"])
    #expect(terms("한국어 글") == ["한국", "국어", "글"])
    #expect(terms("ไทย") == ["ไท", "ทย"])
    #expect(terms("東京Tower 2024年") == ["東", "東京", "京", "tower", "2024", "年"])
    // Every word of a text without spaces is found by its own terms.
    let text = Set(terms("私は昨日東京タワーへ行きました"))
    for word in ["東京", "タワー", "昨日", "私", "行きました"] {
      #expect(Set(terms(word)).isSubset(of: text))
    }
  }

  @Test func longWordsAreCut() {
    #expect(terms(String(repeating: "9", count: 200)) == [String(repeating: "9", count: 64)])
    #expect(terms("1" + String(repeating: "é漢", count: 1)) == ["1e", "漢"])
    // A letter of two bytes that does not fit in ends the word, whatever follows.
    let letters = String(repeating: "9", count: 63)
    #expect(terms(letters + "ñß7") == [letters + "n"] && terms(letters + "ßa7") == [letters])
  }

  @Test func stems() {
    // From the paper.
    let pairs = [
      ("caresses", "caress"), ("ponies", "poni"), ("ties", "ti"), ("caress", "caress"),
      ("cats", "cat"), ("feed", "feed"), ("agreed", "agre"), ("plastered", "plaster"),
      ("bled", "bled"), ("motoring", "motor"), ("sing", "sing"), ("conflated", "conflat"),
      ("troubled", "troubl"), ("sized", "size"), ("hopping", "hop"), ("tanned", "tan"),
      ("falling", "fall"), ("hissing", "hiss"), ("fizzed", "fizz"), ("failing", "fail"),
      ("filing", "file"), ("happy", "happi"), ("sky", "sky"), ("relational", "relat"),
      ("conditional", "condit"), ("rational", "ration"), ("valenci", "valenc"),
      ("digitizer", "digit"), ("radically", "radic"), ("differently", "differ"),
      ("vietnamization", "vietnam"), ("predication", "predic"), ("operator", "oper"),
      ("feudalism", "feudal"), ("decisiveness", "decis"), ("hopefulness", "hope"),
      ("callousness", "callous"), ("formality", "formal"), ("sensitivity", "sensit"),
      ("sensibility", "sensibl"), ("triplicate", "triplic"), ("formative", "form"),
      ("formalize", "formal"), ("electrical", "electr"), ("goodness", "good"),
      ("revival", "reviv"), ("allowance", "allow"), ("inference", "infer"), ("airliner", "airlin"),
      ("adjustable", "adjust"), ("defensible", "defens"), ("irritant", "irrit"),
      ("replacement", "replac"), ("adjustment", "adjust"), ("dependent", "depend"),
      ("adoption", "adopt"), ("communism", "commun"), ("activate", "activ"),
      ("effective", "effect"), ("bowdlerize", "bowdler"), ("probate", "probat"), ("rate", "rate"),
      ("cease", "ceas"), ("controlling", "control"), ("rolling", "roll"),
      ("generalizations", "gener"), ("oscillators", "oscil"), ("is", "is"), ("apology", "apolog"),
    ]
    for (word, stem) in pairs { #expect(terms(word) == [stem]) }
  }

  /// Words put together of syllables and endings get the stems that SQLite's own stemmer gives them.
  @Test func stemsAreThoseOfSQLite() throws {
    let starts = ["", "re", "un", "sky", "tr", "con", "b", "app", "yell", "oo", "st", "a", "ho"]
    let middles = ["", "lat", "miss", "pp", "ll", "y", "ction", "e", "fix", "iz", "bl", "ee", "cow"]
    let ends = [
      "", "s", "ed", "ing", "ies", "eed", "ational", "tional", "enci", "anci", "izer", "ably",
      "ally", "ently", "ely", "ously", "ization", "ation", "ator", "alism", "iveness", "fulness",
      "ousness", "ality", "ivity", "bility", "logy", "icate", "ative", "alize", "icity", "ical",
      "ful", "ness", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent",
      "sion", "tion", "ion", "ou", "ism", "ate", "ity", "ous", "ive", "ize", "ll", "lle", "y", "ie",
      "sses", "e",
    ]
    var words: [String] = []
    var generator = Generator(seed: 560)
    for start in starts {
      for middle in middles { for end in ends { words.append(start + middle + end) } }
    }
    for _ in 0..<3_000 {
      let parts = [starts, middles, middles, ends, ends]
      words.append(parts.map { $0.randomElement(using: &generator) ?? "" }.joined())
    }
    // SQLite takes no suffix that is the whole word, and the rest of it then.
    words = words.filter { !$0.isEmpty && !["ies", "eed", "sses"].contains($0) }
    let expected = try DatabaseQueue().write { database in
      try database.execute(
        sql: """
          CREATE VIRTUAL TABLE words USING fts5(word, tokenize = 'porter unicode61');
          CREATE VIRTUAL TABLE terms USING fts5vocab(words, instance);
          """)
      for (row, word) in words.enumerated() {
        try database.execute(
          sql: "INSERT INTO words(rowid, word) VALUES (?, ?)", arguments: [row, word])
      }
      return try String.fetchAll(database, sql: "SELECT term FROM terms ORDER BY doc")
    }
    #expect(expected.count == words.count)
    let different = zip(words, expected).filter { terms($0) != [$1] }
    #expect(different.isEmpty, "\(different.prefix(5))")
  }

  /// Texts of letters of many kinds.
  private func text(_ generator: inout Generator) -> String {
    let alphabet = Array("abyzEST's’ 0９é\u{301}ßЖ猫です한ไท🎉-\0\u{FFFD}ﬁİ\u{2028}")
    return String(
      (0..<Int.random(in: 0...60, using: &generator)).map { _ in
        alphabet.randomElement(using: &generator) ?? "a"
      })
  }

  @Test func aSpaceStandsBetweenTerms() {
    var generator = Generator(seed: 570)
    for _ in 0..<2_000 {
      let (a, b) = (text(&generator), text(&generator))
      #expect(terms(a + " " + b) == terms(a) + terms(b))
      #expect(terms(a.uppercased()) == terms(a.uppercased().lowercased()))
      // Terms are terms again, up to their endings.
      for term in terms(a) {
        #expect(!term.isEmpty && term.utf8.count <= 64)
        #expect(terms(term).joined().count <= 2 * term.count)
      }
    }
  }

  @Test func anyBytes() {
    var generator = Generator(seed: 580)
    for _ in 0..<3_000 {
      // Mostly bytes that begin or go on with a character of several.
      let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        generator.oneIn(3)
          ? UInt8.random(in: 0...255, using: &generator)
          : UInt8.random(in: 0x80...0xFF, using: &generator)
      }
      for term in terms(ofBytes: bytes) {
        #expect(!term.isEmpty && term.count <= 64)
        #expect(String(validating: term, as: UTF8.self) != nil)
      }
      #expect(terms(ofBytes: bytes + [0x20] + bytes) == terms(ofBytes: bytes) + terms(ofBytes: bytes))
    }
  }
}
