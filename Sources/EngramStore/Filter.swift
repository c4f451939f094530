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

    private let path: [String]
    private let condition: Condition

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
      path = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      condition = try Condition(key: key, `operator`, operand)
    }

    /// Whether the metadata, a JSON object, meets the comparison.
    public func matches(_ metadata: JSONValue) -> Bool {
      let holds =
        switch value(in: metadata) {
        case nil, .null: false
        case let value?: condition.holds(for: value)
        }
      return holds != (self.operator == .ne || self.operator == .nin)
    }

    private func value(in metadata: JSONValue) -> JSONValue? {
      guard case .object(let members) = metadata else { return nil }
      if let value = members[key] { return value }
      if path.count == 1 { return nil }
      return path.reduce(.some(metadata)) { value, part in
        guard case .object(let members) = value else { return nil }
        return members[part]
      }
    }
  }
}

/// What an operator asks of a value that is there, with the operand made ready. `ne` and `nin` are
/// here as the `eq` and `in` that they negate.
private enum Condition: Hashable {
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
private struct Choices: Hashable {
  private let scalars: Set<Scalar>
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

/// A single value in the one form in which it compares.
private enum Scalar: Hashable {
  case bool(Bool)
  /// An integer, also where it was written as a double.
  case integer(Int64)
  /// A double that no `Int64` equals.
  case double(Double)
  case text(ExactString)
  case instant(Int64)

  /// Nil for null, a list, an object, NaN and infinities, and for a string that should be a date
  /// and is none.
  init?(_ value: JSONValue, asDate: Bool = false) {
    switch value {
    case .null, .array, .object:
      return nil
    case .bool(let value):
      self = .bool(value)
    case .int(let value):
      self = .integer(value)
    case .double(let value):
      guard value.isFinite else { return nil }
      self = Int64(exactly: value).map(Scalar.integer) ?? .double(value)
    case .string(let text):
      guard asDate else {
        self = .text(ExactString(text))
        return
      }
      guard let microseconds = ISO8601.parse(text) else { return nil }
      self = .instant(microseconds)
    }
  }

  var isInstant: Bool {
    if case .instant = self { true } else { false }
  }

  /// Negative, zero or positive as this is less than, equal to or greater than the other; nil where
  /// the two do not compare.
  func order(to other: Scalar) -> Int? {
    func order<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
      left < right ? -1 : left == right ? 0 : 1
    }
    switch (self, other) {
    case (.integer(let left), .integer(let right)), (.instant(let left), .instant(let right)):
      return order(left, right)
    case (.double(let left), .double(let right)):
      return order(left, right)
    case (.integer(let left), .double(let right)):
      // A double is never equal to an integer here, so one above its floor is above the double.
      guard let floor = Int64(exactly: right.rounded(.down)) else { return right > 0 ? -1 : 1 }
      return left <= floor ? -1 : 1
    case (.double, .integer):
      return other.order(to: self).map { -$0 }
    case (.text(let left), .text(let right)):
      return order(left, right)
    default:
      return nil
    }
  }
}

/// A substring made ready to be found by code points in time linear in the text (Knuth, Morris and
/// Pratt); the standard library's `contains` builds its tables anew for each text, which takes
/// longer than parsing the metadata.
private struct SoughtText: Hashable {
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
