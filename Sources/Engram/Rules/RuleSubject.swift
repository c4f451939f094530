/// Whom or what a clause is about.
struct RuleSubject: Sendable {
  /// "user", or "user's sister".
  var owner: String
  /// The noun of "my shoe size is 42"; nil where the clause is about the owner.
  var noun: [String]?
  /// As the text of a fact names it, where the clause has only a pronoun or nothing: "My sister".
  var surface: String

  var attribute: String? { noun.map(RuleAttribute.ofNoun) }
  var isUser: Bool { owner == "user" && noun == nil }

  /// The relation that the owner has to the user: "sister".
  var relation: String? {
    owner.split(separator: " ").reversed().lazy.map(String.init).first {
      RuleLexicon.relations[$0] != nil
    }
  }

  /// True where the pronoun may stand for this person, animal or company.
  func answers(to pronoun: String) -> Bool {
    guard let relation, noun == nil else { return false }
    return switch pronoun {
    case "he", "his": !RuleLexicon.femaleRelations.contains(relation)
    case "she", "her": !RuleLexicon.maleRelations.contains(relation)
    case "it", "its": ["dog", "cat", "pet", "company", "team"].contains(relation)
    default: true
    }
  }
}

/// Finds the subject at the head of a clause.
struct RuleSubjectReader {
  let source: RuleTokens
  /// The person spoken of last, for whom a pronoun stands.
  var lastPerson: RuleSubject?

  private static let nounWordsAtMost = 7

  /// The subject that begins at `start`, and where its predicate begins.
  func subject(in tokens: ArraySlice<RuleToken>) -> (RuleSubject, predicate: Int)? {
    let start = tokens.startIndex
    guard let first = tokens.first, !first.isQuoted else { return nil }
    switch first.word {
    case "i", "we":
      guard start + 1 < tokens.endIndex else { return nil }
      return (RuleSubject(owner: "user", noun: nil, surface: text(first)), start + 1)
    case "my", "our":
      return nounPhrase(in: tokens, from: start + 1, owner: "user", surface: text(first))
    case "the":
      return nounOfMine(in: tokens)
    case "he", "she", "they", "it":
      guard let lastPerson, lastPerson.answers(to: first.word) else { return nil }
      return (lastPerson, start + 1)
    case "his", "her", "their", "its":
      guard let lastPerson, lastPerson.answers(to: first.word) else { return nil }
      return nounPhrase(
        in: tokens, from: start + 1, owner: lastPerson.owner, surface: lastPerson.surface + "'s")
    default:
      return nil
    }
  }

  private func text(_ token: RuleToken) -> String { source.text(token.range) }

  /// "the name of my dog"
  private func nounOfMine(in tokens: ArraySlice<RuleToken>) -> (RuleSubject, predicate: Int)? {
    guard
      let of = tokens.prefix(5).firstIndex(where: { $0.word == "of" }), of + 2 < tokens.endIndex,
      ["my", "our"].contains(tokens[of + 1].word),
      let (owner, predicate) = nounPhrase(
        in: tokens, from: of + 2, owner: "user", surface: text(tokens[of + 1])),
      owner.noun == nil
    else { return nil }
    var subject = owner
    subject.noun = tokens[tokens.startIndex + 1..<of].map(\.word)
    subject.surface = source.text(
      tokens[tokens.startIndex].range.lowerBound..<tokens[predicate - 1].range.upperBound)
    return (subject, predicate)
  }

