import Foundation

/// What a character beyond ASCII is to the tokenizer.
enum TextScalar {
  case separator
  /// Part of a word that is left out of it.
  case diacritic
  /// In lower case, without its diacritics.
  case letter(UInt32)
  /// A Han character.
  case ideograph
  /// Of another script that is written without spaces.
  case unspaced

  /// - Parameter scalar: a Unicode scalar from U+0080 on; anything else is a separator.
  @inline(__always)
  init(_ scalar: UInt32) {
    if Self.tabled.contains(scalar) {
      self = Self.table[Int(scalar - Self.tabled.lowerBound)]
    } else {
      self.init(classifying: scalar)
    }
  }

  /// Latin, Greek and Cyrillic with their diacritics: looked up, for what Unicode says of a character
  /// takes long to ask.
  private static let tabled: Range<UInt32> = 0x80..<0x530
  private static let table = tabled.map { TextScalar(classifying: $0) }

  private init(classifying scalar: UInt32) {
    switch scalar {
    // The bulk of the texts in these scripts, where Unicode need not be asked.
    case 0x4E00...0x9FFF, 0x3400...0x4DBF: self = .ideograph
    case 0xAC00...0xD7A3, 0x3041...0x3096, 0x30A1...0x30FA: self = .unspaced
    // Full-width forms of ASCII.
    case 0xFF10...0xFF19, 0xFF41...0xFF5A: self = .letter(scalar - 0xFEE0)
    case 0xFF21...0xFF3A: self = .letter(scalar - 0xFEE0 + 0x20)
    default:
      guard let scalar = Unicode.Scalar(scalar), scalar.value >= 0x80 else {
        self = .separator
        return
      }
      self.init(asking: scalar)
    }
  }

  private init(asking scalar: Unicode.Scalar) {
    let value = scalar.value
    if Self.diacriticMarks.contains(where: { $0.contains(value) }) {
      self = .diacritic
      return
    }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .decimalNumber, .letterNumber, .otherNumber, .privateUse, .nonspacingMark, .spacingMark,
      .enclosingMark:
      if Self.han.contains(where: { $0.contains(value) }) {
        self = .ideograph
      } else if Self.unspacedScripts.contains(where: { $0.contains(value) }) {
        self = .unspaced
      } else {
        self = .letter(Self.folded(scalar))
      }
    default: self = .separator
    }
  }

  /// The letter that is left when a character's lower case has lost what Unicode says is put on it.
  private static func folded(_ scalar: Unicode.Scalar) -> UInt32 {
    let parts = scalar.properties.lowercaseMapping.decomposedStringWithCanonicalMapping.unicodeScalars
    guard let base = parts.first, base.value >= 0x30 else { return scalar.value }
    return base.value
  }

  /// Combining marks that texts are written with or without: of the Latin, Greek and Cyrillic letters,
  /// and the vowels of Hebrew and Arabic. The marks of other scripts are vowels that tell words apart.
  private static let diacriticMarks: [ClosedRange<UInt32>] = [
    0x300...0x36F, 0x483...0x489, 0x591...0x5BD, 0x5BF...0x5BF, 0x5C1...0x5C2, 0x5C4...0x5C5,
    0x5C7...0x5C7, 0x610...0x61A, 0x64B...0x65F, 0x670...0x670, 0x6D6...0x6DC, 0x6DF...0x6E4,
    0x6E7...0x6E8, 0x6EA...0x6ED, 0x1AB0...0x1AFF, 0x1DC0...0x1DFF, 0x20D0...0x20FF,
    0xFE20...0xFE2F,
  ]

  private static let han: [ClosedRange<UInt32>] = [
    0x3005...0x3007, 0xF900...0xFAFF, 0x20000...0x3FFFF,
  ]

  /// Thai, Hangul, kana, Bopomofo.
  private static let unspacedScripts: [ClosedRange<UInt32>] = [
    0xE01...0xE4E, 0x1100...0x11FF, 0x3031...0x3035, 0x3099...0x318F, 0x31A0...0x31FF,
    0xA960...0xA97F, 0xD7B0...0xD7FF, 0xFF66...0xFFDC, 0x1AFF0...0x1B16F,
  ]
}

/// UTF-8, one scalar at a time.
enum UTF8Scalar {
  /// The scalar at a place and how many bytes it takes; 0 and one byte where these are no UTF-8.
  static func decode(
    _ text: UnsafeBufferPointer<UInt8>, at place: Int
  ) -> (scalar: UInt32, length: Int) {
    let lead = text[place]
    let length: Int
    var scalar: UInt32
    let least: UInt32
    switch lead {
    case 0..<0x80: return (UInt32(lead), 1)
    case 0xC2..<0xE0: (length, scalar, least) = (2, UInt32(lead & 0x1F), 0x80)
    case 0xE0..<0xF0: (length, scalar, least) = (3, UInt32(lead & 0xF), 0x800)
    case 0xF0..<0xF5: (length, scalar, least) = (4, UInt32(lead & 7), 0x1_0000)
    default: return (0, 1)
    }
    guard place + length <= text.count else { return (0, 1) }
    for index in place + 1..<place + length {
      guard text[index] & 0xC0 == 0x80 else { return (0, 1) }
      scalar = scalar << 6 | UInt32(text[index] & 0x3F)
    }
    return scalar >= least && Unicode.Scalar(scalar) != nil ? (scalar, length) : (0, 1)
  }

  static func length(_ scalar: UInt32) -> Int {
    scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x1_0000 ? 3 : 4
  }

  /// Writes a scalar; how many bytes it took.
  static func encode(_ scalar: UInt32, to bytes: UnsafeMutablePointer<UInt8>) -> Int {
    let length = length(scalar)
    var rest = scalar
    for index in stride(from: length - 1, to: 0, by: -1) {
      bytes[index] = UInt8(0x80 | rest & 0x3F)
      rest >>= 6
    }
    // As many ones as bytes before a zero; none where there is one byte.
    let mark: UInt32 = length == 1 ? 0 : 0xF00 >> UInt32(length)
    bytes[0] = UInt8(truncatingIfNeeded: rest | mark)
    return length
  }
}
