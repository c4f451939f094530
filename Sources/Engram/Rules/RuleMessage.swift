/// One message while it is read, sentence by sentence.
struct RuleMessage {
  private(set) var facts: [RuleFact] = []
  private(set) var salience = 0.0
  private let source: RuleTokens
  private let previous: ArraySlice<RuleFact>
  private var subjects: RuleSubjectReader
  private var seen: Set<RuleFactKey> = []

  /// "No, I meant ..." reaches back this far.
  private static let correctableAtMost = 16
  private static let wordsAtMost = 60
  private static let guessed = 0.25
  private static let passing = 0.1

  private struct RuleFactKey: Hashable {
    var slot: Slot?
    var value: String?
    var text: String
    var kind: RuleFact.Kind
  }

  init(_ text: String, after previous: [RuleFact]) {
    source = RuleTokens(text)
    self.previous = previous.suffix(Self.correctableAtMost)
    subjects = RuleSubjectReader(source: source)
  }

  mutating func read() {
    for sentence in source.sentences { read(sentence) }
    mergeDenials()
  }

  private mutating func read(_ sentence: RuleTokens.Sentence) {
    let tokens = source.tokens[sentence.tokens]
    let fragments = RuleFragments.of(tokens)
    if !tokens.allSatisfy({ RuleLexicon.chatter.contains($0.word) }) { note(Self.passing) }
    if sentence.isQuestion, !fragments.contains(where: { $0.role == .question }) { return }
    if RuleLanguage.isForeign(tokens) {
      if !sentence.isQuestion { keep(RuleFact(text: source.text(span(tokens)), importance: 0.3)) }
      return
    }
    let writesCapitals = tokens.first { $0.kind == .word }?.isCapitalized == true
    var carried: RuleSubject?
    let before = facts.count
    for (index, fragment) in fragments.enumerated() {
      switch fragment.role {
      case .question, .supposition: return
      case .contrast: contrast(fragment, sinceFact: before)
      case .statement, .withdrawal:
        if isFiction(fragment.tokens) { return }
        let follower = index + 1 < fragments.count ? fragments[index + 1] : nil
        if correct(fragment, contrast: follower?.role == .contrast ? follower : nil) { continue }
        if let inverse = inverse(fragment) {
          keep(inverse)
          continue
        }
        guard let clause = clause(fragment, carried: carried, writesCapitals: writesCapitals) else {
          continue
        }
        carried = clause.subject.noun == nil ? clause.subject : carried
        if clause.subject.owner != "user" {
          subjects.lastPerson = RuleSubject(
            owner: clause.subject.owner, noun: nil, surface: ownerSurface(clause.subject))
        }
        for fact in self.facts(of: clause) {
          keep(fragment.role == .withdrawal ? withdrawn(fact) : fact)
        }
      }
    }
  }

  private mutating func note(_ score: Double) { salience = max(salience, score) }

  private mutating func keep(_ fact: RuleFact) {
    let key = RuleFactKey(
      slot: fact.slot, value: fact.value, text: fact.slot == nil ? fact.text : "", kind: fact.kind)
    guard seen.insert(key).inserted else { return }
    note(fact.importance)
    facts.append(fact)
  }

  private func span(_ tokens: ArraySlice<RuleToken>) -> Range<Int> {
    guard let first = tokens.first, let last = tokens.last else { return 0..<0 }
    return first.range.lowerBound..<last.range.upperBound
  }

  private func ownerSurface(_ subject: RuleSubject) -> String {
    guard let noun = subject.noun else { return subject.surface }
    let words = subject.surface.split(separator: " ").dropLast(noun.count).joined(separator: " ")
    return words.hasSuffix("'s") ? String(words.dropLast(2)) : words
  }

  // MARK: Clauses

