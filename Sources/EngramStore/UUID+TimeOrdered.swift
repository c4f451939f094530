import Foundation

extension UUID {
  /// A new id of version 7: milliseconds since 1970, then random bits (RFC 9562, section 5.7). Ids of
  /// memories that come together lie together in the catalogue's indexes; each random one would cost a
  /// page of its own in each of them.
  public static func timeOrdered() -> UUID {
    // In place of `UUID()`, which opens a file for its random bits on Linux.
    var random = SystemRandomNumberGenerator()
    let milliseconds = UInt64(clamping: Timestamp.now / 1_000)
    let high = milliseconds << 16 | 7 << 12 | random.next() >> 52
    let low = 0b10 << 62 | random.next() >> 2
    return withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) {
      UUID(uuid: $0.loadUnaligned(as: uuid_t.self))
    }
  }
}
