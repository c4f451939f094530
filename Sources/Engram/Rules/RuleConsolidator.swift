/// A fact that is held already, as the rules compare it with a new one.
public struct HeldFact<ID: Hashable & Sendable>: Sendable {
  public var id: ID
  public var text: String
  /// What was stored with the fact, of kind `state`; where it is nil, slot and value are read from
  /// the text. The slot of a retraction is not to be stored: its text tells what it is.
  public var slot: Slot?
  public var value: String?
  /// The cosine of the two texts' embeddings, where the caller has it.
  public var similarity: Float?

  public init(
    id: ID, text: String, slot: Slot? = nil, value: String? = nil, similarity: Float? = nil
  ) {
    self.id = id
    self.text = text
    self.slot = slot
    self.value = value
    self.similarity = similarity
  }
}

/// What a new fact does to those that are held.
public enum ConsolidationDecision<ID: Hashable & Sendable>: Sendable, Equatable {
  /// The fact is kept beside the others.
  case add
  /// The fact is kept and ends these.
  case replace([ID])
  /// The fact ends these, and says nothing worth keeping beyond that.
  case retract([ID])
  /// The fact is held already.
  case none(because: ID)
}

/// Decides by rules what a new fact does to those that are held.
public struct RuleConsolidator: Sendable {
  /// From this cosine on two texts that agree in their negations, numbers and names say the same.
  /// Only texts of which one has no slot are compared by it.
  public var duplicateSimilarity: Float
  /// From this share of common stems on, the same.
  public var duplicateOverlap: Double

  public init(duplicateSimilarity: Float = 0.95, duplicateOverlap: Double = 0.8) {
    self.duplicateSimilarity = duplicateSimilarity
    self.duplicateOverlap = duplicateOverlap
  }

  /// - Parameter held: the current facts of the same scope that may have to do with the new one:
  ///   those of the same subject, and the nearest by text or vector.
  public func decide<ID>(_ fact: RuleFact, against held: [HeldFact<ID>]) -> ConsolidationDecision<
    ID
  > {
    let new = RuleStatement(fact)
    let statements = held.map { ($0, RuleStatement($0)) }
    if fact.kind == .state,
      let same = statements.first(where: { isSame(new, $0.1, similarity: $0.0.similarity) })
    {
      let ended = ended(by: new, among: statements).filter { $0 != same.0.id }
      return ended.isEmpty ? .none(because: same.0.id) : .retract(ended)
    }
    let ended = ended(by: new, among: statements)
    if fact.kind == .retraction {
      if !ended.isEmpty { return .retract(ended) }
      if let same = statements.first(where: { $0.1.normalized == new.normalized }) {
        return .none(because: same.0.id)
      }
      return .add
    }
    return ended.isEmpty ? .add : .replace(ended)
  }

  // MARK: Duplicates

  /// The held fact that says the same word for word, or nearly so: where a model is asked about the rest,
  /// only what is beyond doubt is a duplicate. Negations, numbers, names, symbols and the order of the
  /// words agree, and the texts are equal but for case and punctuation, or their cosine is high.
  func duplicate<ID>(of fact: RuleFact, among held: [HeldFact<ID>]) -> ID? {
    let new = RuleStatement(fact)
    let (symbols, names) = (Self.symbols(fact.text), Self.names(fact.text))
    return held.first { held in
      if held.text == fact.text { return true }
      guard !new.normalized.isEmpty, symbols == Self.symbols(held.text) else { return false }
      let old = RuleStatement(held)
      if new.normalized == old.normalized { return true }
      guard let similarity = held.similarity, similarity >= duplicateSimilarity,
        new.isNegated == old.isNegated, new.marks == old.marks, names == Self.names(held.text)
      else { return false }
      let (words, others) = (RuleStatement.words(new.normalized), RuleStatement.words(old.normalized))
      return words.filter(others.contains) == others.filter(words.contains)
    }?.id
  }

  private static func names(_ text: String) -> Set<String> {
    Set(RuleTokens(text).tokens.dropFirst().lazy.filter(\.isCapitalized).map(\.word))
  }

  /// Signs that are no words to the rules and make another text all the same: amounts, emoji.
  private static func symbols(_ text: String) -> Set<Unicode.Scalar> {
    Set(
      text.unicodeScalars.filter { scalar in
        switch scalar.properties.generalCategory {
        case .currencySymbol, .mathSymbol, .otherSymbol: true
        default: false
        }
      })
  }

  /// Whether a text says all that a fact says: each of its words, numbers and symbols, and its "not".
  static func covers(_ text: String, _ fact: RuleFact) -> Bool {
    let (new, said) = (RuleStatement(text: text), RuleStatement(fact))
    guard !said.stems.isEmpty else { return text.contains(fact.text) }
    return said.stems.isSubset(of: new.stems) && said.marks.isSubset(of: new.marks)
      && (!said.isNegated || new.isNegated) && symbols(fact.text).isSubset(of: symbols(text))
  }

  /// Whether a memory may say what a fact says, in other words: numbers and negations agree, and either
  /// half of the words or the meaning does.
  static func mayCover(_ memory: String, _ fact: RuleFact, similarity: Float) -> Bool {
    let (old, said) = (RuleStatement(text: memory), RuleStatement(fact))
    guard said.marks.isSubset(of: old.marks), said.isNegated == old.isNegated else { return false }
    let common = said.stems.intersection(old.stems).count
    return similarity >= likelySimilarity || common > 0 && 2 * common >= said.stems.count
  }

  private static let likelySimilarity: Float = 0.6

