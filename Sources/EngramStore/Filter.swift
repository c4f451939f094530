// The filter language: what a filter is and which metadata it matches. Filter+JSON.swift reads
// and writes it.

/// A condition on the metadata of a memory.
///
/// Logic is two-valued. Where a key is missing or null every positive operator is false, `ne` and
/// `nin` are true, and ``not(_:)`` inverts. Values of different types never compare: `"1"` is not
/// `1`, and `true` is not `1`; integers and doubles are one type and compare exactly.
///
/// ```swift
/// let filter = try Filter(parsing: #"{"category": "travel", "year": {"gte": 2025}}"#)
/// filter.matches(["category": "travel", "year": 2026])  // true
/// ```
public indirect enum Filter: Sendable, Hashable {
  /// All of these; an empty list matches everything.
  case and([Filter])
  /// At least one of these; an empty list matches nothing.
  case or([Filter])
  /// Whatever the filter does not match.
  case not(Filter)
  /// One key compared with an operand.
  case comparison(Comparison)

  /// How deep logical operators may be nested in a filter that is read from JSON.
  public static let maximumDepth = 64

  /// How a value is compared. The raw value is the operator's name in JSON.
  public enum Operator: String, Sendable, CaseIterable {
    /// The value, or any element of a list, equals the operand.
    case eq
    /// Not ``eq``.
    case ne
    /// Greater than the operand.
    case gt
    /// Greater than the operand or equal to it.
    case gte
    /// Less than the operand.
    case lt
    /// Less than the operand or equal to it.
    case lte
    /// The value, or any element of a list, equals one of the operands.
    case `in`
    /// Not ``in``.
    case nin
    /// A string has the operand as a substring, or a list has it as an element.
    case contains
    /// A string has the operand as a substring whatever the case of their letters.
    case icontains
    /// The key is there and is not null; the operand is `"*"`.
    case exists = "*"
  }

  /// Whether the metadata, a JSON object, meets the condition.
  public func matches(_ metadata: JSONValue) -> Bool {
    switch self {
    case .and(let filters): filters.allSatisfy { $0.matches(metadata) }
    case .or(let filters): filters.contains { $0.matches(metadata) }
    case .not(let filter): !filter.matches(metadata)
    case .comparison(let comparison): comparison.matches(metadata)
    }
  }
}

extension Filter {
  /// One key, one operator, one operand: checked when it is made, so that matching cannot fail.
  ///
  /// A key is looked up as it stands first; where the metadata has no such key and the key has
  /// dots, each part names a member of the object before it. Lists are not entered.
  ///
  /// Strings compare by their code points. Only where the operand is a date (see ``ISO8601``) do
  /// `eq`, `ne`, `in`, `nin`, `gt`, `gte`, `lt` and `lte`, and `contains` on a list, read the
  /// stored string as a date, too, and compare instants: `2026-01-01T00:00:00Z` then equals
  /// `2026-01-01T01:00:00+01:00`, and a stored string that is no date equals none and orders with
  /// none.
  public struct Comparison: Sendable, Hashable {
    /// The key as written, dots included.
    public let key: String
    /// How the value is compared.
    public let `operator`: Operator
    /// What the value is compared with.
    public let operand: JSONValue

    private let path: MetadataPath
    let condition: Condition

    /// Checks the operand and prepares the comparison.
    ///
    /// Operands are: a string, a number or a Boolean for `eq`, `ne` and `contains`, a list of them
    /// for `in` and `nin`, a string or a number for `gt`, `gte`, `lt` and `lte`, a string for
    /// `icontains`, and `"*"` for `exists`.
    public init(
      key: String, _ operator: Operator, _ operand: JSONValue
    ) throws(FilterError) {
      if key.isEmpty { throw .emptyKey }
      if Filter.logicalOperators.contains(key) { throw .reservedKey(key) }
      self.key = key
      self.operator = `operator`
      self.operand = operand
      path = MetadataPath(key)
      condition = try Condition(key: key, `operator`, operand)
    }

    /// Whether the metadata, a JSON object, meets the comparison.
    public func matches(_ metadata: JSONValue) -> Bool {
      let holds = path.value(in: metadata).map(condition.holds) ?? false
      return holds != isNegated
    }

    /// Whether the condition is the opposite of the operator's.
    var isNegated: Bool { self.operator == .ne || self.operator == .nin }
  }
}

/// What an operator asks of a value that is there, with the operand made ready. `ne` and `nin` are
/// here as the `eq` and `in` that they negate.
enum Condition: Hashable {
  case exists
  case equals(Choices)
  case ordered(Scalar, isLess: Bool, orEqual: Bool)
  case contains(substring: SoughtText?, element: Choices)
  case containsFolded(SoughtText)

