/// How the value of a pattern is read from the words behind its head.
enum RuleValue: Sendable {
  /// A noun phrase of any kind.
  case thing
  /// Several of them: "tea, coffee and milk".
  case list
  /// What is written with a capital, by who writes capitals.
  case proper
  case place
  case name
  /// "I'm Ann": nothing but a name may follow.
  case personalName
  case date
  case year
  case age
  case measure([String])
  case oneOf([String])
  /// The head says it all.
  case fixed(String)
  /// The head says it all where nothing follows: "I don't drink".
  case bare(String)
  case occupation(needsArticle: Bool)
  case identity
  case field
  case study
  case preference
  case owned
  case possession
  case condition
  case goal
  case phrase
}

/// A value that was read.
struct RuleReading {
  /// The tokens that it was read from.
  var tokens: Range<Int>
  var value: String
  /// Where the words name an attribute of their own: "three brothers" is a number of brothers.
  var attribute: String?
}

/// Reads values from the tokens of one clause.
struct RuleValueReader {
  let tokens: [RuleToken]
  /// False for one who writes all in lower case: then no capital is asked for.
  let writesCapitals: Bool

  private static let wordsAtMost = 8

  func read(_ value: RuleValue, at start: Int) -> [RuleReading] {
    switch value {
    case .list: return list(at: start)
    case .preference: return preference(at: start).map { [$0] } ?? []
    default: return single(value, at: start).map { [$0] } ?? []
    }
  }

  private func single(_ value: RuleValue, at start: Int) -> RuleReading? {
    switch value {
    case .thing: return phrase(at: start, stops: Self.thingStops)
    case .proper: return properName(at: start)
    case .place: return place(at: start)
    case .name: return name(at: start)
    case .personalName: return personalName(at: start)
    case .date: return date(at: start)
    case .year: return year(at: start)
    case .age: return age(at: start)
    case .measure(let units): return measure(at: start, units: units)
    case .oneOf(let words): return oneOf(words, at: start)
    case .fixed(let value): return RuleReading(tokens: start..<start, value: value)
    case .bare(let value):
      return ends(at: start) ? RuleReading(tokens: start..<start, value: value) : nil
    case .occupation(let needsArticle): return occupation(at: start, needsArticle: needsArticle)
    case .identity: return identity(at: start)
    case .field:
      return isProper(start) && writesCapitals ? nil : phrase(at: start, stops: Self.thingStops)
    case .study:
      return determiners(at: start) > start ? nil : phrase(at: start, stops: Self.thingStops)
    case .owned: return owned(at: start)
    case .possession: return possession(at: start)
    case .condition:
      return phrase(at: start, stops: Self.thingStops).flatMap { found in
        words(found.tokens).contains { RuleLexicon.conditions.contains($0) } ? found : nil
      }
    case .goal: return goal(at: start)
    case .phrase: return phrase(at: start, stops: ["because"])
    case .list, .preference: return nil
    }
  }

  // MARK: Phrases

  private static let thingStops: Set<String> = [
    "at", "on", "for", "from", "with", "in", "every", "as", "by", "about", "to", "and", "that",
    "when", "or", "near", "like", "twice", "daily",
  ]
  private static let placeStops: Set<String> = [
    "for", "from", "with", "as", "about", "by", "and", "or", "in", "at", "on", "to", "together",
    "back", "permanently", "near",
  ]
  private static let listStops: Set<String> = [
    "at", "every", "as", "for", "that", "from", "twice", "daily", "but", "to",
  ]
  private static let ownedStops: Set<String> = [
    "at", "on", "for", "with", "from", "to", "that", "and", "every", "as", "or", "when",
  ]

