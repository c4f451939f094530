/// Writes JSON piece by piece, in the order in which the pieces come: the order of a schema's members
/// is the order in which a model writes them.
enum JSONText {
  static func append(_ string: String, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for byte in string.utf8 { append(byte, to: &text) }
    text.append(UInt8(ascii: "\""))
  }

  /// One byte of a string's content.
  static func append(_ byte: UInt8, to text: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""): text += #"\""#.utf8
    case UInt8(ascii: "\\"): text += #"\\"#.utf8
    case 0x0A: text += #"\n"#.utf8
    case 0x0D: text += #"\r"#.utf8
    case 0x09: text += #"\t"#.utf8
    case ..<0x20: text += ((byte < 0x10 ? #"\u000"# : #"\u00"#) + String(byte, radix: 16)).utf8
    default: text.append(byte)
    }
  }
}