  /// The words from `start` to the verb: people of the owner's, and last a noun.
  private func nounPhrase(
    in tokens: ArraySlice<RuleToken>, from start: Int, owner: String, surface: String
  ) -> (RuleSubject, predicate: Int)? {
    var subject = RuleSubject(owner: owner, noun: nil, surface: surface)
    var words: [RuleToken] = []
    var index = start
    while index < tokens.endIndex, index - start < Self.nounWordsAtMost * 2 {
      let token = tokens[index]
      if token.word == "'s", isPossessive(at: index, in: tokens) {
        guard add(words, to: &subject, asPerson: true) else { return nil }
        subject.surface += "'s"
        words = []
      } else if !words.isEmpty, isVerb(at: index, after: words, in: tokens) {
        return add(words, to: &subject, asPerson: false) ? (subject, index) : nil
      } else if token.kind == .word, words.count < Self.nounWordsAtMost, token.word != "and" {
        words.append(token)
      } else if token.kind == .comma, isName(at: index + 1, in: tokens) {
        // "My sister, Ann, lives ..."
      } else {
        return nil
      }
      index += 1
    }
    return nil
  }

  private func isName(at index: Int, in tokens: ArraySlice<RuleToken>) -> Bool {
    guard tokens.indices.contains(index) else { return false }
    return tokens[index].isCapitalized
      || tokens[index - 2].isCapitalized && RuleVerbs.known(tokens[index].word) != nil
  }

  /// "'s" is no "is" where a noun and then a verb follow: "my sister's birthday is".
  private func isPossessive(at index: Int, in tokens: ArraySlice<RuleToken>) -> Bool {
    let rest = tokens[(index + 1)...].prefix(Self.nounWordsAtMost)
    guard let next = rest.first, !RuleLexicon.determiners.contains(next.word) else { return false }
    for (offset, token) in rest.enumerated() {
      guard token.kind == .word, !["in", "at", "from", "not", "to"].contains(token.word) else {
        return false
      }
      if offset > 0,
        RuleLexicon.auxiliaries.contains(token.word) || token.word == "'s"
          || RuleVerbs.known(token.word)?.forms.isDisjoint(with: [.third, .past]) == false
      {
        return true
      }
    }
    return false
  }

  /// Of a noun and a verb that are spelt alike, what agrees with the subject is a verb.
  private func isVerb(at index: Int, after words: [RuleToken], in tokens: ArraySlice<RuleToken>)
    -> Bool
  {
    let word = tokens[index].word
    if RuleLexicon.auxiliaries.contains(word) || word == "'s" || word == "will" { return true }
    if RuleLexicon.isAdverb(word) || word == "never"
      || word == "no" && index + 1 < tokens.endIndex
        && tokens[index + 1].word == "longer"
    {
      return true
    }
    guard let known = RuleVerbs.known(word), let last = words.last else { return false }
    if !known.forms.isDisjoint(with: [.third, .past]) { return true }
    return known.forms.contains(.base)
      && (last.word.hasSuffix("s") || ["children", "people", "family", "team"].contains(last.word))
  }

  /// Adds the words of a noun phrase: a person, with a name where there is one, or a noun.
  private func add(
    _ words: [RuleToken], to subject: inout RuleSubject, asPerson: Bool
  ) -> Bool {
    guard let last = words.last, let first = words.first else { return false }
    subject.surface += " " + source.text(first.range.lowerBound..<last.range.upperBound)
    guard let (at, relation) = personIndex(in: words) else {
      if asPerson {
        subject.owner += "'s " + words.map(\.word).joined(separator: " ")
      } else {
        subject.noun = words.map(\.word)
      }
      return true
    }
    let modifiers = words[..<at].map(\.word).filter { !RuleLexicon.currentWords.contains($0) }
    let names = words[(at + 1)...].map(\.word)
    subject.owner += "'s " + (modifiers + [relation] + names).joined(separator: " ")
    return true
  }

  /// Where a relation is the head of the phrase: all that follows it is a name.
  private func personIndex(in words: [RuleToken]) -> (Int, String)? {
    for (index, token) in words.enumerated() {
      guard let relation = RuleLexicon.relations[token.word] else { continue }
      let rest = words[(index + 1)...]
      if rest.allSatisfy({ $0.isCapitalized || $0.kind == .comma }) { return (index, relation) }
    }
    return nil
  }
}
