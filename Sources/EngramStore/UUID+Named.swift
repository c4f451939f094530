import Crypto
import Foundation

extension UUID {
  /// The one id of a name in a scope: of version 8, from SHA-256 (RFC 9562, section 5.8).
  package init(named name: String, _ scope: Scope) {
    var hash = SHA256()
    for part in [scope.user, scope.agent, scope.run, name] {
      let bytes = Data((part ?? "").utf8)
      withUnsafeBytes(of: UInt64(part == nil ? .max : bytes.count).littleEndian) {
        hash.update(bufferPointer: $0)
      }
      hash.update(data: bytes)
    }
    var bytes = Array(hash.finalize().prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    self = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}
