import EngramStore
import Foundation
import Testing

@Suite struct JSONValueTests {
  @Test(
    arguments: [
      ("null", JSONValue.null), ("true", true), (" false\r\n\t", false),
      ("0", 0), ("-0", 0), ("-12", -12), ("1.0", 1.0), ("1E2", 100.0), ("1.5e-3", 0.0015),
      ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
      ("9223372036854775808", .double(9_223_372_036_854_775_808)),
      ("-9223372036854775809", .double(-9_223_372_036_854_775_808)),
      ("123456789012345678901234567890", .double(123_456_789_012_345_677_877_719_597_056)),
      ("1e-400", 0.0),
      (#""""#, ""), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{c}\n\r\t"),
      (#""\u00e9\u20AC\ud83d\ude00""#, "\u{e9}\u{20ac}\u{1f600}"), (#""\u0000""#, "\0"),
      ("\"\u{e9}\u{1f600}\u{7f}\"", "\u{e9}\u{1f600}\u{7f}"),
      ("[]", []), ("[ 1 , [ ] ]", [1, []]), ("{}", [:]), (#"{ "a" : { } }"#, ["a": [:]]),
      (#"{"a":1,"b":2,"a":3}"#, ["a": 3, "b": 2]), (#"{"":null}"#, ["": nil]),
    ] as [(String, JSONValue)])
  func validTextIsParsed(text: String, expected: JSONValue) throws {
    #expect(try JSONValue(parsing: text) == expected)
    #expect(try JSONValue(parsing: Data(text.utf8)) == expected)
    #expect(try JSONValue(parsing: AnyCollection(text.utf8)) == expected)
  }

  @Test(arguments: [
    "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e",
    "1e+", "0x1", "1 2", "1e400", "-1e400", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"",
    "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
    "\"a\nb\"", "\"\u{1}\"", "'a'", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "}",
    "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{1:1}",
    "{\"a\":1 \"b\":2}", "[1]]", "// c\n1", "\u{feff}1", "\0", "1\0",
  ])
  func invalidTextIsRefused(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test(
    arguments: [
      [0xFF], [0x80], [0xC0, 0x80], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xF0, 0x9F, 0x98],
    ] as [[UInt8]])
  func invalidUTF8IsRefused(bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    #expect(throws: JSONError.malformed(offset: 0, reason: "the string is not valid UTF-8")) {
      try JSONValue(parsing: [quote] + bytes + [quote])
    }
    #expect(throws: JSONError.self) {
      try JSONValue(parsing: [quote] + Array("\\n".utf8) + bytes + [quote])
    }
  }

  @Test func depthIsLimited() throws {
    let limit = JSONValue.maximumDepth
    for (opening, middle, closing) in [("[", "", "]"), (#"{"a":"#, "1", "}")] {
      func text(_ depth: Int) -> String {
        String(repeating: opening, count: depth) + middle + String(repeating: closing, count: depth)
      }
      _ = try JSONValue(parsing: text(limit))
      #expect(throws: JSONError.tooDeep(offset: limit * opening.utf8.count)) {
        try JSONValue(parsing: text(limit + 1))
      }
    }
    #expect(throws: JSONError.self) {
      try JSONValue(parsing: String(repeating: "[", count: 1_000_000))
    }
  }

  @Test(
    arguments: [
      (JSONValue.null, "null"), (true, "true"), (-3, "-3"), (1.0, "1.0"), (-0.0, "-0.0"),
      (1e20, "1e+20"), (0.1, "0.1"), ([], "[]"), ([1, nil], "[1,null]"), ([:], "{}"),
      (["b": 1, "a": [2], "B": 3], #"{"B":3,"a":[2],"b":1}"#),
      (
        "\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}\u{e9}",
        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\u{e9}\""
      ),
    ] as [(JSONValue, String)])
  func canonicalTextIsSortedAndMinimal(value: JSONValue, text: String) throws {
    #expect(try value.canonicalText == text)
  }

  @Test func keysSortByCodePoints() throws {
    // In UTF-16 the order would be the other way round.
    let value: JSONValue = ["\u{1f600}": 1, "\u{fb33}": 2]
    #expect(try value.canonicalText == "{\"\u{fb33}\":2,\"\u{1f600}\":1}")
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func nonFiniteNumbersAreRefused(number: Double) {
    #expect(throws: JSONError.notFinite) { try JSONValue.array([.double(number)]).canonicalText }
    #expect(throws: EncodingError.self) { try JSONEncoder().encode(JSONValue.double(number)) }
  }

  @Test func textRoundTrips() throws {
    var random = RandomJSON(seed: 1)
    for _ in 0..<20_000 {
      let value = random.value(depth: 4)
      let text = try value.canonicalText
      let parsed = try JSONValue(parsing: text)
      #expect(parsed == value)
      #expect(try parsed.canonicalText == text)
    }
  }

  /// Foundation is the second opinion on the text; it does not tell 1.0 from 1.
  @Test func foundationReadsTheSameValue() throws {
    var random = RandomJSON(seed: 2)
    let encoder = JSONEncoder()
    for _ in 0..<2_000 {
      let value = random.value(depth: 3)
      let text = try value.canonicalText
      let decoded = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
      #expect(decoded.withNumbersAsDoubles == value.withNumbersAsDoubles)
      let encoded = try JSONValue(parsing: encoder.encode(value))
      #expect(encoded.withNumbersAsDoubles == value.withNumbersAsDoubles)
    }
  }

  @Test(arguments: [-1.5e-300, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e19])
  func everyFiniteNumberDecodes(number: Double) throws {
    let data = try JSONEncoder().encode(number)
    #expect(try JSONDecoder().decode(JSONValue.self, from: data) == .double(number))
  }

  @Test func damagedBytesNeverTrap() throws {
    var random = RandomJSON(seed: 3)
    for _ in 0..<50_000 {
      let bytes = random.damaged(Array(try random.value(depth: 3).canonicalText.utf8))
      guard case .success(let value) = Result(catching: { try JSONValue(parsing: bytes) }) else {
        continue
      }
      #expect(try JSONValue(parsing: value.canonicalText) == value)
    }
  }

  @Test func everyTruncationOfAnObjectIsRefused() throws {
    let text = #"{"a":[1.5e3,true,null,"\ud83d\ude00\u00e9"],"b":{"c":false}}"#
    let bytes = Array(text.utf8)
    for count in 0..<bytes.count {
      #expect(throws: JSONError.self) { try JSONValue(parsing: bytes.prefix(count)) }
    }
  }

  @Test func errorsSayWhereAndWhat() {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: #"{"a":1,}"#) }
    #expect(error?.description == "not valid JSON at byte 7: expected a key in quotes")
  }
}

extension JSONValue {
  fileprivate var withNumbersAsDoubles: JSONValue {
    switch self {
    case .int(let value): .double(Double(value))
    case .array(let elements): .array(elements.map(\.withNumbersAsDoubles))
    case .object(let members): .object(members.mapValues(\.withNumbersAsDoubles))
    default: self
    }
  }
}

/// Random JSON from a seed (SplitMix64), and random damage to bytes.
struct RandomJSON: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &self)]
  }

  mutating func value(depth: Int) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &self) {
    case 0: return .null
    case 1: return .bool(.random(using: &self))
    case 2: return .int(Int64(truncatingIfNeeded: next()) >> Int64.random(in: 0..<64, using: &self))
    case 3:
      let value = Double(bitPattern: next())
      return .double(value.isFinite ? value : 0.1)
    case 4, 5: return .string(string())
    case 6:
      let count = Int.random(in: 0..<5, using: &self)
      return .array((0..<count).map { _ in value(depth: depth - 1) })
    default:
      var members: [String: JSONValue] = [:]
      for _ in 0..<Int.random(in: 0..<9, using: &self) {
        members[string()] = value(depth: depth - 1)
      }
      return .object(members)
    }
  }

  private mutating func string() -> String {
    var scalars = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0..<12, using: &self) {
      let limit: UInt32 = pick([0x20, 0x80, 0x80, 0x800, 0x11_0000])
      scalars.append(Unicode.Scalar(UInt32.random(in: 0..<limit, using: &self)) ?? "\"")
    }
    return String(scalars)
  }

  /// The bytes with a few of them cut, changed, doubled or inserted.
  mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &self) {
      let index = Int.random(in: 0...bytes.count, using: &self)
      switch Int.random(in: 0..<4, using: &self) {
      case 0: bytes.removeLast(bytes.count - index)
      case 1: bytes.insert(UInt8(truncatingIfNeeded: next()), at: index)
      case 2: bytes.insert(pick(Array(#"{}[]":,\u0eE-+.tfn"#.utf8)), at: index)
      default: if index < bytes.count { bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &self) }
      }
    }
    return bytes
  }
}