  private static let adverbialStarts: Set<String> = [
    "in", "on", "at", "since", "for", "after", "before", "during", "from", "every", "last", "as",
    "by", "most", "these", "this", "next", "now", "today", "yesterday", "until", "nowadays",
    "currently", "usually", "sometimes", "recently", "as", "with", "apart", "besides", "here",
  ]

  private func isFiction(_ tokens: ArraySlice<RuleToken>) -> Bool {
    guard let first = tokens.first, Self.adverbialStarts.contains(first.word) else { return false }
    return tokens.prefix(6).contains { RuleLexicon.fictions.contains($0.word) }
  }

  private func clause(
    _ fragment: RuleFragment, carried: RuleSubject?, writesCapitals: Bool
  ) -> RuleClause? {
    let tokens = fragment.tokens
    guard let first = tokens.first else { return nil }
    var start = tokens.startIndex
    if Self.adverbialStarts.contains(first.word) {
      start = tokens.prefix(8).firstIndex { ["i", "we", "my", "our"].contains($0.word) } ?? start
    }
    if let (subject, predicate) = subjects.subject(in: tokens[start...]) {
      let isPronoun = ["he", "she", "they", "it", "his", "her", "their", "its"].contains(
        tokens[start].word)
      return clause(
        isPronoun ? tokens[predicate...] : tokens, subject, predicate: predicate,
        prefix: isPronoun ? subject.surface : nil, writesCapitals: writesCapitals)
    }
    if first.word == "call", tokens.dropFirst().first?.word == "me" {
      let user = RuleSubject(owner: "user", noun: nil, surface: "I")
      return clause(tokens, user, predicate: start, prefix: nil, writesCapitals: writesCapitals)
    }
    guard let carried, fragment.isJoined, RuleFragments.startsPredicate(tokens) else { return nil }
    return clause(
      tokens, carried, predicate: start, prefix: carried.surface, writesCapitals: writesCapitals)
  }

  private func clause(
    _ slice: ArraySlice<RuleToken>, _ subject: RuleSubject, predicate: Int, prefix: String?,
    writesCapitals: Bool
  ) -> RuleClause? {
    let tokens = Array(slice)
    let start = predicate - slice.startIndex
    guard let predicate = RulePredicate(tokens, from: start) else { return nil }
    return RuleClause(
      tokens: tokens, subject: subject, predicateStart: start, prefix: prefix,
      predicate: predicate, writesCapitals: writesCapitals)
  }

  private func text(_ parts: [Range<Int>], of clause: RuleClause) -> String {
    let texts = parts.filter { !$0.isEmpty }.map { source.text(span(clause.tokens[$0])) }
    let text = texts.joined(separator: " ")
    guard let prefix = clause.prefix else { return text }
    return text.hasPrefix("'") || text.hasPrefix("\u{2019}") ? prefix + text : prefix + " " + text
  }

  // MARK: Facts of a clause

  private mutating func facts(of clause: RuleClause) -> [RuleFact] {
    guard !clause.predicate.isDoubtful else {
      note(Self.guessed)
      return []
    }
    let matches = isOfToday(clause) ? [] : RuleMatcher(clause: clause).matches()
    if matches.isEmpty { return unmatched(clause).map { [$0] } ?? [] }
    return matches.map { match in
      let whole = [0..<clause.tokens.count]
      let parts =
        matches.count == 1 ? whole : match.head + [withArticle(match.reading.tokens, in: clause)]
      return fact(match, text: text(parts, of: clause), predicate: clause.predicate)
    }
  }

  private func withArticle(_ value: Range<Int>, in clause: RuleClause) -> Range<Int> {
    var start = value.lowerBound
    while start > 0, RuleLexicon.determiners.contains(clause.word(start - 1)) { start -= 1 }
    return start..<value.upperBound
  }

