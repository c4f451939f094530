// JSON as a value: parsing, canonical text and Codable. The store keeps metadata and reads
// filters as JSON; everything that does goes through this file.

/// A JSON document.
///
/// An integer stays an integer: `.int(1)` and `.double(1)` are different documents with different
/// text (a ``Filter`` compares them as numbers, so they match each other there). Keys that are
/// canonically equivalent in Unicode are one key, as everywhere in Swift.
public enum JSONValue: Sendable, Hashable {
  /// The literal `null`.
  case null
  /// The literal `true` or `false`.
  case bool(Bool)
  /// A number written without fraction and exponent, in the range of `Int64`.
  case int(Int64)
  /// Any other number. JSON has no NaN and no infinity: ``canonicalText`` refuses them.
  case double(Double)
  /// A string.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// An object; the order of its members means nothing.
  case object([String: JSONValue])

  /// How deep arrays and objects may be nested in text that is parsed.
  public static let maximumDepth = 256
}

/// Why a text is not JSON, or a value cannot be written as JSON.
public enum JSONError: Error, Hashable, CustomStringConvertible {
  /// The text breaks the grammar of RFC 8259 at this byte.
  case malformed(offset: Int, reason: String)
  /// Arrays and objects are nested deeper than ``JSONValue/maximumDepth``.
  case tooDeep(offset: Int)
  /// The value holds NaN or an infinity.
  case notFinite

  /// What is wrong, where, in one sentence.
  public var description: String {
    switch self {
    case .malformed(let offset, let reason):
      "not valid JSON at byte \(offset): \(reason)"
    case .tooDeep(let offset):
      "JSON nested deeper than \(JSONValue.maximumDepth) levels at byte \(offset): flatten it"
    case .notFinite:
      "NaN and infinity are not JSON numbers: leave them out or store them as strings"
    }
  }
}

// MARK: - Text

extension JSONValue {
  /// Parses one JSON document (RFC 8259, strictly). Of duplicate keys the last wins; an integer
  /// beyond `Int64` becomes a double.
  public init(parsing text: String) throws(JSONError) {
    try self.init(parsing: text.utf8)
  }

  /// Parses one JSON document from UTF-8 bytes: `Data`, `[UInt8]`, a buffer or a string's bytes.
  public init(parsing bytes: some Collection<UInt8>) throws(JSONError) {
    let result = bytes.withContiguousBytes { bytes in
      Result { () throws(JSONError) in
        var parser = JSONParser(bytes: bytes)
        return try parser.document()
      }
    }
    self = try result.get()
  }

  /// The one text of this value: no white space, members sorted by their keys' code points, only
  /// the escapes that JSON demands. Parsing it gives the same value, to the last bit of a double.
  ///
  /// Throws ``JSONError/notFinite`` where the value holds NaN or an infinity, and
  /// ``JSONError/tooDeep(offset:)`` where it is nested deeper than text that is parsed may be.
  public var canonicalText: String {
    get throws(JSONError) {
      var text: [UInt8] = []
      try write(to: &text, depth: 0)
      return String(decoding: text, as: UTF8.self)
    }
  }

  private func write(to text: inout [UInt8], depth: Int) throws(JSONError) {
    guard depth <= Self.maximumDepth else { throw .tooDeep(offset: text.count) }
    switch self {
    case .null: text += "null".utf8
    case .bool(let value): text += (value ? "true" : "false").utf8
    case .int(let value): text += value.description.utf8
    case .double(let value):
      guard value.isFinite else { throw .notFinite }
      text += value.description.utf8
    case .string(let value): Self.write(value, to: &text)
    case .array(let elements):
      var separator = UInt8(ascii: "[")
      for element in elements {
        text.append(separator)
        try element.write(to: &text, depth: depth + 1)
        separator = UInt8(ascii: ",")
      }
      text += (elements.isEmpty ? "[]" : "]").utf8
    case .object(let members):
      var separator = UInt8(ascii: "{")
      for (key, value) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
      {
        text.append(separator)
        Self.write(key, to: &text)
        text.append(UInt8(ascii: ":"))
        try value.write(to: &text, depth: depth + 1)
        separator = UInt8(ascii: ",")
      }
      text += (members.isEmpty ? "{}" : "}").utf8
    }
  }

