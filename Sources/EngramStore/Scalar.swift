/// A single value in the one form in which it compares.
enum Scalar: Hashable {
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
