/// What a fact is about: a newer fact about the same takes its place, where there can be but one.
public struct Slot: Hashable, Sendable {
  /// "user", or somebody by way of the user: "user's sister", "user's dog".
  public var subject: String
  /// "home city", "likes", "birthday".
  public var attribute: String

  public init(subject: String, attribute: String) {
    self.subject = subject
    self.attribute = attribute
  }
}

/// A lasting fact that rules have read in what a user wrote.
public struct RuleFact: Sendable, Equatable {
  public enum Kind: String, Sendable {
    /// Something is so.
    case state
    /// Something is so no longer, or never was, and no new state is named in its place:
    /// "I don't live in Berlin any more". What says something lasting by itself ("I no longer eat
    /// meat") is a state with an attribute of its own ("does not eat").
    case retraction
  }

  /// A sentence that stands alone, in the speaker's own words and person: "I live in Berlin".
  public var text: String
  public var kind: Kind
  /// nil for a fact that no pattern knows; it is kept as it was said.
  public var slot: Slot?
  /// Lower case, without diacritics and articles: "berlin".
  public var value: String?
  /// What the speaker says it was before: "python" in "I switched from Python to Rust".
  public var previousValue: String?
  /// One home city at a time, but many languages.
  public var isSingleValued: Bool
  /// From 0 to 1: an allergy before a hobby before what no pattern knows.
  public var importance: Double

  public init(
    text: String, kind: Kind = .state, slot: Slot? = nil, value: String? = nil,
    previousValue: String? = nil, isSingleValued: Bool = false, importance: Double
  ) {
    self.text = text
    self.kind = kind
    self.slot = slot
    self.value = value
    self.previousValue = previousValue
    self.isSingleValued = isSingleValued
    self.importance = importance
  }
}