  private func isSame(_ new: RuleStatement, _ old: RuleStatement, similarity: Float?) -> Bool {
    guard old.kind == .state else { return false }
    if new.normalized == old.normalized { return true }
    if let slot = new.slot, let other = old.slot {
      return slot == other && new.value != nil && sameValue(new.value, old.value)
    }
    guard new.slot == nil || old.slot == nil, old.isWhole, new.isNegated == old.isNegated,
      new.marks == old.marks
    else { return false }
    if let similarity, similarity >= duplicateSimilarity { return true }
    return overlap(new.stems, old.stems) >= duplicateOverlap
  }

  private func sameValue(_ first: String?, _ second: String?) -> Bool {
    guard let first, let second else { return false }
    return first == second || RuleStatement.stems(first) == RuleStatement.stems(second)
  }

  private func overlap(_ first: Set<String>, _ second: Set<String>) -> Double {
    let union = first.union(second).count
    return union == 0 ? 0 : Double(first.intersection(second).count) / Double(union)
  }

  // MARK: What is ended

  private func ended<ID>(
    by new: RuleStatement, among held: [(HeldFact<ID>, RuleStatement)]
  ) -> [ID] {
    held.filter { $0.1.isWhole && ends(new, $0.1) }.map(\.0.id)
  }

  private func ends(_ new: RuleStatement, _ old: RuleStatement) -> Bool {
    guard let slot = new.slot else { return endsWithoutSlot(new, old) }
    guard let other = old.slot, slot.subject == other.subject else { return false }
    let hasSameValue = sameValue(new.value, old.value)
    if new.kind == .retraction {
      return slot == other && old.kind == .state
        && (hasSameValue || new.value == nil || covers(new.value, old.value))
    }
    if slot == other, old.kind == .retraction { return hasSameValue || new.isSingleValued }
    if slot == other, new.isSingleValued { return !hasSameValue }
    if slot == other, refines(new.value, old.value) { return true }
    let attribute = RuleAttribute.named(slot.attribute)
    if attribute.endsAll.contains(other.attribute) { return true }
    if attribute.endsSame.contains(other.attribute), hasSameValue || covers(new.value, old.value) {
      return true
    }
    if attribute.endsSame.contains("has"), other.attribute.hasPrefix(Self.count) {
      return sameValue(new.value, String(other.attribute.dropFirst(Self.count.count)))
    }
    guard let previous = new.previousValue, old.kind == .state else { return false }
    return sameValue(previous, old.value)
      && (slot == other
        || slot.attribute == "uses" && !["likes", "dislikes"].contains(other.attribute))
  }

  /// "I have no cats" ends "number of cats".
  private static let count = "number of "

  /// "A dog called Rex" says of "a dog" all there is.
  private func refines(_ new: String?, _ old: String?) -> Bool {
    guard let new, let old else { return false }
    return new.hasPrefix(old + " called ") || new.hasPrefix(old + " named ")
  }

  /// "Not a cat" is true of "a cat called Tom" no longer, either.
  private func covers(_ new: String?, _ old: String?) -> Bool { refines(old, new) }

  /// Of two sentences without a slot one ends the other if it says the same with a "not".
  private func endsWithoutSlot(_ new: RuleStatement, _ old: RuleStatement) -> Bool {
    guard old.slot == nil, new.isNegated != old.isNegated, !new.stems.isEmpty else { return false }
    return new.stems.isSubset(of: old.stems)
      && (new.kind == .retraction || overlap(new.stems, old.stems) >= duplicateOverlap)
  }
}

/// A fact, new or held, as it is compared.
private struct RuleStatement {
  var normalized: String
  var kind: RuleFact.Kind
  var slot: Slot?
  var value: String?
  var previousValue: String?
  var isSingleValued: Bool
  var isNegated: Bool
  var stems: Set<String>
  /// Numbers: where they differ, the texts do.
  var marks: Set<String>
  /// False for a held text that says more than one thing: ending it would lose the rest.
  var isWhole = true

  private static let stopWords: Set<String> = [
    "i", "a", "an", "the", "my", "our", "we", "am", "is", "are", "be", "was", "have", "has", "do",
    "does", "did", "not", "no", "never", "longer", "any", "more", "anymore", "to", "of", "in", "on",
    "at", "for", "and", "been", "it", "'s", "really", "very", "just", "also", "stopped", "quit",
  ]

  init(_ fact: RuleFact) {
    self.init(text: fact.text, fact)
  }

  init<ID>(_ held: HeldFact<ID>) {
    if let slot = held.slot {
      let attribute = RuleAttribute.named(slot.attribute)
      self.init(
        text: held.text,
        RuleFact(
          text: held.text, slot: slot, value: held.value, isSingleValued: attribute.isSingleValued,
          importance: 0))
      return
    }
    let facts = RuleExtractor().facts(in: held.text)
    self.init(
      text: held.text, facts.count == 1 ? facts[0] : RuleFact(text: held.text, importance: 0))
    isWhole = facts.count < 2
  }

  /// A text that is only compared by its words.
  init(text: String) { self.init(text: text, RuleFact(text: text, importance: 0)) }

  private init(text: String, _ fact: RuleFact) {
    normalized = RuleText.normalized(text)
    kind = fact.kind
    slot = fact.slot
    value = fact.value
    previousValue = fact.previousValue
    isSingleValued = fact.isSingleValued
    let words = normalized.split(separator: " ").map(String.init)
    isNegated = words.contains {
      ["not", "no", "never", "without", "stopped", "quit"].contains($0)
    }
    stems = Self.stems(normalized)
    marks = Set(words.filter { $0.contains(where: \.isNumber) || RuleLexicon.numbers[$0] != nil })
  }

  static func stems(_ text: String) -> Set<String> { Set(words(text)) }

  /// The stems in their order.
  static func words(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init).filter { !stopWords.contains($0) }
      .map(RuleText.stem)
  }
}