  /// The words up to a stop, without the articles in front of them.
  func phrase(
    at start: Int, stops: Set<String>, atMost limit: Int = wordsAtMost
  ) -> RuleReading? {
    let first = determiners(at: start)
    guard first < tokens.count, !RuleLexicon.pointers.contains(tokens[first].word) else {
      return nil
    }
    var end = first
    while end < tokens.count, end - first < limit, tokens[end].kind == .word,
      !RuleLexicon.valueStops.contains(tokens[end].word), !stops.contains(tokens[end].word)
    { end += 1 }
    while end > first,
      ["really", "very", "too", "much", "also", "not", "well", "a", "lot", "still"]
        .contains(tokens[end - 1].word)
    { end -= 1 }
    guard end > first else { return nil }
    return RuleReading(tokens: first..<end, value: words(first..<end).joined(separator: " "))
  }

  private func determiners(at start: Int) -> Int {
    var index = start
    while index < tokens.count, RuleLexicon.determiners.contains(tokens[index].word) { index += 1 }
    return index
  }

  private func words(_ range: Range<Int>) -> [String] { tokens[range].map(\.word) }

  private func word(at index: Int) -> String? {
    tokens.indices.contains(index) ? tokens[index].word : nil
  }

  private func isProper(_ index: Int) -> Bool {
    tokens.indices.contains(index) && tokens[index].kind == .word
      && (tokens[index].isCapitalized || !writesCapitals)
  }

  /// True where the clause has said what it says.
  private func ends(at index: Int) -> Bool {
    guard let token = tokens.indices.contains(index) ? tokens[index] : nil else { return true }
    return token.kind != .word || RuleLexicon.valueStops.contains(token.word)
      || Self.thingStops.contains(token.word) || RuleLexicon.isAdverb(token.word)
      || RuleLexicon.numbers[token.word] != nil || token.word.first?.isNumber == true
      || ["not", "right", "myself", "near", "either", "years", "just", "any"].contains(token.word)
  }

  // MARK: Names and places

  private func properName(at start: Int) -> RuleReading? {
    let first = word(at: start) == "the" ? start + 1 : start
    guard isProper(first), !RuleLexicon.determiners.contains(tokens[first].word) else { return nil }
    guard writesCapitals else { return phrase(at: start, stops: Self.thingStops, atMost: 3) }
    var end = first
    while end < tokens.count, end - first < 5, tokens[end].kind == .word,
      tokens[end].isCapitalized || tokens[end].word.first?.isNumber == true && end > first
        || ["of", "the", "and", "de", "&"].contains(tokens[end].word) && isProper(end + 1)
    { end += 1 }
    return RuleReading(tokens: first..<end, value: words(first..<end).joined(separator: " "))
  }

  private func place(at start: Int) -> RuleReading? {
    let first = determiners(at: start)
    guard isProper(first), first == start || tokens[first].isCapitalized else { return nil }
    guard !["here", "there", "home", "fear", "peace"].contains(tokens[first].word) else {
      return nil
    }
    return phrase(at: start, stops: Self.placeStops, atMost: 5)
  }

  private func name(at start: Int) -> RuleReading? {
    guard start < tokens.count, tokens[start].kind == .word,
      !RuleLexicon.determiners.contains(tokens[start].word),
      !RuleLexicon.pointers.contains(tokens[start].word),
      !["back", "later", "when", "if", "at", "on"].contains(tokens[start].word)
    else { return nil }
    var end = start + 1
    while end < tokens.count, end - start < 4, tokens[end].kind == .word,
      tokens[start].isCapitalized, tokens[end].isCapitalized
    { end += 1 }
    return RuleReading(tokens: start..<end, value: words(start..<end).joined(separator: " "))
  }

  private func personalName(at start: Int) -> RuleReading? {
    guard start < tokens.count, tokens[start].isCapitalized, let name = name(at: start),
      name.tokens.count < 4, ends(at: name.tokens.upperBound),
      !RuleLexicon.chatter.contains(tokens[start].word),
      !RuleLexicon.passingStates.contains(tokens[start].word),
      !RuleLexicon.isAdverb(tokens[start].word), word(at: start) != "i",
      tokens[start].word.last?.isNumber == false
    else { return nil }
    return name
  }