  private func fact(_ match: RuleMatch, text: String, predicate: RulePredicate) -> RuleFact {
    var attribute = match.attribute
    var kind = RuleFact.Kind.state
    if match.isFormer {
      kind = .retraction
    } else if predicate.isNegated {
      if let negative = attribute.negative {
        attribute = .named(negative)
      } else {
        kind = .retraction
      }
    }
    let share = match.subject.owner == "user" ? 1 : 0.8
    return RuleFact(
      text: text, kind: kind, slot: Slot(subject: match.subject.owner, attribute: attribute.name),
      value: match.reading.value, previousValue: match.previousValue,
      isSingleValued: attribute.isSingleValued, importance: attribute.importance * share)
  }

  /// A state that is said to be one of the day: "I'm eating meat today".
  private func isOfToday(_ clause: RuleClause) -> Bool {
    let predicate = clause.predicate
    guard predicate.tense == .present, !predicate.isPerfect, !predicate.isOver,
      predicate.forms.isDisjoint(with: [.past])
    else { return false }
    let words = clause.tokens.map(\.word)
    guard !words.contains(where: RuleLexicon.lastingTimes.contains) else { return false }
    return words.contains(where: ["today", "tonight", "moment", "tomorrow", "later"].contains)
      || zip(words, words.dropFirst()).contains { $0 == "right" && $1 == "now" }
  }

  /// What no pattern knows is kept as it was said, if it is about more than the day and the
  /// conversation.
  private mutating func unmatched(_ clause: RuleClause) -> RuleFact? {
    let predicate = clause.predicate
    let words = clause.tokens.lazy.filter { $0.kind == .word }.map(\.word)
    let rest = clause.tokens[min(predicate.verb + 1, clause.tokens.count)...].map(\.word)
    guard (3...Self.wordsAtMost).contains(words.count + (clause.prefix == nil ? 0 : 1)),
      !RuleLexicon.passingVerbs.contains(predicate.lemma) || isHabit(clause, rest: rest),
      !pointsAtConversation(words: Array(words)), !isOfToday(clause),
      !isPassing(clause, rest: rest), isLasting(clause, rest: rest)
    else { return nil }
    let share = clause.subject.isUser ? 0.4 : 0.35
    return RuleFact(
      text: text([0..<clause.tokens.count], of: clause),
      kind: predicate.isOver ? .retraction : .state, importance: share)
  }

  private func isHabit(_ clause: RuleClause, rest: [String]) -> Bool {
    ["get", "go", "come", "look", "need"].contains(clause.predicate.lemma)
      && clause.predicate.tense == .present && !clause.predicate.isProgressive
      && !clause.predicate.isPerfect && (clause.predicate.lemma != "need" || rest.contains("every"))
      && (!["a", "an", "the", "to"].contains(rest.first ?? "a")
        || rest.contains(where: RuleLexicon.lastingTimes.contains))
      || isDated(rest)
  }

  private func isDated(_ rest: [String]) -> Bool {
    zip(rest, rest.dropFirst()).contains { first, second in
      first == "in" && Int(second).map { (1_000...2_100).contains($0) } == true
        || first == "last" && second == "year"
        || second == "ago" && ["years", "year"].contains(first)
    }
  }

  private func pointsAtConversation(words: [String]) -> Bool {
    for (index, word) in words.enumerated() where RuleLexicon.pointers.contains(word) {
      let next = index + 1 < words.count ? words[index + 1] : ""
      if word == "it", ["when", "if"].contains(next) { continue }
      if word == "that", index > 3 { continue }
      return true
    }
    return false
  }

  private func isPassing(_ clause: RuleClause, rest: [String]) -> Bool {
    let isTask = (rest + (clause.subject.noun ?? [])).contains(
      where: RuleLexicon.taskThings.contains)
    let isAnchored = rest.contains(where: RuleLexicon.lastingTimes.contains) || isDated(rest)
    if isTask, !isAnchored { return true }
    if rest.contains(where: RuleLexicon.passingThings.contains), !isAnchored { return true }
    if clause.predicate.isNegated, clause.predicate.tense == .past { return true }
    return rest.contains(where: RuleLexicon.passingTimes.contains)
      && !rest.contains(where: RuleLexicon.lastingTimes.contains)
      || ["hurt", "kill", "crash", "fail"].contains(clause.predicate.lemma) && !isAnchored
  }

