/// One clause with its subject and predicate, ready to be matched.
struct RuleClause {
  var tokens: [RuleToken]
  var subject: RuleSubject
  /// Where the predicate begins.
  var predicateStart: Int
  /// Where the text of a fact begins; what is in front of the predicate is replaced by `prefix`,
  /// if there is one.
  var prefix: String?
  var predicate: RulePredicate
  var writesCapitals: Bool

  var reader: RuleValueReader {
    RuleValueReader(tokens: tokens, writesCapitals: writesCapitals)
  }

  func word(_ index: Int) -> String { tokens.indices.contains(index) ? tokens[index].word : "" }
}

/// What a pattern found in a clause.
struct RuleMatch {
  var attribute: RuleAttribute
  var subject: RuleSubject
  var reading: RuleReading
  /// What is said in front of the value, in parts where other words stand between.
  var head: [Range<Int>]
  var previousValue: String?
  /// The pattern is about what was: "used to".
  var isFormer = false
}

/// Matches a clause with the patterns of its verb.
struct RuleMatcher {
  let clause: RuleClause

  private static let gapAtMost = 12
  private static let goesOn: Set<String> = [
    "live", "reside", "work", "study", "use", "learn", "teach", "major", "code", "suffer", "attend",
    "plan",
    "hope",
  ]

  private static let nounChanges: Set<String> = [
    "change", "go", "increase", "decrease", "drop", "rise", "fall",
  ]
  private static let changes: Set<String> = ["switch", "migrate", "convert", "change", "move"]

  /// All that the clause says of known attributes; no two values from the same words.
  func matches() -> [RuleMatch] {
    if let noun = clause.subject.attribute { return nounMatch(noun).map { [$0] } ?? [] }
    if let change = nounChange() { return [change] }
    var found: [RuleMatch] = []
    for pattern in RulePattern.patterns(of: clause.predicate.lemma) {
      guard holds(pattern.aspect),
        !found.contains(where: { $0.attribute.name == pattern.attribute })
      else { continue }
      let new = match(pattern).filter { new in
        !found.contains { $0.reading.tokens.overlaps(new.reading.tokens) }
      }
      found += new
    }
    return found
  }

  /// True where what a pattern says holds now, going by the tense of the verb.
  private func holds(_ aspect: RulePattern.Aspect) -> Bool {
    let predicate = clause.predicate
    switch aspect {
    case .state, .progress:
      if predicate.isAhead || predicate.tense == .past { return predicate.isFormer }
      let lasts = clause.tokens.contains { ["since", "for", "always"].contains($0.word) }
      if predicate.isPerfect && !predicate.isNegated && !predicate.isBegun { return lasts }
      if predicate.isProgressive {
        return aspect == .progress || Self.goesOn.contains(predicate.lemma)
      }
      return true
    case .event:
      if predicate.isFormer || predicate.isAhead || predicate.isProgressive { return false }
      return predicate.lemma == "be" || predicate.isPerfect || predicate.tense == .past
        || !predicate.forms.isDisjoint(with: [.past, .participle])
    case .plan:
      return (predicate.isProgressive || predicate.isAhead) && predicate.tense == .present
    }
  }

  // MARK: Patterns

  private func match(_ pattern: RulePattern) -> [RuleMatch] {
    var found: [RuleMatch] = []
    _ = ends(of: pattern.head.dropFirst(), at: clause.predicate.complement, gap: nil) { end, gap in
      let readings = clause.reader.read(pattern.value, at: end)
      found = readings.map { reading in
        let attribute = RuleAttribute.named(reading.attribute ?? pattern.attribute)
        let head = gap.map { [0..<$0.lowerBound, $0.upperBound..<end] } ?? [0..<end]
        return RuleMatch(
          attribute: attribute, subject: clause.subject, reading: reading, head: head,
          previousValue: previous(before: reading.tokens.lowerBound),
          isFormer: clause.predicate.isFormer)
      }
      return !found.isEmpty
    }
    return found
  }

  /// Tries the places where the head may end, nearest first, until one is taken.
  private func ends(
    of elements: ArraySlice<RulePattern.Element>, at index: Int, gap: Range<Int>?,
    take: (Int, Range<Int>?) -> Bool
  ) -> Bool {
    guard let element = elements.first else { return take(index, gap) }
    let rest = elements.dropFirst()
    switch element {
    case .determiner:
      let isThere = RuleLexicon.determiners.contains(clause.word(index))
      return ends(of: rest, at: isThere ? index + 1 : index, gap: gap, take: take)
    case .word(let words):
      var index = index
      while index < clause.tokens.count, !words.contains(clause.word(index)),
        RuleLexicon.isAdverb(clause.word(index))
      { index += 1 }
      guard index < clause.tokens.count, words.contains(clause.word(index)),
        !clause.tokens[index].isQuoted
      else { return false }
      return ends(of: rest, at: index + 1, gap: gap, take: take)
    case .gap:
      for length in 0...Self.gapAtMost {
        let end = index + length
        guard end < clause.tokens.count else { return false }
        if length > 0,
          ["because", "when", "if", "that", "who", "which", "while", "and", "but"]
            .contains(clause.word(end - 1))
        {
          return false
        }
        let new = gap ?? (length > 0 ? index..<end : nil)
        if ends(of: rest, at: end, gap: new, take: take) { return true }
      }
      return false
    }
  }

