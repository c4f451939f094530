extension JSONScanner {
  /// The bytes of a string's body with its escapes resolved.
  static func unescaped(_ body: UnsafeBufferPointer<UInt8>) throws(Malformed) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(body.count)
    var place = 0
    while place < body.count {
      guard body[place] == UInt8(ascii: "\\") else {
        out.append(body[place])
        place += 1
        continue
      }
      guard place + 1 < body.count else { throw Malformed(reason: "an unfinished escape") }
      if let plain = plainEscape(body[place + 1]) {
        out.append(plain)
        place += 2
      } else {
        let (scalar, length) = try unicodeEscape(body, at: place)
        out.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        place += length
      }
    }
    return out
  }

  private static func plainEscape(_ mark: UInt8) -> UInt8? {
    switch mark {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): mark
    case UInt8(ascii: "b"): 8
    case UInt8(ascii: "f"): 12
    case UInt8(ascii: "n"): 10
    case UInt8(ascii: "r"): 13
    case UInt8(ascii: "t"): 9
    default: nil
    }
  }

  /// `\uXXXX`, or a pair of them for what lies beyond 16 bits.
  private static func unicodeEscape(
    _ body: UnsafeBufferPointer<UInt8>, at place: Int
  ) throws(Malformed) -> (UnicodeScalar, length: Int) {
    guard let first = unit(body, at: place) else { throw Malformed(reason: "an unknown escape") }
    if let scalar = UnicodeScalar(first) { return (scalar, 6) }
    if (0xD800..<0xDC00).contains(first), let second = unit(body, at: place + 6),
      (0xDC00..<0xE000).contains(second),
      let scalar = UnicodeScalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    {
      return (scalar, 12)
    }
    throw Malformed(reason: "half of a surrogate pair")
  }

  private static func unit(_ body: UnsafeBufferPointer<UInt8>, at place: Int) -> UInt32? {
    guard place + 6 <= body.count, body[place] == UInt8(ascii: "\\"),
      body[place + 1] == UInt8(ascii: "u")
    else { return nil }
    var value: UInt32 = 0
    for byte in body[(place + 2)..<(place + 6)] {
      guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 128 else {
        return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