  /// A habit, what goes on for long, or a date of a life.
  private func isLasting(_ clause: RuleClause, rest: [String]) -> Bool {
    let predicate = clause.predicate
    let lasts = rest.contains { ["since", "years", "always", "ever"].contains($0) }
    if predicate.isFormer { return true }
    if predicate.isAhead { return false }
    if predicate.lemma == "be" {
      return predicate.isNegated && predicate.isOver || predicate.tense == .past && isDated(rest)
        || rest.contains(where: ["always", "never", "often", "usually", "every"].contains)
        || clause.tokens.contains { ["always", "never", "often", "usually"].contains($0.word) }
    }
    if predicate.isProgressive { return predicate.isPerfect && (lasts || rest.contains("for")) }
    if predicate.tense == .past || predicate.isPerfect {
      return lasts || isDated(rest) || RuleLexicon.lifeVerbs.contains(predicate.lemma)
        || zip(rest, rest.dropFirst()).contains {
          $0 == "as" && $1 == "a" || $0 == "when" && $1 == "i"
        }
    }
    return predicate.forms != [.ing]
  }

  // MARK: Corrections

  /// "..., not Anna" says what the last fact replaces.
  private mutating func contrast(_ fragment: RuleFragment, sinceFact before: Int) {
    guard facts.count > before, let value = contrastValue(fragment) else { return }
    facts[facts.count - 1].previousValue = value
  }

  private func contrastValue(_ fragment: RuleFragment) -> String? {
    var words = fragment.tokens.prefix(8).lazy.filter { $0.kind == .word }.map(\.word)[...]
    while let first = words.first,
      RuleLexicon.determiners.contains(first)
        || ["at", "in", "to", "on", "for", "as"].contains(first)
    { words = words.dropFirst() }
    return words.isEmpty ? nil : words.joined(separator: " ")
  }

  private func withdrawn(_ fact: RuleFact) -> RuleFact {
    var fact = fact
    fact.kind = .retraction
    return fact
  }

  /// "No, I meant Lyon", "it's Max, not Rex": true if the fragment corrects a fact, which is then
  /// kept with its new value.
  private mutating func correct(_ fragment: RuleFragment, contrast: RuleFragment?) -> Bool {
    var words = fragment.tokens
    let pointsBack =
      ["it", "that"].contains(words.first?.word ?? "")
      && ["is", "'s"].contains(words.dropFirst().first?.word ?? "")
    if pointsBack { words = words.dropFirst(2) }
    let denied = contrast.flatMap(contrastValue)
    let isAfterDenial = facts.last?.kind == .retraction && pointsBack
    guard fragment.isCorrection || isAfterDenial || denied != nil && pointsBack,
      (1...5).contains(words.count), let first = words.first, let last = words.last,
      words.allSatisfy({ $0.kind == .word && !RuleLexicon.subjects.contains($0.word) }),
      first.isCapitalized || first.word.first?.isNumber == true || denied != nil || isAfterDenial,
      !RuleLexicon.chatter.contains(first.word), RuleVerbs.known(first.word) == nil
    else { return false }
    let candidates = (previous + facts).reversed().filter { $0.slot != nil && $0.value != nil }
    let target =
      denied.flatMap { denied in candidates.first { $0.value == denied } } ?? candidates.first
    guard let target, let old = target.value,
      let text = replacing(
        old, in: target, with: source.text(first.range.lowerBound..<last.range.upperBound))
    else { return false }
    var fact = target
    fact.text = text
    fact.kind = .state
    fact.value = valueWords(words)
    fact.previousValue = old
    keep(fact)
    return true
  }

