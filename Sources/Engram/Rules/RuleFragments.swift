/// A sentence cut into clauses, each with what its first words make of it.
struct RuleFragment {
  enum Role {
    case statement
    /// ", not Anna": what it is not.
    case contrast
    /// "no longer true that": takes back what follows.
    case withdrawal
    /// From here on the sentence asks or supposes.
    case question, supposition
  }

  var role: Role
  /// Without the fillers in front.
  var tokens: ArraySlice<RuleToken>
  /// "No, I meant", "sorry", "wait"
  var isCorrection: Bool
  /// Joined by "and" or "but" to the clause before it.
  var isJoined: Bool
}

enum RuleFragments {
  /// How far the head of a clause is looked into.
  private static let headAtMost = 12

  static func of(_ sentence: ArraySlice<RuleToken>) -> [RuleFragment] {
    var fragments: [RuleFragment] = []
    var start = sentence.startIndex
    var joined = false
    func close(at end: Int) {
      if let fragment = fragment(sentence[start..<end], isJoined: joined) {
        fragments.append(fragment)
      }
    }
    var index = start
    while index < sentence.endIndex {
      defer { index += 1 }
      guard index > start else { continue }
      if sentence[index].kind == .pause {
        close(at: index)
        start = index + 1
        joined = false
      } else if let next = boundary(at: index, in: sentence, clause: start) {
        close(at: index)
        joined =
          sentence[index].kind == .word
          || sentence.indices.contains(index + 1)
            && RuleLexicon.conjunctions.contains(sentence[index + 1].word)
        start = next
        index = next - 1
      }
    }
    close(at: sentence.endIndex)
    return fragments
  }

  /// Where the next clause begins, if the comma or conjunction at `index` parts two of them.
  private static func boundary(at index: Int, in sentence: ArraySlice<RuleToken>, clause: Int)
    -> Int?
  {
    let token = sentence[index]
    guard token.kind == .comma || RuleLexicon.conjunctions.contains(token.word), !token.isQuoted
    else {
      return nil
    }
    var next = index + 1
    if token.kind == .comma, next < sentence.endIndex,
      RuleLexicon.conjunctions.contains(sentence[next].word)
    {
      next += 1
    }
    guard next < sentence.endIndex, !sentence[next].isQuoted else { return nil }
    let rest = sentence[next...]
    if token.kind == .comma, rest.first?.word == "not" { return next }
    let head = stripped(rest).tokens
    guard let first = head.first, !first.isQuoted else { return nil }
    if startsClause(head) || asks(head) { return next }
    if first.word == "call" || first.word == "not" && token.word == "but" { return next }
    let isJoining = token.kind == .word || sentence[index + 1].kind == .word && next == index + 2
    guard isJoining, ["and", "but", "then"].contains(sentence[next - 1].word) else { return nil }
    return startsPredicate(head) ? next : nil
  }

  /// A subject, and for "my ..." a verb near enough to make it one.
  private static func startsClause(_ tokens: ArraySlice<RuleToken>) -> Bool {
    let tokens = tokens.prefix(headAtMost).drop { RuleLexicon.adverbs.contains($0.word) }
    guard let first = tokens.first, RuleLexicon.subjects.contains(first.word) else { return false }
    guard ["my", "our", "his", "her", "their"].contains(first.word) else { return tokens.count > 1 }
    return tokens.dropFirst(2).prefix(7).contains {
      RuleLexicon.auxiliaries.contains($0.word) || $0.word == "'s"
        || RuleVerbs.known($0.word)?.forms.contains(.ing) == false
    }
  }

  static func asks(_ tokens: ArraySlice<RuleToken>) -> Bool {
    guard let first = tokens.first, tokens.count > 1 else { return false }
    let second = tokens[tokens.startIndex + 1].word
    if RuleLexicon.questionWords.contains(first.word) {
      return RuleLexicon.auxiliaries.contains(second) || second == "'s"
        || first.word == "how" || first.word == "what" || first.word == "why"
    }
    return RuleLexicon.auxiliaries.contains(first.word)
      && ["i", "you", "we", "he", "she", "it", "they", "there", "my", "not", "anyone", "this"]
        .contains(second)
  }

  /// A verb that goes on about the subject of the clause before.
  static func startsPredicate(_ tokens: ArraySlice<RuleToken>) -> Bool {
    guard
      let verb = tokens.prefix(headAtMost).first(where: { !RuleLexicon.isAdverb($0.word) })?.word
    else { return false }
    if ["never", "do", "does", "did", "am", "is", "are", "have", "has", "can", "can't", "no"]
      .contains(verb)
    {
      return verb != "no" || tokens.dropFirst().first?.word == "longer"
    }
    guard let known = RuleVerbs.known(verb) else { return false }
    return !known.forms.isDisjoint(with: [.base, .third, .past])
  }

  private static func fragment(_ tokens: ArraySlice<RuleToken>, isJoined: Bool) -> RuleFragment? {
    let trimmed = trimmed(tokens)
    guard let first = trimmed.first else { return nil }
    if first.word == "not", trimmed.dropFirst().first?.word != "only" {
      return RuleFragment(
        role: .contrast, tokens: trimmed.dropFirst(), isCorrection: false, isJoined: isJoined)
    }
    var (rest, isCorrection) = stripped(trimmed)
    var role = RuleFragment.Role.statement
    if let withdrawn = dropping(RuleLexicon.withdrawals, from: rest) {
      role = .withdrawal
      rest = stripped(withdrawn).tokens
    }
    if asks(rest) {
      role = .question
    } else if dropping(RuleLexicon.suppositions, from: rest) != nil {
      role = .supposition
    }
    guard !rest.isEmpty || isCorrection else { return nil }
    return RuleFragment(role: role, tokens: rest, isCorrection: isCorrection, isJoined: isJoined)
  }

  private static func trimmed(_ tokens: ArraySlice<RuleToken>) -> ArraySlice<RuleToken> {
    var tokens = tokens
    while let last = tokens.last, last.kind != .word { tokens = tokens.dropLast() }
    while let first = tokens.first, first.kind != .word { tokens = tokens.dropFirst() }
    return tokens
  }

  /// The tokens without what is only said in front of a statement.
  private static func stripped(
    _ tokens: ArraySlice<RuleToken>
  ) -> (tokens: ArraySlice<RuleToken>, isCorrection: Bool) {
    var tokens = trimmed(tokens)
    var isCorrection = false
    for _ in 0..<8 {
      if let rest = dropping(RuleLexicon.corrections, from: tokens) {
        guard !(tokens.first?.word == "no" && rest.first?.word == "longer") else { break }
        isCorrection = true
        tokens = trimmed(rest)
      } else if let rest = dropping(RuleLexicon.fillers, from: tokens) {
        tokens = trimmed(rest)
      } else {
        break
      }
    }
    return (tokens, isCorrection)
  }

  private static func dropping(
    _ phrases: [String: [[String]]], from tokens: ArraySlice<RuleToken>
  ) -> ArraySlice<RuleToken>? {
    guard let first = tokens.first, first.kind == .word, !first.isQuoted else { return nil }
    for phrase in phrases[first.word] ?? []
    where tokens.count >= phrase.count && zip(tokens, phrase).allSatisfy({ $0.word == $1 }) {
      return tokens.dropFirst(phrase.count)
    }
    return nil
  }
}
