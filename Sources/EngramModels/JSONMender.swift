/// Reads one JSON document from bytes that may be nearly JSON, and writes it anew. One pass, from left
/// to right, without recursion.
struct JSONMender {
  /// The document, without white space.
  private(set) var text: [UInt8] = []
  /// Behind what was read.
  private(set) var position: Int

  /// It ends where something was cut off or is none of a document's: there may have been more.
  private(set) var isBrokenOff = false

  private let bytes: [UInt8]
  private var containers: [Container] = []
  /// Something was not as JSON has it.
  private var isMended = false
  /// Something was read as a whole: a scalar, or a container with its end.
  private var isAnythingWhole = false

  private struct Container {
    let isObject: Bool
    var isEmpty = true
  }

  /// What became of a member.
  private enum Member {
    /// Written, or, where it is a container, begun.
    case written
    /// Left out: there was no value.
    case absent
    /// Cut off, or something else altogether: the document ends before it.
    case broken
  }

  /// Deeper documents are cut off there; Foundation reads 512 levels.
  private static let depthMax = 256

  init(_ bytes: [UInt8], at start: Int) {
    self.bytes = bytes
    position = start
  }

  static func opens(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
  }

  /// Whether this is JSON that every parser takes: RFC 8259, finite numbers, whole surrogate pairs.
  static func isDocument(_ bytes: [UInt8]) -> Bool {
    var mender = JSONMender(bytes, at: 0)
    mender.skipSpace()
    guard let first = mender.current else { return false }
    if opens(first) {
      guard mender.mend() else { return false }
    } else {
      guard case .written = mender.value() else { return false }
    }
    mender.skipSpace()
    return mender.position == bytes.count && !mender.isMended
  }

  /// Reads the array or object at the position.
  /// - Returns: false where nothing is left of it. The position has advanced in any case.
  mutating func mend() -> Bool {
    guard let first = current, Self.opens(first) else { return false }
    open()
    while let container = containers.last {
      let commas = skipCommas()
      guard let next = current, next != UInt8(ascii: "`") else { return breakOff() }
      if next == UInt8(ascii: "}") || next == UInt8(ascii: "]") {
        if commas > 0 { isMended = true }
        guard close(with: next) else { return breakOff() }
        continue
      }
      if commas != (container.isEmpty ? 0 : 1) { isMended = true }
      let start = text.count
      if !container.isEmpty { text.append(UInt8(ascii: ",")) }
      let depth = containers.count
      let member = container.isObject ? namedValue() : value()
      switch member {
      case .written:
        containers[depth - 1].isEmpty = false
        if containers.count == depth { isAnythingWhole = true }
      case .absent:
        text.removeSubrange(start...)
        isMended = true
      case .broken:
        text.removeSubrange(start...)
        return breakOff()
      }
    }
    return true
  }

  // MARK: - Containers

  private mutating func open() {
    containers.append(Container(isObject: bytes[position] == UInt8(ascii: "{")))
    text.append(bytes[position])
    position += 1
  }

  /// Closes the innermost container of this kind, and those inside of it that were left open.
  private mutating func close(with bracket: UInt8) -> Bool {
    let isObject = bracket == UInt8(ascii: "}")
    guard let level = containers.lastIndex(where: { $0.isObject == isObject }) else { return false }
    if level < containers.count - 1 { isMended = true }
    closeContainers(downTo: level)
    position += 1
    isAnythingWhole = true
    return true
  }

  private mutating func closeContainers(downTo level: Int) {
    for container in containers[level...].reversed() {
      text.append(UInt8(ascii: container.isObject ? "}" : "]"))
    }
    containers.removeSubrange(level...)
  }

  private mutating func breakOff() -> Bool {
    isMended = true
    isBrokenOff = true
    closeContainers(downTo: 0)
    return isAnythingWhole
  }

  // MARK: - Members

  private mutating func namedValue() -> Member {
    guard key() else { return .broken }
    skipSpace()
    guard current == UInt8(ascii: ":") else { return .broken }
    position += 1
    text.append(UInt8(ascii: ":"))
    return value()
  }

  private mutating func value() -> Member {
    skipSpace()
    guard let first = current else { return .broken }
    switch first {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard containers.count < Self.depthMax else { return .broken }
      open()
      return .written
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      return string(isKey: false) ? .written : .broken
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return number() ? .written : .broken
    case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"):
      return .absent
    default:
      return literal() ? .written : .broken
    }
  }

  private mutating func key() -> Bool {
    if current == UInt8(ascii: "\"") || current == UInt8(ascii: "'") { return string(isKey: true) }
    let word = word()
    guard !word.isEmpty else { return false }
    isMended = true
    text.append(UInt8(ascii: "\""))
    text += word
    text.append(UInt8(ascii: "\""))
    return true
  }