  private func valueWords(_ tokens: ArraySlice<RuleToken>) -> String {
    tokens.map(\.word).drop(while: RuleLexicon.determiners.contains).joined(separator: " ")
  }

  /// The fact's text with another value, and without the "not" of a denial.
  private func replacing(_ old: String, in fact: RuleFact, with new: String) -> String? {
    let source = RuleTokens(fact.text)
    let tokens = source.tokens
    let words = old.split(separator: " ").map(String.init)
    guard !words.isEmpty, tokens.count >= words.count,
      let start = (0...tokens.count - words.count).last(where: { start in
        zip(tokens[start...], words).allSatisfy { $0.word == $1 }
      }), let first = tokens.first, let last = tokens.last
    else { return nil }
    var front = first.range.lowerBound..<tokens[start].range.lowerBound
    var text = ""
    if fact.kind == .retraction {
      guard let not = tokens[..<start].first(where: { $0.word == "not" }) else { return nil }
      text = source.text(front.lowerBound..<not.range.lowerBound) + " "
      front = not.range.upperBound..<front.upperBound
    }
    let back = tokens[start + words.count - 1].range.upperBound..<last.range.upperBound
    return [text + source.text(front), new, source.text(back)].joined(separator: " ")
      .split(separator: " ").joined(separator: " ")
  }

  /// "I don't live in Munich, I live in Berlin" is one fact, which names what it replaces.
  private mutating func mergeDenials() {
    var index = 0
    while index < facts.count {
      defer { index += 1 }
      let fact = facts[index]
      guard fact.kind == .retraction, fact.isSingleValued, !fact.text.contains("used to"),
        let next = facts[(index + 1)...].prefix(4).firstIndex(where: {
          $0.kind == .state && $0.slot == fact.slot && $0.value != fact.value
        })
      else { continue }
      facts[next].previousValue = facts[next].previousValue ?? fact.value
      facts.remove(at: index)
      index -= 1
    }
  }

  // MARK: Turned round

  /// "Ann is my sister", "blue is my favourite colour".
  private func inverse(_ fragment: RuleFragment) -> RuleFact? {
    let tokens = fragment.tokens
    guard let first = tokens.first, first.kind == .word, !first.isQuoted,
      !RuleLexicon.subjects.contains(first.word), !RuleLexicon.pointers.contains(first.word),
      !["here", "there", "what", "who", "which", "where", "these", "those"].contains(first.word),
      let verb = tokens.prefix(6).firstIndex(where: { ["is", "are", "'s"].contains($0.word) }),
      verb > tokens.startIndex, verb + 2 < tokens.endIndex,
      ["my", "our"].contains(tokens[verb + 1].word)
    else { return nil }
    var words = tokens[(verb + 2)...].prefix(6).prefix { $0.kind == .word }.map(\.word)
    while let last = words.last, RuleLexicon.valueStops.contains(last) || RuleLexicon.isAdverb(last)
    {
      words.removeLast()
    }
    guard let last = words.last, !words.contains(where: RuleLexicon.passingThings.contains),
      !words.contains(where: RuleLexicon.taskThings.contains), !words.contains("not")
    else { return nil }
    let value = valueWords(tokens[..<verb])
    guard !value.isEmpty else { return nil }
    let text = source.text(span(tokens))
    if let relation = RuleLexicon.relations[last] {
      guard first.isCapitalized else { return nil }
      let owner =
        "user's "
        + (words.dropLast().filter { !RuleLexicon.currentWords.contains($0) } + [relation])
        .joined(separator: " ")
      return RuleFact(
        text: text, slot: Slot(subject: owner, attribute: "name"), value: value,
        isSingleValued: true,
        importance: 0.7)
    }
    let attribute = RuleAttribute.named(RuleAttribute.ofNoun(words))
    return RuleFact(
      text: text, slot: Slot(subject: "user", attribute: attribute.name), value: value,
      isSingleValued: attribute.isSingleValued, importance: attribute.importance)
  }
}
