import EngramStore
import Foundation

/// What stands between the two lines `---` at the head of a Markdown file: a small, strict part of YAML,
/// one field to a line. `docs/markdown.md` specifies it.
struct Frontmatter {
  struct Field {
    var name: String
    var value: String
    /// Its line in the file, from 1 on.
    var line: Int
  }

  private(set) var fields: [Field] = []
  let file: String
  /// Where the text behind it begins: a byte of the file, and its line.
  private(set) var end = 0
  private(set) var bodyLine = 0

  static let fence = Array("---\n".utf8)

  // MARK: Reading

  /// - Parameters:
  ///   - bytes: of the whole file.
  ///   - known: the fields that there may be.
  init(_ bytes: [UInt8], file: String, known: Set<String>) throws(EngramError) {
    self.file = file
    guard bytes.starts(with: Self.fence) else {
      throw refused(1, "it does not begin with a line `---`, and line feeds alone at the ends of lines")
    }
    var (begin, line) = (Self.fence.count, 2)
    while true {
      guard let feed = bytes[begin...].firstIndex(of: UInt8(ascii: "\n")) else {
        throw refused(line, "its fields have no end: a line `---` is missing")
      }
      let text = bytes[begin..<feed]
      begin = feed + 1
      if text.elementsEqual(Self.fence.dropLast()) { break }
      let field = try parse(text, line)
      guard known.contains(field.name) else { throw refused(line, "\(field.name) is no field here") }
      guard self[field.name] == nil else { throw refused(line, "\(field.name) is there twice") }
      fields.append(field)
      line += 1
    }
    (end, bodyLine) = (begin, line + 1)
  }

  private func parse(_ text: ArraySlice<UInt8>, _ line: Int) throws(EngramError) -> Field {
    guard let text = String(validating: text, as: UTF8.self) else {
      throw refused(line, "it is not UTF-8")
    }
    guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw refused(line, "it has a control character; lines end with a line feed alone")
    }
    guard let colon = text.firstIndex(of: ":") else { throw refused(line, "it is no `name: value`") }
    let (name, rest) = (text[..<colon], text[text.index(after: colon)...])
    let value = rest.drop { $0 == " " }
    guard value.startIndex > rest.startIndex, !value.isEmpty, value.last != " " else {
      throw refused(line, "it is no `name: value`; leave a field without value out")
    }
    return Field(name: String(name), value: String(value), line: line)
  }

  subscript(name: String) -> Field? { fields.first { $0.name == name } }

  func refused(_ line: Int, _ reason: String) -> EngramError {
    .markdown(file: file, line: line, reason: reason)
  }

  /// A text: in double quotes as in JSON, or plain where YAML takes that for nothing else.
  func text(_ name: String) throws(EngramError) -> String? {
    guard let field = self[name] else { return nil }
    if field.value.utf8.first == UInt8(ascii: "\"") {
      guard case .string(let text)? = try? JSONValue(parsing: field.value) else {
        throw refused(field.line, "\(name) is no text in double quotes as in JSON")
      }
      return text
    }
    guard Self.isPlain(field.value) else {
      throw refused(field.line, "\(name) may be read as something else; write it in double quotes")
    }
    return field.value
  }

  /// Whether YAML reads it as this very text.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, !"-?:,[]{}#&*!|>'\"%@`.~+=<".unicodeScalars.contains(first)
    else { return false }
    return !text.contains(": ") && !text.contains(" #") && !text.hasSuffix(":")
      && !reserved.contains(text.lowercased()) && Double(text) == nil
      && (try? JSONValue(parsing: text)) == nil && ISO8601.parse(text) == nil
      && !text.hasPrefix("0o") && !text.utf8.allSatisfy(isPartOfNumber)
  }

  private static let reserved: Set<String> = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]

  /// Digits, and what numbers and times have between them.
  private static func isPartOfNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "."): true
    default: false
    }
  }

  /// An id.
  func id(_ name: String) throws(EngramError) -> UUID? {
    guard let field = self[name] else { return nil }
    guard let id = UUID(uuidString: field.value), field.value == id.uuidString.lowercased() else {
      throw refused(field.line, "\(name) is no id: a UUID in small letters")
    }
    return id
  }

  /// A time, in microseconds since 1970.
  func time(_ name: String) throws(EngramError) -> Int64? {
    guard let field = self[name] else { return nil }
    guard let time = ISO8601.parse(field.value), Timestamp.range.contains(time) else {
      throw refused(field.line, "\(name) is no time; write it as 2026-01-31T12:00:00Z")
    }
    return time
  }

  func json(_ name: String) throws(EngramError) -> JSONValue? {
    guard let field = self[name] else { return nil }
    do { return try JSONValue(parsing: field.value) } catch {
      throw refused(field.line, "\(name) is \(error)")
    }
  }

  func int(_ name: String) throws(EngramError) -> Int64? {
    guard let field = self[name] else { return nil }
    guard case .int(let value)? = try json(name) else {
      throw refused(field.line, "\(name) is no whole number")
    }
    return value
  }

  // MARK: Writing

  /// The fields with the lines around them.
  static func text(_ fields: [(name: String, value: String)]) -> String {
    "---\n" + fields.map { "\($0.name): \($0.value)\n" }.joined() + "---\n"
  }

  /// A text as a value: plain where it is a word.
  static func value(_ text: String) -> String {
    let isWord =
      text.utf8.first.map { isLetter($0) } ?? false
      && text.utf8.allSatisfy {
        isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_")
      }
    return isWord && isPlain(text) ? text : value(.string(text))
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  /// JSON as a value, which is YAML, too.
  static func value(_ json: JSONValue) -> String {
    escaped((try? json.canonicalText) ?? "null")
  }

  /// What JSON leaves as it is and YAML, or an editor, takes for the end of a line or nothing at all.
  /// Such characters stand in strings only.
  static func escaped(_ json: String) -> String {
    guard json.unicodeScalars.contains(where: isEscaped) else { return json }
    var text = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      if isEscaped(scalar) {
        let digits = String(scalar.value, radix: 16)
        text += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".unicodeScalars
      } else {
        text.append(scalar)
      }
    }
    return String(text)
  }

  private static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
    default: false
    }
  }
}