  init(
    key: String, _ operator: Filter.Operator, _ operand: JSONValue
  ) throws(FilterError) {
    func wrong(_ needs: String) -> FilterError {
      .wrongOperand(key: key, operator: `operator`.rawValue, needs: needs)
    }
    func scalar(_ value: JSONValue, _ needs: String) throws(FilterError) -> Scalar {
      if value == .null { throw .nullOperand(key: key, operator: `operator`.rawValue) }
      guard let scalar = Scalar(value, asDate: true) ?? Scalar(value) else { throw wrong(needs) }
      return scalar
    }
    func ordered(isLess: Bool, orEqual: Bool) throws(FilterError) -> Condition {
      let needs = "a number, a string or a date"
      let bound = try scalar(operand, needs)
      if case .bool = bound { throw wrong(needs) }
      return .ordered(bound, isLess: isLess, orEqual: orEqual)
    }

    switch `operator` {
    case .exists:
      guard operand == "*" else { throw wrong("\"*\" and nothing else") }
      self = .exists
    case .eq, .ne:
      let needs = "a string, a number or a Boolean; for a list of choices use \"in\""
      self = .equals(Choices([try scalar(operand, needs)]))
    case .in, .nin:
      let needs = "a list of strings, numbers and Booleans"
      guard case .array(let elements) = operand else { throw wrong(needs) }
      self = .equals(
        Choices(try elements.map { element throws(FilterError) in try scalar(element, needs) }))
    case .gt: self = try ordered(isLess: false, orEqual: false)
    case .gte: self = try ordered(isLess: false, orEqual: true)
    case .lt: self = try ordered(isLess: true, orEqual: false)
    case .lte: self = try ordered(isLess: true, orEqual: true)
    case .contains:
      let element = Choices([try scalar(operand, "a string, a number or a Boolean")])
      if case .string(let text) = operand {
        self = .contains(substring: SoughtText(text), element: element)
      } else {
        self = .contains(substring: nil, element: element)
      }
    case .icontains:
      guard case .string(let text) = operand else { throw wrong("a string") }
      self = .containsFolded(SoughtText(text.folded))
    }
  }

  /// The scalars that a value or an element of a list may equal; nil where the condition asks for
  /// something else.
  var choices: Set<Scalar>? {
    switch self {
    case .equals(let choices), .contains(_, let choices): choices.scalars
    default: nil
    }
  }

  /// Whether a string may also have a substring instead.
  var takesSubstring: Bool {
    if case .contains(.some, _) = self { true } else { false }
  }

  /// Whether a value that is not null meets the condition.
  func holds(for value: JSONValue) -> Bool {
    switch (self, value) {
    case (.exists, _):
      true
    case (.equals(let choices), .array(let elements)),
      (.contains(_, let choices), .array(let elements)):
      elements.contains(where: choices.include)
    case (.equals(let choices), _):
      choices.include(value)
    case (.ordered(let bound, let isLess, let orEqual), _):
      switch Scalar(value, asDate: bound.isInstant)?.order(to: bound) {
      case nil: false
      case 0: orEqual
      case let order?: (order < 0) == isLess
      }
    case (.contains(let substring?, _), .string(let text)):
      substring.isFound(in: text.utf8)
    case (.containsFolded(let substring), .string(let text)):
      substring.isFoundFolded(in: text)
    case (.contains, _), (.containsFolded, _):
      false
    }
  }
}

/// Operands of which a value may equal any.
struct Choices: Hashable {
  let scalars: Set<Scalar>
  private let hasDates: Bool

  init(_ scalars: [Scalar]) {
    self.scalars = Set(scalars)
    hasDates = scalars.contains(where: \.isInstant)
  }

  func include(_ value: JSONValue) -> Bool {
    if let scalar = Scalar(value), scalars.contains(scalar) { return true }
    guard hasDates, let instant = Scalar(value, asDate: true) else { return false }
    return scalars.contains(instant)
  }
}

/// A substring made ready to be found by code points in time linear in the text (Knuth, Morris and
/// Pratt); the standard library's `contains` builds its tables anew for each text, which takes
/// longer than parsing the metadata.
struct SoughtText: Hashable {
  private let bytes: [UInt8]
  /// For each count of matched bytes, less one: how many of them still match one byte later.
  private let fallback: [Int]

  init(_ text: String) {
    let bytes = Array(text.utf8)
    var fallback = [0]
    for byte in bytes.dropFirst() {
      var matched = fallback[fallback.count - 1]
      while matched > 0, bytes[matched] != byte { matched = fallback[matched - 1] }
      fallback.append(bytes[matched] == byte ? matched + 1 : 0)
    }
    self.bytes = bytes
    self.fallback = fallback
  }

  func isFound(in text: some Sequence<UInt8>) -> Bool {
    if bytes.isEmpty { return true }
    var matched = 0
    for byte in text {
      while matched > 0, bytes[matched] != byte { matched = fallback[matched - 1] }
      if bytes[matched] == byte { matched += 1 }
      if matched == bytes.count { return true }
    }
    return false
  }

  /// Whether this, folded before, is in the text whatever the case of its letters.
  func isFoundFolded(in text: String) -> Bool {
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return isFound(in: text.folded.utf8) }
    return isFound(
      in: text.utf8.lazy.map { byte in
        if case UInt8(ascii: "A")...UInt8(ascii: "Z") = byte { byte | 0x20 } else { byte }
      })
  }
}

extension String {
  /// Without differences of case: mapped to upper case and then to lower case by Unicode's tables,
  /// so that a sharp s is `ss` and the two small sigmas are one.
  fileprivate var folded: String { uppercased().lowercased() }
}