  /// What stands behind "from", where the value is behind "to".
  private func previous(before end: Int) -> String? {
    let range = clause.predicate.verb..<max(clause.predicate.verb, min(end, clause.tokens.count))
    if clause.predicate.lemma == "replace" {
      return clause.reader.phrase(at: range.lowerBound + 1, stops: ["with", "by"])?.value
    }
    let all =
      Self.changes.contains(clause.predicate.lemma) ? range.lowerBound..<clause.tokens.count : range
    guard let from = all.first(where: { clause.word($0) == "from" }) else { return nil }
    return clause.reader.phrase(at: from + 1, stops: ["to", "into"])?.value
  }

  // MARK: Nouns

  /// "My shoe size is 42", "my address has changed to ..."
  private func nounMatch(_ attribute: String) -> RuleMatch? {
    let predicate = clause.predicate
    let isChange = Self.nounChanges.contains(predicate.lemma)
    guard predicate.tense == .present || predicate.isPerfect || isChange,
      !predicate.isProgressive, !predicate.isAhead, !predicate.isFormer,
      let noun = clause.subject.noun, !noun.contains(where: RuleLexicon.passingThings.contains)
    else { return nil }
    var start = predicate.complement
    if isChange {
      guard
        let to = clause.tokens.indices.dropFirst(start).first(where: { clause.word($0) == "to" })
      else { return nil }
      start = to + 1
    } else if predicate.lemma != "be" {
      return nil
    }
    while ["on", "in", "at", "called", "named", "spelled", "spelt"].contains(clause.word(start))
      || RuleLexicon.adverbs.contains(clause.word(start))
    { start += 1 }
    guard let reading = nounValue(attribute, at: start) else { return nil }
    let isTask = noun.contains(where: RuleLexicon.taskThings.contains)
    let first = clause.tokens[reading.tokens.lowerBound]
    guard !isTask || first.isCapitalized || first.word.first?.isNumber == true else { return nil }
    return RuleMatch(
      attribute: .named(attribute), subject: clause.subject, reading: reading, head: [0..<start],
      previousValue: previous(before: start))
  }

  private func nounValue(_ attribute: String, at start: Int) -> RuleReading? {
    if ["birthday", "anniversary"].contains(where: attribute.hasSuffix),
      let date = clause.reader.date(at: start)
    {
      return date
    }
    if clause.tokens.indices.contains(start), clause.tokens[start].isQuoted {
      let end = clause.tokens[start...].firstIndex { !$0.isQuoted } ?? clause.tokens.endIndex
      let words = clause.tokens[start..<end].lazy.filter { $0.kind == .word }.map(\.word)
      return RuleReading(tokens: start..<end, value: words.joined(separator: " "))
    }
    let reading = clause.reader.phrase(
      at: start, stops: attribute == "goal" ? [] : ["because", "that"])
    guard let reading, let first = clause.tokens[reading.tokens].first,
      !RuleLexicon.passingStates.contains(first.word),
      !RuleLexicon.passingTimes.contains(first.word)
    else { return nil }
    return reading
  }

  /// "I changed my email to ...", "we renamed our dog to ..."
  private func nounChange() -> RuleMatch? {
    let predicate = clause.predicate
    let start = predicate.verb + 1
    guard ["change", "rename", "switch", "update"].contains(predicate.lemma), holds(.event),
      ["my", "our", "his", "her", "their"].contains(clause.word(start))
    else { return nil }
    let words = clause.tokens[(start + 1)...].prefix(5).map(\.word).prefix {
      $0 != "to" && $0 != "from"
    }
    let nounEnd = start + 1 + words.count
    guard let last = words.last,
      let to = clause.tokens.indices.dropFirst(nounEnd).prefix(10).first(where: {
        clause.word($0) == "to"
      }),
      let reading = clause.reader.phrase(at: to + 1, stops: [])
    else { return nil }
    var subject = clause.subject
    if let relation = RuleLexicon.relations[last] {
      subject.owner += "'s " + (words.dropLast() + [relation]).joined(separator: " ")
      subject.noun = ["name"]
    } else {
      subject.noun = Array(words)
    }
    let attribute = subject.attribute ?? "name"
    return RuleMatch(
      attribute: .named(attribute), subject: subject, reading: reading, head: [0..<to + 1],
      previousValue: previous(before: reading.tokens.lowerBound))
  }
}
