/// A strict reader of one line of JSON. `JSONSerialization` takes five times as long on Linux,
/// which is seconds for 100,000 lines.
struct JSONScanner {
  struct Malformed: Error { let reason: String }

  /// Deeper nesting is refused, so that no line can exhaust the stack.
  private static let depthLimit = 64

  private let bytes: UnsafeBufferPointer<UInt8>
  private var place = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// 0, which JSON never has, beyond the end.
  private var next: UInt8 { place < bytes.count ? bytes[place] : 0 }

  /// Calls `field` at the value of each key of the object that is the whole line.
  mutating func readObject(
    _ field: (inout JSONScanner, String) throws(Malformed) -> Void
  ) throws(Malformed) {
    try expect(UInt8(ascii: "{"))
    if !take(UInt8(ascii: "}")) {
      repeat {
        let key = try string()
        try expect(UInt8(ascii: ":"))
        skipBlanks()
        try field(&self, key)
      } while take(UInt8(ascii: ","))
      try expect(UInt8(ascii: "}"))
    }
    skipBlanks()
    if place < bytes.count { throw Malformed(reason: "text after the JSON object") }
  }

  mutating func string() throws(Malformed) -> String {
    let raw = try rawString()
    let body = UnsafeBufferPointer(rebasing: bytes[(raw.lowerBound + 1)..<(raw.upperBound - 1)])
    let text =
      body.contains(UInt8(ascii: "\\"))
      ? String(validating: try Self.unescaped(body), as: UTF8.self)
      : String(validating: body, as: UTF8.self)
    guard let text else { throw Malformed(reason: "a string is not UTF-8") }
    return text
  }

  /// The next value without blanks and with the keys of its objects sorted.
  mutating func canonicalValue() throws(Malformed) -> String {
    var out: [UInt8] = []
    try appendValue(to: &out, depth: 0)
    guard let text = String(validating: out, as: UTF8.self) else {
      throw Malformed(reason: "a string is not UTF-8")
    }
    return text
  }

  /// Passes over a value that nobody asked for.
  mutating func skipValue() throws(Malformed) {
    var out: [UInt8] = []
    try appendValue(to: &out, depth: 0)
  }

  var isAtObject: Bool { next == UInt8(ascii: "{") }

  private mutating func appendValue(to out: inout [UInt8], depth: Int) throws(Malformed) {
    guard depth < Self.depthLimit else { throw Malformed(reason: "JSON nested too deeply") }
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): try appendObject(to: &out, depth: depth)
    case UInt8(ascii: "["): try appendList(to: &out, depth: depth)
    case UInt8(ascii: "\""):
      let raw = try rawString()
      // Escapes are checked here, the text stays as it was written.
      _ = try Self.unescaped(
        UnsafeBufferPointer(rebasing: bytes[(raw.lowerBound + 1)..<(raw.upperBound - 1)]))
      out.append(contentsOf: bytes[raw])
    default: try appendPlain(to: &out)
    }
  }

  private mutating func appendObject(to out: inout [UInt8], depth: Int) throws(Malformed) {
    var fields: [(key: [UInt8], value: [UInt8])] = []
    try expect(UInt8(ascii: "{"))
    if !take(UInt8(ascii: "}")) {
      repeat {
        let key = try rawString()
        try expect(UInt8(ascii: ":"))
        var value: [UInt8] = []
        try appendValue(to: &value, depth: depth + 1)
        fields.append((Array(bytes[key]), value))
      } while take(UInt8(ascii: ","))
      try expect(UInt8(ascii: "}"))
    }
    fields.sort { $0.key.lexicographicallyPrecedes($1.key) }
    out.append(UInt8(ascii: "{"))
    for (number, field) in fields.enumerated() {
      if number > 0 { out.append(UInt8(ascii: ",")) }
      out.append(contentsOf: field.key)
      out.append(UInt8(ascii: ":"))
      out.append(contentsOf: field.value)
    }
    out.append(UInt8(ascii: "}"))
  }

  private mutating func appendList(to out: inout [UInt8], depth: Int) throws(Malformed) {
    try expect(UInt8(ascii: "["))
    out.append(UInt8(ascii: "["))
    if !take(UInt8(ascii: "]")) {
      repeat {
        try appendValue(to: &out, depth: depth + 1)
        out.append(UInt8(ascii: ","))
      } while take(UInt8(ascii: ","))
      out.removeLast()
      try expect(UInt8(ascii: "]"))
    }
    out.append(UInt8(ascii: "]"))
  }

  /// A number or one of the three words.
  private mutating func appendPlain(to out: inout [UInt8]) throws(Malformed) {
    let start = place
    while place < bytes.count, !Self.endsPlain(bytes[place]) { place += 1 }
    let token = bytes[start..<place]
    let words: [StaticString] = ["true", "false", "null"]
    let isWord = words.contains { word in
      token.elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
    guard isWord || Self.isNumber(token) else {
      throw Malformed(reason: "expected a JSON value at byte \(start + 1)")
    }
    out.append(contentsOf: token)
  }

  private static func endsPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 9, 10, 13, 32: true
    default: false
    }
  }

  private static func isNumber(_ token: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    var rest = token
    if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    func dropDigits() -> Int {
      let before = rest.count
      rest = rest.drop { (48...57).contains($0) }
      return before - rest.count
    }
    let startsWithZero = rest.first == 48
    let whole = dropDigits()
    if whole == 0 || (startsWithZero && whole > 1) { return false }
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      if dropDigits() == 0 { return false }
    }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
        rest = rest.dropFirst()
      }
      if dropDigits() == 0 { return false }
    }
    return rest.isEmpty
  }

  /// The place of a string with its quotes.
  private mutating func rawString() throws(Malformed) -> Range<Int> {
    try expect(UInt8(ascii: "\""))
    let start = place - 1
    while place < bytes.count {
      let byte = bytes[place]
      if byte == UInt8(ascii: "\"") {
        place += 1
        return start..<place
      }
      if byte < 32 { throw Malformed(reason: "a control character in a string") }
      place += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    throw Malformed(reason: "a string without an end")
  }

  private mutating func expect(_ byte: UInt8) throws(Malformed) {
    guard take(byte) else {
      let mark = Character(UnicodeScalar(byte))
      throw Malformed(reason: "expected JSON's \(mark) at byte \(place + 1)")
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard next == byte else { return false }
    place += 1
    return true
  }

  private mutating func skipBlanks() {
    while next == 32 || next == 9 || next == 13 || next == 10 { place += 1 }
  }
}
