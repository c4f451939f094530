import EngramStore
import Foundation
import Testing

/// Each rule of the language by examples: a filter, and metadata that it matches or not.
@Suite struct FilterMeaningTests {
  @Test(arguments: [
    // Logic and nesting.
    ("{}", "{}", true),
    (#"{"AND":[]}"#, "{}", true),
    (#"{"OR":[]}"#, "{}", false),
    (#"{"NOT":[]}"#, "{}", true),
    (#"{"a":1,"b":2}"#, #"{"a":1,"b":2}"#, true),
    (#"{"a":1,"b":2}"#, #"{"a":1,"b":3}"#, false),
    (#"{"a":{"gt":1,"lt":3}}"#, #"{"a":2}"#, true),
    (#"{"a":{"gt":1,"lt":3}}"#, #"{"a":3}"#, false),
    (#"{"OR":[{"a":1},{"b":1}]}"#, #"{"b":1}"#, true),
    (#"{"OR":[{"a":1},{"b":1}]}"#, #"{"b":2}"#, false),
    (#"{"NOT":[{"a":1},{"b":1}]}"#, #"{"a":2,"b":2}"#, true),
    (#"{"NOT":[{"a":1},{"b":1}]}"#, #"{"a":1,"b":2}"#, false),
    (#"{"NOT":{"a":1,"b":1}}"#, #"{"a":1,"b":2}"#, true),
    (#"{"AND":[{"OR":[{"a":1},{"a":2}]},{"NOT":{"b":1}}],"c":3}"#, #"{"a":2,"c":3}"#, true),
    (#"{"AND":[{"OR":[{"a":1},{"a":2}]},{"NOT":{"b":1}}],"c":3}"#, #"{"a":2,"b":1,"c":3}"#, false),
    // Presence.
    (#"{"a":"*"}"#, #"{"a":false}"#, true),
    (#"{"a":"*"}"#, #"{"a":[]}"#, true),
    (#"{"a":"*"}"#, #"{"a":null}"#, false),
    (#"{"a":"*"}"#, "{}", false),
    (#"{"NOT":[{"a":"*"}]}"#, #"{"a":null}"#, true),
    (#"{"a":{"eq":"*"}}"#, #"{"a":"x"}"#, false),
    (#"{"a":{"eq":"*"}}"#, #"{"a":"*"}"#, true),
    // Paths: the key as it stands first, then its parts.
    (#"{"a.b":1}"#, #"{"a":{"b":1}}"#, true),
    (#"{"a.b":1}"#, #"{"a.b":1}"#, true),
    (#"{"a.b":1}"#, #"{"a.b":2,"a":{"b":1}}"#, false),
    (#"{"a.b.c":1}"#, #"{"a":{"b":{"c":1}}}"#, true),
    (#"{"a.b.c":1}"#, #"{"a":{"b":1}}"#, false),
    (#"{"a.b":1}"#, #"{"a":[{"b":1}]}"#, false),
    (#"{".":1}"#, #"{"":{"":1}}"#, true),
    // Types never mix; integers and doubles are one type and compare exactly.
    (#"{"a":"1"}"#, #"{"a":1}"#, false),
    (#"{"a":1}"#, #"{"a":"1"}"#, false),
    (#"{"a":1}"#, #"{"a":true}"#, false),
    (#"{"a":true}"#, #"{"a":1}"#, false),
    (#"{"a":true}"#, #"{"a":true}"#, true),
    (#"{"a":1}"#, #"{"a":1.0}"#, true),
    (#"{"a":1.0}"#, #"{"a":1}"#, true),
    (#"{"a":0}"#, #"{"a":-0.0}"#, true),
    (#"{"a":9007199254740993}"#, #"{"a":9007199254740992.0}"#, false),
    (#"{"a":{"gt":9007199254740992.0}}"#, #"{"a":9007199254740993}"#, true),
    (#"{"a":{"lt":9223372036854775808}}"#, #"{"a":9223372036854775807}"#, true),
    (#"{"a":{"gt":-1e300}}"#, #"{"a":-9223372036854775808}"#, true),
    (#"{"a":{"gt":1.5}}"#, #"{"a":2}"#, true),
    (#"{"a":{"gt":1.5}}"#, #"{"a":1}"#, false),
    (#"{"a":{"lt":-1.5}}"#, #"{"a":-2}"#, true),
    (#"{"a":{"gt":1}}"#, #"{"a":1.5}"#, true),
    (#"{"a":{"gte":1}}"#, #"{"a":1.0}"#, true),
    (#"{"a":{"gt":1}}"#, #"{"a":"2"}"#, false),
    (#"{"a":{"gt":0}}"#, #"{"a":true}"#, false),
    (#"{"a":{"lte":"b"}}"#, #"{"a":"b"}"#, true),
    (#"{"a":{"lt":"b"}}"#, #"{"a":1}"#, false),
    (#"{"a":1}"#, #"{"a":{"b":1}}"#, false),
    // Strings compare by code points, neither by UTF-16 nor up to normalisation.
    (#"{"a":{"gt":"\ufb33"}}"#, #"{"a":"\ud83d\ude00"}"#, true),
    (#"{"a":{"gt":"a"}}"#, #"{"a":"Z"}"#, false),
    (#"{"a":{"gt":"a"}}"#, #"{"a":"aa"}"#, true),
    (#"{"a":"\u00e9"}"#, #"{"a":"e\u0301"}"#, false),
    (#"{"a":{"in":["\u00e9"]}}"#, #"{"a":"e\u0301"}"#, false),
    (#"{"a":{"in":["\u00e9","e\u0301"]}}"#, #"{"a":"e\u0301"}"#, true),
    // Missing and null: positive operators are false, ne and nin are true.
    (#"{"a":{"gte":0}}"#, #"{"a":null}"#, false),
    (#"{"a":{"lte":0}}"#, "{}", false),
    (#"{"a":{"contains":""}}"#, "{}", false),
    (#"{"a":{"icontains":""}}"#, #"{"a":null}"#, false),
    (#"{"a":{"in":[1]}}"#, "{}", false),
    (#"{"a":{"ne":1}}"#, "{}", true),
    (#"{"a":{"ne":1}}"#, #"{"a":null}"#, true),
    (#"{"a":{"nin":[1]}}"#, #"{"a":null}"#, true),
    (#"{"NOT":[{"a":{"ne":1}}]}"#, "{}", false),
    // in and nin.
    (#"{"a":{"in":[1,"x",true]}}"#, #"{"a":"x"}"#, true),
    (#"{"a":{"in":[1,"x"]}}"#, #"{"a":1.0}"#, true),
    (#"{"a":{"in":[]}}"#, #"{"a":1}"#, false),
    (#"{"a":{"nin":[]}}"#, #"{"a":1}"#, true),
    (#"{"a":{"nin":[1,2]}}"#, #"{"a":2}"#, false),
    // Lists: eq, in and contains ask for any element, one level deep.
    (#"{"a":1}"#, #"{"a":[2,1.0]}"#, true),
    (#"{"a":{"ne":1}}"#, #"{"a":[2,1]}"#, false),
    (#"{"a":{"ne":1}}"#, #"{"a":[]}"#, true),
    (#"{"a":{"in":[3,2]}}"#, #"{"a":[1,2]}"#, true),
    (#"{"a":{"nin":[3,2]}}"#, #"{"a":[1,2]}"#, false),
    (#"{"a":{"contains":"x"}}"#, #"{"a":["y","x"]}"#, true),
    (#"{"a":{"contains":"x"}}"#, #"{"a":["xy"]}"#, false),
    (#"{"a":{"contains":2}}"#, #"{"a":[1,2]}"#, true),
    (#"{"a":1}"#, #"{"a":[[1],null,{"b":1}]}"#, false),
    (#"{"a":{"gt":1}}"#, #"{"a":[2]}"#, false),
    (#"{"a":{"icontains":"x"}}"#, #"{"a":["x"]}"#, false),
    // Substrings.
    (#"{"a":{"contains":"aab"}}"#, #"{"a":"aaaab"}"#, true),
    (#"{"a":{"contains":"abac"}}"#, #"{"a":"ababac"}"#, true),
    (#"{"a":{"contains":"AB"}}"#, #"{"a":"ab"}"#, false),
    (#"{"a":{"contains":""}}"#, #"{"a":""}"#, true),
    (#"{"a":{"contains":"e"}}"#, #"{"a":"e\u0301"}"#, true),
    (#"{"a":{"contains":1}}"#, #"{"a":1}"#, false),
    (#"{"a":{"contains":"1"}}"#, #"{"a":1}"#, false),
    (#"{"a":{"icontains":"RAV"}}"#, #"{"a":"Travel"}"#, true),
    (#"{"a":{"icontains":"ravz"}}"#, #"{"a":"Travel"}"#, false),
    (#"{"a":{"icontains":"\u00c9T\u00c9"}}"#, #"{"a":"l'\u00e9t\u00e9"}"#, true),
    (#"{"a":{"icontains":"STRASSE"}}"#, #"{"a":"Hauptstra\u00dfe"}"#, true),
    (#"{"a":{"icontains":"stra\u00dfe"}}"#, #"{"a":"STRASSE"}"#, true),
    (#"{"a":{"icontains":"\u03bf\u03c2"}}"#, #"{"a":"\u039f\u03a3"}"#, true),
    // Dates: only where the filter has one.
    (#"{"a":"2026-01-01T00:00:00Z"}"#, #"{"a":"2026-01-01T01:00:00+01:00"}"#, true),
    (#"{"a":"2026-01-01"}"#, #"{"a":"2026-01-01 00:00:00.000000"}"#, true),
    (#"{"a":{"ne":"2026-01-01"}}"#, #"{"a":"2026-01-01T00:00Z"}"#, false),
    (#"{"a":{"in":["x","2026-01-01"]}}"#, #"{"a":"2026-01-01T00:00Z"}"#, true),
    (#"{"a":{"in":["x","2026-01-01"]}}"#, #"{"a":"x"}"#, true),
    (#"{"a":{"contains":"2026-01-01"}}"#, #"{"a":["2026-01-01T00:00Z"]}"#, true),
    (#"{"a":{"contains":"2026-01-01"}}"#, #"{"a":"on 2026-01-01 at noon"}"#, true),
    (#"{"a":{"gt":"2026-01-01T00:00:00Z"}}"#, #"{"a":"2026-01-01T00:30:00+01:00"}"#, false),
    (#"{"a":{"gt":"2026-01-01"}}"#, #"{"a":"2026-01-01T00:00:00.000001Z"}"#, true),
    (#"{"a":{"gt":"2026-01-01"}}"#, #"{"a":"zzz"}"#, false),
    (#"{"a":{"lt":"2026-01-01"}}"#, #"{"a":"1"}"#, false),
    (#"{"a":{"lt":"2026-01-01"}}"#, #"{"a":1}"#, false),
    (#"{"a":{"gt":"2026-01"}}"#, #"{"a":"2026-01-01"}"#, true),
  ])
  func example(filter: String, metadata: String, expected: Bool) throws {
    let filter = try Filter(parsing: filter)
    #expect(filter.matches(try JSONValue(parsing: metadata)) == expected)
    #expect(try Filter(json: filter.canonicalJSON) == filter)
  }

  @Test(arguments: [JSONValue.null, 1, "a", [["a": 1]]])
  func metadataThatIsNoObjectHasNoKeys(metadata: JSONValue) throws {
    #expect(try !Filter(parsing: #"{"a":"*"}"#).matches(metadata))
    #expect(try Filter(parsing: #"{"a":{"ne":1}}"#).matches(metadata))
  }

  @Test(arguments: [Double.nan, .infinity])
  func numbersThatJSONDoesNotHaveCompareWithNothing(number: Double) throws {
    for name in ["eq", "gt", "gte", "lt", "lte"] {
      let filter = try Filter(json: ["a": [name: 1]])
      #expect(!filter.matches(["a": .double(number)]))
    }
    #expect(throws: FilterError.self) { try Filter(json: ["a": .double(number)]) }
  }

  @Test func filtersThatMatchDifferentlyAreNotEqual() throws {
    #expect(
      try Filter(parsing: #"{"a":"\u00e9"}"#) != Filter(parsing: #"{"a":"e\u0301"}"#))
  }
}

@Suite struct FilterErrorTests {
  @Test(arguments: [
    (#"{"a":}"#, #"the filter is not valid JSON at byte 5: expected a value"#),
    ("[]", "the top level takes filters"),
    (#"{"AND":[1]}"#, #""AND" takes filters"#),
    (#"{"NOT":1}"#, #""NOT" takes filters"#),
    (#"{"OR":{"a":1}}"#, #""OR" takes a list of filters"#),
    (#"{"":1}"#, "a filter key is empty"),
    (#"{"":{"eq":1}}"#, "a filter key is empty"),
    (#"{"a":{}}"#, #"key "a" has an empty operator object"#),
    (#"{"a":{"like":1}}"#, #"key "a" has the unknown operator "like": use one of eq, ne, gt"#),
    (#"{"a":{"*":1}}"#, #"key "a" has the unknown operator "*""#),
    (#"{"a":{"EQ":1}}"#, #"key "a" has the unknown operator "EQ""#),
    (#"{"a":[1]}"#, #"operator "eq" of key "a" takes a string, a number or a Boolean; for a list"#),
    (#"{"a":{"eq":{}}}"#, #"operator "eq" of key "a" takes a string"#),
    (#"{"a":{"in":1}}"#, #"operator "in" of key "a" takes a list"#),
    (#"{"a":{"nin":[[1]]}}"#, #"operator "nin" of key "a" takes a list"#),
    (#"{"a":{"gt":true}}"#, #"operator "gt" of key "a" takes a number, a string or a date"#),
    (#"{"a":{"lte":[1]}}"#, #"operator "lte" of key "a" takes a number"#),
    (#"{"a":{"contains":[1]}}"#, #"operator "contains" of key "a" takes"#),
    (#"{"a":{"icontains":1}}"#, #"operator "icontains" of key "a" takes a string"#),
    (#"{"a":null}"#, #"operator "eq" of key "a" cannot take null: write {"NOT": [{"a": "*"}]}"#),
    (#"{"a":{"ne":null}}"#, #"operator "ne" of key "a" cannot take null"#),
    (#"{"a":{"in":[1,null]}}"#, #"operator "in" of key "a" cannot take null"#),
    (#"{"a":{"lt":null}}"#, #"operator "lt" of key "a" cannot take null"#),
  ])
  func messageNamesKeyAndOperator(filter: String, message: String) {
    let error = #expect(throws: FilterError.self) { try Filter(parsing: filter) }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }

  @Test func comparisonsMadeByHandAreCheckedToo() throws {
    _ = try Filter.Comparison(key: "a", .exists, "*")
    #expect(throws: FilterError.emptyKey) { try Filter.Comparison(key: "", .eq, 1) }
    #expect(throws: FilterError.reservedKey("AND")) { try Filter.Comparison(key: "AND", .eq, 1) }
    #expect(throws: FilterError.self) { try Filter.Comparison(key: "a", .exists, true) }
  }

  @Test(arguments: ["AND", "OR", "NOT"])
  func nestingIsLimited(name: String) throws {
    func text(levels: Int, _ inner: String) -> String {
      String(repeating: "{\"\(name)\":[", count: levels) + inner
        + String(repeating: "]}", count: levels)
    }
    for inner in [#"{"a":{"in":[1]}}"#, "{}"] {
      let deepest = try Filter(parsing: text(levels: Filter.maximumDepth, inner))
      #expect(try Filter(parsing: deepest.canonicalJSON.canonicalText) == deepest)
      #expect(throws: FilterError.tooDeep) {
        try Filter(parsing: text(levels: Filter.maximumDepth + 1, inner))
      }
    }
    // What stands together in one object is a level of its own, as in the canonical form.
    for inner in [#"{"a":1,"b":1}"#, #"{"a":{"gt":1,"lt":2}}"#] {
      _ = try Filter(parsing: text(levels: Filter.maximumDepth - 1, inner))
      #expect(throws: FilterError.tooDeep) {
        try Filter(parsing: text(levels: Filter.maximumDepth, inner))
      }
    }
  }
}

@Suite struct FilterPropertyTests {
  private static let pairs = 30_000

  @Test func agreesWithTheNaiveReading() throws {
    var random = RandomJSON(seed: 11)
    var matches = 0
    for _ in 0..<Self.pairs {
      let (filter, metadata) = (random.filter(depth: 3), random.metadata())
      let expected = naive(filter, metadata)
      matches += expected ? 1 : 0
      #expect(
        try Filter(json: filter).matches(metadata) == expected, "\(filter) on \(metadata)")
    }
    #expect((Self.pairs / 5..<Self.pairs * 4 / 5).contains(matches))
  }

  @Test func logicFollowsDeMorgan() throws {
    var random = RandomJSON(seed: 12)
    for _ in 0..<Self.pairs {
      let a = try Filter(json: random.filter(depth: 2))
      let b = try Filter(json: random.filter(depth: 2))
      let metadata = random.metadata()
      #expect(
        Filter.not(.and([a, b])).matches(metadata)
          == Filter.or([.not(a), .not(b)]).matches(metadata))
      #expect(
        Filter.not(.or([a, b])).matches(metadata)
          == Filter.and([.not(a), .not(b)]).matches(metadata))
      #expect(Filter.not(.not(a)).matches(metadata) == a.matches(metadata))
    }
  }

  @Test func negativeOperatorsNegate() throws {
    var random = RandomJSON(seed: 13)
    for _ in 0..<Self.pairs {
      let (key, metadata) = (random.key(), random.metadata())
      let (operand, list) = (random.scalar(), JSONValue.array([random.scalar(), random.scalar()]))
      for (positive, negative, operand) in [("eq", "ne", operand), ("in", "nin", list)] {
        #expect(
          try Filter(json: [key: [positive: operand]]).matches(metadata)
            != Filter(json: [key: [negative: operand]]).matches(metadata))
      }
    }
  }

  @Test func canonicalJSONRoundTrips() throws {
    var random = RandomJSON(seed: 14)
    for _ in 0..<Self.pairs {
      let filter = try Filter(json: random.filter(depth: 4))
      #expect(try Filter(json: filter.canonicalJSON) == filter)
      #expect(try Filter(parsing: filter.canonicalJSON.canonicalText) == filter)
    }
  }

  @Test func damagedTextNeverTraps() throws {
    var random = RandomJSON(seed: 15)
    for _ in 0..<Self.pairs {
      let bytes = random.damaged(Array(try random.filter(depth: 3).canonicalText.utf8))
      let text = String(decoding: bytes, as: UTF8.self)
      guard case .success(let filter) = Result(catching: { try Filter(parsing: text) }) else {
        continue
      }
      _ = filter.matches(random.metadata())
      #expect(try Filter(json: filter.canonicalJSON) == filter)
    }
  }
}

// MARK: - A second reading of the language, for comparison: slow, from the JSON itself

private func naive(_ filter: JSONValue, _ metadata: JSONValue) -> Bool {
  guard case .object(let members) = filter else { return false }
  for (key, value) in members {
    let holds: Bool
    switch (key, value) {
    case ("AND", .array(let list)): holds = list.allSatisfy { naive($0, metadata) }
    case ("OR", .array(let list)): holds = list.contains { naive($0, metadata) }
    case ("NOT", .array(let list)): holds = !list.contains { naive($0, metadata) }
    case ("NOT", _): holds = !naive(value, metadata)
    case (_, .object(let operators)):
      let stored = naiveLookup(key, metadata)
      holds = operators.allSatisfy { naive(stored, $0.key, $0.value) }
    case (_, "*"): holds = naiveLookup(key, metadata) != .null
    default: holds = naive(naiveLookup(key, metadata), "eq", value)
    }
    if !holds { return false }
  }
  return true
}

private func naiveLookup(_ key: String, _ metadata: JSONValue) -> JSONValue {
  guard case .object(let members) = metadata else { return .null }
  if let value = members[key] { return value }
  guard let dot = key.firstIndex(of: ".") else { return .null }
  // Every member on the way is without dots in these tests.
  return naiveLookup(String(key[key.index(after: dot)...]), members[String(key[..<dot])] ?? .null)
}

private func naive(_ stored: JSONValue, _ name: String, _ operand: JSONValue) -> Bool {
  switch (name, stored, operand) {
  case ("ne", _, _): return !naive(stored, "eq", operand)
  case ("nin", _, _): return !naive(stored, "in", operand)
  case ("in", _, .array(let operands)): return operands.contains { naive(stored, "eq", $0) }
  case ("eq", .array(let elements), _), ("contains", .array(let elements), _):
    return elements.contains { naiveOrder($0, operand) == .orderedSame }
  case ("contains", .string(let text), .string(let part)):
    let (text, part) = (Array(text.unicodeScalars), Array(part.unicodeScalars))
    return text.indices.contains { text[$0...].starts(with: part) } || part.isEmpty
  case ("icontains", .string(let text), .string(let part)):
    return naive(
      .string(text.uppercased().lowercased()), "contains",
      .string(part.uppercased().lowercased()))
  default: break
  }
  guard let order = naiveOrder(stored, operand) else { return false }
  switch name {
  case "eq": return order == .orderedSame
  case "gt": return order == .orderedDescending
  case "gte": return order != .orderedAscending
  case "lt": return order == .orderedAscending
  case "lte": return order != .orderedDescending
  default: return false
  }
}

private func naiveOrder(_ stored: JSONValue, _ operand: JSONValue) -> ComparisonResult? {
  switch (stored, operand) {
  case (.bool(let left), .bool(let right)):
    return left == right ? .orderedSame : .orderedDescending
  case (.int, .int), (.int, .double), (.double, .int), (.double, .double):
    // Decimal holds each number of these tests exactly.
    guard let left = naiveDecimal(stored), let right = naiveDecimal(operand) else { return nil }
    return left < right ? .orderedAscending : left == right ? .orderedSame : .orderedDescending
  case (.string(let left), .string(let right)):
    if let right = naiveDates[right] {
      guard let left = naiveDates[left] else { return nil }
      return left < right ? .orderedAscending : left == right ? .orderedSame : .orderedDescending
    }
    let (left, right) = (left.unicodeScalars.map(\.value), right.unicodeScalars.map(\.value))
    if left == right { return .orderedSame }
    return left.lexicographicallyPrecedes(right) ? .orderedAscending : .orderedDescending
  default: return nil
  }
}

private func naiveDecimal(_ number: JSONValue) -> Decimal? {
  switch number {
  case .int(let value): Decimal(value)
  case .double(let value): Decimal(string: value.description)
  default: nil
  }
}

/// The dates of these tests with their microseconds since 1970, from date(1).
private let naiveDates: [String: Int64] = [
  "2026-01-01": 1_767_225_600_000_000,
  "2026-01-01T00:00:00Z": 1_767_225_600_000_000,
  "2026-01-01 01:00+01": 1_767_225_600_000_000,
  "2026-01-01T00:00:00.5Z": 1_767_225_600_500_000,
  "2025-12-31T23:59:59": 1_767_225_599_000_000,
  "1969-12-31T23:59:59Z": -1_000_000,
]

extension RandomJSON {
  mutating func key() -> String { pick(["a", "b", "a.b", "a.b.c", "x"]) }

  mutating func scalar() -> JSONValue {
    let numbers: [JSONValue] = [
      0, 1, 1.0, -0.0, 1.5, -2, .int(.max), .int(.min), 9_223_372_036_854_775_808.0,
      9_007_199_254_740_992.0, 9_007_199_254_740_993, 1e20, -1e20,
    ]
    let words = [
      "", "1", "a", "A", "ab", "Stra\u{df}e", "STRASSE", "\u{3c2}", "\u{3a3}", "\u{e9}",
      "e\u{301}", "zz",
    ]
    return switch Int.random(in: 0..<5, using: &self) {
    case 0: .bool(.random(using: &self))
    case 1, 2: pick(numbers)
    default: .string(pick(words + naiveDates.keys.sorted()))
    }
  }

  mutating func metadata() -> JSONValue {
    var members: [String: JSONValue] = [:]
    for key in ["a", "b", "x", "a.b"] where Int.random(in: 0..<4, using: &self) > 0 {
      switch Int.random(in: 0..<8, using: &self) {
      case 0: members[key] = .null
      case 1: members[key] = [scalar(), .null, [scalar()], scalar()]
      case 2: members[key] = ["b": scalar()]
      case 3: members[key] = ["b": ["c": scalar()]]
      default: members[key] = scalar()
      }
    }
    if Bool.random(using: &self) { members["a.b"] = nil }
    return .object(members)
  }

  mutating func filter(depth: Int) -> JSONValue {
    var members: [String: JSONValue] = [:]
    for _ in 0..<pick([0, 1, 1, 1, 1, 1, 2, 3]) {
      if depth > 0, Bool.random(using: &self) {
        let list = (0..<pick([0, 1, 2, 2, 3])).map { _ in filter(depth: depth - 1) }
        members[pick(["AND", "OR", "NOT"])] = .array(list)
        if Int.random(in: 0..<8, using: &self) == 0 { members["NOT"] = filter(depth: depth - 1) }
      } else {
        members[key()] = condition()
      }
    }
    return .object(members)
  }

  private mutating func condition() -> JSONValue {
    if Int.random(in: 0..<8, using: &self) == 0 { return "*" }
    if Int.random(in: 0..<4, using: &self) == 0 { return scalar() }
    var operators: [String: JSONValue] = [:]
    for _ in 0..<pick([1, 1, 2]) {
      let name = pick(
        ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "icontains"])
      var operand = scalar()
      switch (name, operand) {
      case ("in", _), ("nin", _): operand = .array((0..<pick([0, 1, 3])).map { _ in scalar() })
      case ("gt", .bool), ("gte", .bool), ("lt", .bool), ("lte", .bool): operand = 1
      case ("icontains", .bool), ("icontains", .int), ("icontains", .double): operand = "a"
      default: break
      }
      operators[name] = operand
    }
    return .object(operators)
  }
}
