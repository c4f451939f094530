import Foundation

extension UUID {
  /// A new id of version 7: milliseconds since 1970, then random bits (RFC 9562, section 5.7). Ids of
  /// memories that come together lie together in the catalogue's indexes; each random one would cost a
  /// page of its own in each of them.
  static func timeOrdered() -> UUID {
    var uuid = UUID().uuid
    let milliseconds = UInt64(clamping: Timestamp.now / 1_000)
    uuid.0 = UInt8(truncatingIfNeeded: milliseconds >> 40)
    uuid.1 = UInt8(truncatingIfNeeded: milliseconds >> 32)
    uuid.2 = UInt8(truncatingIfNeeded: milliseconds >> 24)
    uuid.3 = UInt8(truncatingIfNeeded: milliseconds >> 16)
    uuid.4 = UInt8(truncatingIfNeeded: milliseconds >> 8)
    uuid.5 = UInt8(truncatingIfNeeded: milliseconds)
    uuid.6 = 0x70 | uuid.6 & 0x0F
    return UUID(uuid: uuid)
  }
}