  // MARK: Numbers and dates

  private func number(at index: Int) -> String? {
    guard let word = word(at: index) else { return nil }
    if let number = RuleLexicon.numbers[word] { return String(number) }
    return Int(word).map(String.init)
  }

  private func age(at start: Int) -> RuleReading? {
    guard let number = number(at: start), number.utf8.count < 4 else { return nil }
    let isOld = word(at: start + 1)?.hasPrefix("year") == true
    guard isOld || ends(at: start + 1) else { return nil }
    return RuleReading(tokens: start..<start + 1, value: number)
  }

  private func measure(at start: Int, units: [String]) -> RuleReading? {
    guard let word = word(at: start), word.first?.isNumber == true,
      let unit = self.word(at: start + 1), units.contains(unit)
    else { return nil }
    return RuleReading(tokens: start..<start + 2, value: word + " " + unit)
  }

  private func year(at start: Int) -> RuleReading? {
    guard let word = word(at: start), let year = Int(word), (1_900...2_100).contains(year) else {
      return nil
    }
    return RuleReading(tokens: start..<start + 1, value: word)
  }

  /// "4 May", "May 4th", "the 4th of May 1990": all of them "4 may", with the year behind it.
  func date(at start: Int) -> RuleReading? {
    var day: Int?
    var month: String?
    var year: String?
    var first: Int?
    var index = start
    while index < min(tokens.count, start + 8) {
      let word = tokens[index].word
      if let name = RuleLexicon.months[word], month == nil {
        month = name
      } else if let number = Self.day(word), day == nil {
        day = number
      } else if let found = self.year(at: index), month != nil {
        year = found.value
      } else if !["on", "the", "of", "in", ""].contains(word) {
        break
      } else {
        index += 1
        continue
      }
      first = first ?? index
      index += 1
    }
    guard let first, let month else { return nil }
    let value = [day.map(String.init), month, year].compactMap(\.self).joined(separator: " ")
    return RuleReading(tokens: first..<index, value: value)
  }

  private static func day(_ word: String) -> Int? {
    let digits = word.prefix(while: \.isNumber)
    guard ["", "st", "nd", "rd", "th"].contains(word.dropFirst(digits.count)),
      let day = Int(digits),
      (1...31).contains(day)
    else { return nil }
    return day
  }

  // MARK: What somebody is, has and wants

  private func oneOf(_ words: [String], at start: Int) -> RuleReading? {
    let first = ["a", "an"].contains(word(at: start)) ? start + 1 : start
    guard let word = word(at: first), words.contains(word), ends(at: first + 1) else { return nil }
    return RuleReading(tokens: first..<first + 1, value: word)
  }

  private func occupation(at start: Int, needsArticle: Bool) -> RuleReading? {
    let hasArticle = ["a", "an", "the"].contains(word(at: start))
    guard let found = phrase(at: start, stops: Self.thingStops.union(["of"]), atMost: 4),
      let head = words(found.tokens).last, !RuleLexicon.notOccupations.contains(head),
      RuleLexicon.relations[head] == nil || head == "teacher" || head == "doctor"
        || head == "manager" || head == "dentist" || head == "therapist"
    else { return nil }
    let isListed = RuleLexicon.occupations.contains(head)
    let isFormed = RuleLexicon.occupationEndings.contains {
      head.hasSuffix($0) && head.utf8.count > $0.utf8.count + 2
    }
    return isListed || isFormed && (hasArticle || !needsArticle) ? found : nil
  }

  private func identity(at start: Int) -> RuleReading? {
    guard let first = word(at: start), !["bit", "little", "lot", "mess", "wreck"].contains(first)
    else { return nil }
    return phrase(at: start, stops: ["and", "from", "at", "in", "on"])
  }