  private static func write(_ string: String, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): text += #"\""#.utf8
      case UInt8(ascii: "\\"): text += #"\\"#.utf8
      case 0x08: text += #"\b"#.utf8
      case 0x09: text += #"\t"#.utf8
      case 0x0A: text += #"\n"#.utf8
      case 0x0C: text += #"\f"#.utf8
      case 0x0D: text += #"\r"#.utf8
      case ..<0x20: text += ((byte < 0x10 ? #"\u000"# : #"\u00"#) + String(byte, radix: 16)).utf8
      default: text.append(byte)
      }
    }
    text.append(UInt8(ascii: "\""))
  }
}

/// A strict RFC 8259 parser over UTF-8 bytes; recursion ends at ``JSONValue/maximumDepth``.
///
/// Why not Foundation: for {"category":"travel","source":"x","turn":3,"turns":12}, on Linux with
/// Swift 6.3, JSONDecoder takes 8.6 us and JSONSerialization with its conversion 4.4 us where this
/// takes 0.7 us, and a filter may read 100,000 such documents. JSONSerialization also accepts
/// trailing commas and guesses at UTF-16.
private struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  var position = 0

  /// The byte at the position, and 0 at the end: JSON allows that byte nowhere.
  /// SAFETY: the only place, with `bytes(from:)`, that reads the buffer.
  private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  private func bytes(from start: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes[start..<position])
  }

  private func failure(_ reason: String) -> JSONError {
    .malformed(offset: position, reason: reason)
  }

  mutating func document() throws(JSONError) -> JSONValue {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw failure("text after the end of the document") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipSpace()
    switch current {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("expected a value")
    }
  }

  private mutating func skipSpace() {
    while current == 0x20 || current == 0x0A || current == 0x0D || current == 0x09 {
      position += 1
    }
  }

  /// Steps over this byte if it is next.
  private mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  private mutating func literal(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONError) -> JSONValue {
    for index in 0..<word.utf8CodeUnitCount where !take(word.utf8Start[index]) {
      throw failure("expected \(word)")
    }
    return value
  }

  private mutating func object(depth: Int) throws(JSONError) -> [String: JSONValue] {
    guard depth <= JSONValue.maximumDepth else { throw .tooDeep(offset: position) }
    // Room for most metadata at once: growing on the way costs a third of the time.
    var members = [String: JSONValue](minimumCapacity: 6)
    position += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return members }
    repeat {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw failure("expected a key in quotes") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw failure("expected a colon after the key") }
      members[key] = try value(depth: depth)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw failure("expected a comma or }") }
    return members
  }

  private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    guard depth <= JSONValue.maximumDepth else { throw .tooDeep(offset: position) }
    var elements: [JSONValue] = []
    position += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return elements }
    repeat {
      elements.append(try value(depth: depth))
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw failure("expected a comma or ]") }
    return elements
  }

  private mutating func string() throws(JSONError) -> String {
    let opening = position
    position += 1
    var unescaped: [UInt8] = []
    var start = position
    while true {
      switch current {
      case UInt8(ascii: "\""):
        let tail = bytes(from: start)
        let text =
          unescaped.isEmpty
          ? String(validating: tail, as: UTF8.self)
          : String(validating: unescaped + tail, as: UTF8.self)
        position += 1
        guard let text else {
          throw .malformed(offset: opening, reason: "the string is not valid UTF-8")
        }
        return text
      case UInt8(ascii: "\\"):
        unescaped += bytes(from: start)
        position += 1
        unescaped += try escape().utf8
        start = position
      case ..<0x20:
        throw failure(
          position < bytes.count
            ? "a control character in a string needs an escape" : "the string has no end")
      default:
        position += 1
      }
    }
  }

  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let letter = current
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let unit = try hexadecimalUnit()
      if let scalar = Unicode.Scalar(unit) { return scalar }
      if UTF16.isLeadSurrogate(unit), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
        let trail = try hexadecimalUnit()
        let pair = 0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(trail & 0x3FF))
        if UTF16.isTrailSurrogate(trail), let scalar = Unicode.Scalar(pair) { return scalar }
      }
      throw failure("half of a surrogate pair")
    default:
      position -= 1
      throw failure("unknown escape")
    }
  }

  private mutating func hexadecimalUnit() throws(JSONError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(current)).hexDigitValue else {
        throw failure("\\u needs four hexadecimal digits")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    let negative = take(UInt8(ascii: "-"))
    var magnitude: UInt64 = 0
    var isInteger = true
    if !take(UInt8(ascii: "0")) {
      try digits { digit in
        let (product, productOverflow) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, sumOverflow) = product.addingReportingOverflow(UInt64(digit))
        magnitude = sum
        if productOverflow || sumOverflow { isInteger = false }
      }
    }
    if take(UInt8(ascii: ".")) {
      isInteger = false
      try digits { _ in }
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits { _ in }
    }
    if isInteger, magnitude <= UInt64(Int64.max) {
      return .int(negative ? -Int64(magnitude) : Int64(magnitude))
    }
    if isInteger, negative, magnitude == Int64.min.magnitude { return .int(.min) }
    let text = String(decoding: bytes(from: start), as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw .malformed(offset: start, reason: "the number is beyond the range of a double")
    }
    return .double(value)
  }

  /// Steps over one digit or more.
  private mutating func digits(_ visit: (UInt8) -> Void) throws(JSONError) {
    let start = position
    while case UInt8(ascii: "0")...UInt8(ascii: "9") = current {
      visit(current - UInt8(ascii: "0"))
      position += 1
    }
    if position == start { throw failure("expected a digit") }
  }
}

