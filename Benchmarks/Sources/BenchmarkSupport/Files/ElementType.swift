/// How a vector file holds its values.
public enum ElementType: String, Sendable, CaseIterable {
  case float32 = "fbin"
  case float16 = "f16bin"
  case uint8 = "u8bin"

  var byteCount: Int {
    switch self {
    case .float32: 4
    case .float16: 2
    case .uint8: 1
    }
  }

  /// By the file's extension; `.gz` may follow it.
  init?(path: String) {
    var name = Substring(path)
    if name.hasSuffix(".gz") { name = name.dropLast(3) }
    guard let dot = name.lastIndex(of: "."), !name[dot...].contains("/") else { return nil }
    self.init(rawValue: String(name[name.index(after: dot)...]))
  }

  /// Widens `count` little-endian values to float32.
  func widen(_ source: UnsafeRawPointer, into out: UnsafeMutablePointer<Float>, count: Int) {
    switch self {
    case .float32:
      for i in 0..<count {
        let bits = source.loadUnaligned(fromByteOffset: i &* 4, as: UInt32.self)
        out[i] = Float(bitPattern: UInt32(littleEndian: bits))
      }
    case .float16:
      for i in 0..<count {
        let bits = source.loadUnaligned(fromByteOffset: i &* 2, as: UInt16.self)
        out[i] = widenHalf(UInt16(littleEndian: bits))
      }
    case .uint8:
      for i in 0..<count {
        out[i] = Float(source.load(fromByteOffset: i, as: UInt8.self))
      }
    }
  }
}

/// Float16 to float32 by bits: `Float16` does not exist on every platform and this form is
/// turned into vector instructions. Exact for subnormals too, as the scaling is by a power of two.
@inline(__always)
func widenHalf(_ half: UInt16) -> Float {
  let magnitude = Float(bitPattern: UInt32(half & 0x7FFF) << 13) * 0x1p112
  let special: UInt32 = magnitude >= 65_536 ? 0x7F80_0000 : 0
  return Float(bitPattern: magnitude.bitPattern | special | UInt32(half & 0x8000) << 16)
}