  private func owned(at start: Int) -> RuleReading? {
    guard var found = phrase(at: start, stops: Self.ownedStops) else { return nil }
    let words = words(found.tokens)
    guard !words.contains(where: RuleLexicon.passingThings.contains), words[0] != "lot",
      words[0] != "been", words[0] != "bit"
    else { return nil }
    if words.count > 1, let count = number(at: found.tokens.lowerBound) {
      let counted = words.dropFirst().prefix { $0 != "called" && $0 != "named" && $0 != "in" }
      found.attribute = "number of " + counted.joined(separator: " ")
      found.value = count
    }
    return found
  }

  private func possession(at start: Int) -> RuleReading? {
    guard let found = phrase(at: start, stops: Self.ownedStops), found.tokens.lowerBound > start
    else { return nil }
    let isLasting = words(found.tokens).contains(where: RuleLexicon.possessions.contains)
    return isLasting || tokens[found.tokens.lowerBound].isCapitalized ? owned(at: start) : nil
  }

  private static let goalVerbs: Set<String> = [
    "learn", "become", "visit", "travel", "move", "write", "build", "start", "buy", "study", "lose",
    "quit", "run", "retire", "own", "open", "found", "climb", "save", "master", "improve", "be",
    "adopt", "relocate", "emigrate", "publish", "finish", "graduate", "stop", "marry", "work",
    "live", "speak", "play", "race", "switch",
  ]

  private func goal(at start: Int) -> RuleReading? {
    guard let verb = word(at: start),
      Self.goalVerbs.contains(verb)
        || verb.hasSuffix("ing") && Self.goalVerbs.contains(RuleVerbs.verb(verb).lemma)
    else { return nil }
    return phrase(at: start, stops: ["because"])
  }

  /// "tea to coffee" is about the two; "aisle seats" is about seats; "tea" is one of many.
  private func preference(at start: Int) -> RuleReading? {
    let stops: Set<String> = ["to", "over", "when", "on", "for", "and", "at", "rather"]
    let start = word(at: start) == "to" ? start + 1 : start
    guard var found = phrase(at: start, stops: stops) else { return nil }
    let end = found.tokens.upperBound
    if ["to", "over"].contains(word(at: end)), let other = phrase(at: end + 1, stops: stops) {
      found.attribute =
        "preference of " + [found.value, other.value].sorted().joined(separator: " or ")
      found.tokens = found.tokens.lowerBound..<other.tokens.upperBound
    } else if found.tokens.count == 2, let head = words(found.tokens).last, !head.hasSuffix("ing"),
      !words(found.tokens)[0].hasSuffix("ing")
    {
      found.attribute = "preferred " + head
    }
    return found
  }

  // MARK: Lists

  private func list(at start: Int) -> [RuleReading] {
    var items: [RuleReading] = []
    var index = start
    while index < tokens.count, items.count < 20 {
      var itemStart = index
      if word(at: itemStart) == "to" { itemStart += 1 }
      if word(at: itemStart) == "a", ["little", "bit"].contains(word(at: itemStart + 1)) {
        itemStart += word(at: itemStart + 2) == "of" ? 3 : 2
      }
      guard let item = phrase(at: itemStart, stops: Self.listStops.union(["and", "or"])) else {
        break
      }
      items.append(item)
      index = item.tokens.upperBound
      let separator = index
      while index < tokens.count,
        tokens[index].kind == .comma || ["and", "or"].contains(tokens[index].word)
      { index += 1 }
      if index == separator { break }
    }
    return split(items)
  }

  /// Two words that are said together, or items too long to be told from clauses, are one value.
  private func split(_ items: [RuleReading]) -> [RuleReading] {
    guard items.count > 1, let first = items.first, let last = items.last else { return items }
    let values = items.map(\.value)
    let isOne =
      RuleLexicon.pairs.contains(values) || items.contains { $0.tokens.count > 3 }
    guard isOne else { return items }
    let all = first.tokens.lowerBound..<last.tokens.upperBound
    return [
      RuleReading(
        tokens: all,
        value: tokens[all].lazy.filter { $0.kind == .word }.map(\.word).joined(separator: " "))
    ]
  }
}
