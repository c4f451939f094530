/// A conversation, and what a memory must hold at its end.
///
/// Words are compared without case, punctuation and diacritics, as whole words in a row.
struct RuleCase: Sendable, CustomStringConvertible {
  enum Kind: String, CaseIterable, Sendable {
    case update, negate, correct, duplicate, chatter, hypothetical, thirdParty, several, keep
  }

  let kind: Kind
  /// What the user says, message by message.
  let says: [String]
  /// Words that some current fact must hold.
  let current: [String]
  /// Words that no current fact may hold any more.
  let stale: [String]
  /// "subject | attribute | value" that some current fact must have.
  let slots: [String]
  /// How many facts may be current.
  let atMost: Int?

  init(
    _ kind: Kind, _ says: [String], current: [String] = [], stale: [String] = [],
    slots: [String] = [], atMost: Int? = nil
  ) {
    self.kind = kind
    self.says = says
    self.current = current
    self.stale = stale
    self.slots = slots
    self.atMost = atMost
  }

  var description: String { "\(kind.rawValue): \(says.joined(separator: " / "))" }
}