extension Collection<UInt8> {
  /// Calls the body with these bytes in one piece, copied only where they are not so already.
  func withContiguousBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    withContiguousStorageIfAvailable(body) ?? Array(self).withUnsafeBufferPointer(body)
  }
}

// MARK: - Codable

extension JSONValue: Codable {
  /// Decodes any JSON value. A decoder that does not tell `1.0` from `1`, such as `JSONDecoder`,
  /// gives an integer for both; ``init(parsing:)`` keeps them apart.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    // Whatever the error, the value may still be of another type: for -1.5e-300 as an Int64
    // JSONDecoder throws one that is not even a DecodingError. The last attempt's error counts.
    func decoded<Value: Decodable>(_ type: Value.Type) -> Value? {
      do { return try container.decode(type) } catch { return nil }
    }
    if container.decodeNil() {
      self = .null
    } else if let value = decoded(Bool.self) {
      self = .bool(value)
    } else if let value = decoded(Int64.self) {
      self = .int(value)
    } else if let value = decoded(Double.self) {
      self = .double(value)
    } else if let value = decoded(String.self) {
      self = .string(value)
    } else if let value = decoded([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// Encodes the value; NaN and the infinities are refused.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .double(let value):
      guard value.isFinite else {
        throw EncodingError.invalidValue(
          value,
          .init(codingPath: encoder.codingPath, debugDescription: "\(JSONError.notFinite)"))
      }
      try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let elements): try container.encode(elements)
    case .object(let members): try container.encode(members)
    }
  }
}

// MARK: - Literals

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// `nil` is ``null``.
  public init(nilLiteral: ()) { self = .null }
  /// `true` and `false` are a ``bool(_:)``.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer literal is an ``int(_:)``.
  public init(integerLiteral value: Int64) { self = .int(value) }
  /// A literal with a fraction is a ``double(_:)``.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A string literal is a ``string(_:)``.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An array literal is an ``array(_:)``.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// A dictionary literal is an ``object(_:)``; of duplicate keys the last wins.
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    self = .object(Dictionary(members, uniquingKeysWith: { $1 }))
  }
}