  private mutating func literal() -> Bool {
    let word = String(decoding: word(), as: UTF8.self)
    switch word {
    case "true", "false", "null":
      text += word.utf8
      return true
    case "True", "False":
      text += word.lowercased().utf8
    case "None", "NaN", "Infinity", "undefined":
      text += "null".utf8
    default:
      return false
    }
    isMended = true
    return true
  }

  /// Letters, digits and underscores, as many as there are.
  private mutating func word() -> ArraySlice<UInt8> {
    let start = position
    while let byte = current, byte.isLetter || byte.isDigit || byte == UInt8(ascii: "_") {
      position += 1
    }
    return bytes[start..<position]
  }

  private mutating func number() -> Bool {
    let start = position
    take("-")
    if !take("0") { guard digits() else { return false } }
    if take(".") { guard digits() else { return false } }
    if take("e") || take("E") {
      _ = take("+") || take("-")
      guard digits() else { return false }
    }
    // At the end of a text that stops inside of a container nobody knows whether there were more digits.
    guard position < bytes.count || containers.isEmpty,
      Double(String(decoding: bytes[start..<position], as: UTF8.self))?.isFinite == true,
      !(current.map { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: ".") } ?? false)
    else { return false }
    text += bytes[start..<position]
    return true
  }

  private mutating func digits() -> Bool {
    let start = position
    while let byte = current, byte.isDigit { position += 1 }
    return position > start
  }

  // MARK: - Strings

  /// Reads a string in double or single quotes.
  /// - Returns: false where it has no end.
  private mutating func string(isKey: Bool) -> Bool {
    let quote = bytes[position]
    if quote == UInt8(ascii: "'") { isMended = true }
    text.append(UInt8(ascii: "\""))
    position += 1
    while let byte = current {
      position += 1
      switch byte {
      case quote where isEnd(ofKey: isKey):
        text.append(UInt8(ascii: "\""))
        return true
      case UInt8(ascii: "\\"):
        escape()
      case UInt8(ascii: "\""), ..<0x20:
        isMended = true
        JSONText.append(byte, to: &text)
      default:
        text.append(byte)
      }
    }
    return false
  }

  /// Whether what follows a quote is what follows a string. Quotes inside of strings are found so.
  private func isEnd(ofKey isKey: Bool) -> Bool {
    var next = position
    var isNewLine = false
    while next < bytes.count, bytes[next].isSpace {
      if bytes[next] == 0x0A { isNewLine = true }
      next += 1
    }
    guard next < bytes.count else { return true }
    return switch bytes[next] {
    case UInt8(ascii: ":"): isKey
    case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: "`"): !isKey
    // A comma was forgotten.
    case UInt8(ascii: "\""): !isKey && isNewLine
    default: false
    }
  }

  /// Behind a backslash.
  private mutating func escape() {
    switch current {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      text += bytes[(position - 1)...position]
      position += 1
    case UInt8(ascii: "u"):
      unicodeEscape()
    case UInt8(ascii: "'"):
      isMended = true
      text.append(UInt8(ascii: "'"))
      position += 1
    default:
      // A backslash that escapes nothing is meant as one.
      isMended = true
      text += #"\\"#.utf8
    }
  }

  private mutating func unicodeEscape() {
    let start = position - 1
    guard let first = codeUnit(at: start) else {
      isMended = true
      text += #"\\"#.utf8
      return
    }
    position = start + 6
    switch first {
    case 0xD800...0xDBFF:
      if let second = codeUnit(at: position), (0xDC00...0xDFFF).contains(second) {
        position += 6
        text += bytes[start..<position]
      } else {
        replaceHalfSurrogate()
      }
    case 0xDC00...0xDFFF:
      replaceHalfSurrogate()
    default:
      text += bytes[start..<position]
    }
  }

  private mutating func replaceHalfSurrogate() {
    isMended = true
    text += #"\ufffd"#.utf8
  }

  /// The value of an escape such as `\u00e9`.
  private func codeUnit(at start: Int) -> UInt16? {
    guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"),
      bytes[start + 1] == UInt8(ascii: "u")
    else { return nil }
    let digits = bytes[(start + 2)..<(start + 6)]
    guard digits.allSatisfy(\.isHexadecimalDigit) else { return nil }
    return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  // MARK: - Bytes

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte.isSpace { position += 1 }
  }

  /// - Returns: how many there were.
  private mutating func skipCommas() -> Int {
    var commas = 0
    while let byte = current, byte.isSpace || byte == UInt8(ascii: ",") {
      if byte == UInt8(ascii: ",") { commas += 1 }
      position += 1
    }
    return commas
  }

  @discardableResult
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }
}

extension UInt8 {
  fileprivate var isSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
  fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
  fileprivate var isHexadecimalDigit: Bool {
    isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
  }
}
