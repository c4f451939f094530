/// What a clause says of its subject, with the words around the verb understood.
struct RulePredicate {
  enum Tense { case present, past }

  /// The index of the main verb.
  var verb: Int
  /// The index behind the verb, and behind the "not" of "am not".
  var complement: Int
  var lemma: String
  var forms: Set<RuleVerbs.Form>
  var tense = Tense.present
  var isNegated = false
  /// "no longer", "not any more", "stopped": it was so.
  var isOver = false
  /// "used to": it was so, and is told for itself.
  var isFormer = false
  var isPerfect = false
  var isProgressive = false
  /// "going to"
  var isAhead = false
  /// "started learning", "have begun to": it is so since then.
  var isBegun = false
  /// "might", "would", "almost", "I think": not said to be so.
  var isDoubtful = false

  /// Understands the words from `start` on; nil where no verb is among the first of them.
  init?(_ tokens: [RuleToken], from start: Int) {
    verb = start
    complement = start
    lemma = ""
    forms = []
    let wordsAtMost = 14
    var index = start
    var isDid = false

    func word(_ index: Int) -> String { index < tokens.count ? tokens[index].word : "" }
    /// The first word behind `index` that is neither an adverb nor a "not".
    func next(_ index: Int) -> Int {
      var index = index + 1
      while index < tokens.count,
        RuleLexicon.isAdverb(word(index)) || ["not", "never", "longer"].contains(word(index))
          || word(index) == "no" && word(index + 1) == "longer"
      { index += 1 }
      return index
    }
    func formsOf(_ index: Int) -> Set<RuleVerbs.Form> {
      index < tokens.count ? RuleVerbs.verb(word(index)).forms : []
    }

    scan: while index < tokens.count, index - start < wordsAtMost {
      let token = tokens[index]
      if token.kind == .comma {
        index += 1
        continue
      }
      guard token.kind == .word, !token.isQuoted else { return nil }
      let follower = next(index)
      switch token.word {
      case "not": isNegated = true
      case "never": isNegated = true
      case "no":
        guard word(index + 1) == "longer" else { return nil }
        isNegated = true
        isOver = true
        index += 1
      case let hedge where RuleLexicon.hedges.contains(hedge): isDoubtful = true
      case let adverb where RuleLexicon.isAdverb(adverb): break
      case let modal where RuleLexicon.modals.contains(modal): isDoubtful = true
      case "can", "could", "must":
        if token.word == "could" { isDoubtful = true }
      case "do", "does", "did":
        guard follower < tokens.count, formsOf(follower).contains(.base),
          word(follower).first?.isLetter == true,
          follower > index + 1 || RuleVerbs.known(word(follower)) != nil
        else { break scan }
        isDid = token.word == "did"
      case "have", "has", "had":
        if word(follower) == "to" {
          isDoubtful = true
          index = follower
        } else if formsOf(follower).contains(.participle) {
          isPerfect = true
          if token.word == "had" { tense = .past }
          if word(follower) == "got" {
            index = follower
            verb = index
            lemma = "have"
            self.forms = [.base]
            break scan
          }
        } else {
          break scan
        }
      case "am", "is", "are", "was", "were", "be", "been", "being", "'s":
        if word(follower) == "going", word(follower + 1) == "to" {
          isAhead = true
          index = follower + 1
        } else if formsOf(follower) == [.ing], RuleVerbs.known(word(follower)) != nil {
          isProgressive = true
          if ["was", "were"].contains(token.word) { tense = .past }
        } else if token.word == "'s", formsOf(follower).contains(.participle),
          ["been", "got", "lived", "worked"].contains(word(follower))
        {
          isPerfect = true
        } else {
          break scan
        }
      case "used":
        guard word(index + 1) == "to" else { break scan }
        isFormer = true
        index += 1
      case "start", "starts", "started", "begin", "begins", "began", "begun", "keep", "keeps",
        "kept",
        "starting":
        guard formsOf(index + 1) == [.ing] || word(index + 1) == "to" else { break scan }
        isBegun = true
        if word(index + 1) == "to" { index += 1 }
      case "stop", "stopped", "quit", "ceased", "quitted":
        guard formsOf(index + 1) == [.ing] else { break scan }
        isNegated = true
        isOver = true
      case "gave", "given":
        guard word(index + 1) == "up", formsOf(index + 2) == [.ing] else { break scan }
        isNegated = true
        isOver = true
        index += 1
      default: break scan
      }
      index += 1
    }
    guard index < tokens.count, tokens[index].kind == .word, !tokens[index].isQuoted else {
      return nil
    }
    if lemma.isEmpty {
      let found = RuleVerbs.verb(word(index))
      verb = index
      lemma = found.lemma
      self.forms = found.forms
    }
    complement = verb + 1
    if lemma == "be" {
      complement = min(next(verb), tokens.count)
      let between = tokens[(verb + 1)..<complement].map(\.word)
      isNegated = isNegated || between.contains { ["not", "never", "longer"].contains($0) }
      isOver = isOver || between.contains("longer")
      isDoubtful = isDoubtful || between.contains(where: RuleLexicon.hedges.contains)
    }
    if isDid
      || (!isPerfect && !isProgressive && self.forms.contains(.past)
        && !self.forms.contains(.base))
    {
      tense = .past
    }
    if lemma == "be", ["was", "were"].contains(word(index)) { tense = .past }
    if isBegun || isOver { tense = .present }
    isDoubtful = isDoubtful || RuleLexicon.doubtVerbs.contains(lemma) && !saysBelief(tokens)
    let end = tokens.dropFirst(index).prefix(40).map(\.word)
    if isNegated,
      end.contains("anymore")
        || zip(end, end.dropFirst()).contains(where: {
          $0 == "any" && ["more", "longer"].contains($1)
        })
    {
      isOver = true
    }
  }

  /// "I believe in ...", "I hope to ..." and "I feel" are no guesses of what follows.
  private func saysBelief(_ tokens: [RuleToken]) -> Bool {
    guard verb + 1 < tokens.count else { return false }
    return lemma == "believe" && tokens[verb + 1].word == "in"
      || lemma == "hope" && tokens[verb + 1].word == "to"
  }
}
