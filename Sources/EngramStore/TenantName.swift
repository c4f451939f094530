/// The name of a tenant, and of the directory that holds its store.
///
/// Letters a to z, digits, `-` and `_` stand for themselves, every other byte of the name's UTF-8 is `%`
/// and two digits in lower case. So no two tenants share a directory, not on file systems either that
/// take upper and lower case, or composed and decomposed letters, for the same; no name leads out of the
/// pool's directory; and the directory tells the tenant.
///
/// Tenants lie side by side: ext4, XFS and APFS look a name up in a tree, among ten thousand or ten million,
/// and a level more would be one more directory to make, sync and list.
struct TenantName: Hashable, Sendable {
  /// As long as a file's name may be.
  static let directoryBytes = 255

  /// Equal names have equal directories, and only they: `==` on `String` would take the composed and
  /// the decomposed form of a letter for one tenant.
  let directory: String

  init(_ tenant: String) throws(StoreError) {
    guard !tenant.isEmpty else { throw .invalid(field: "tenant", reason: "it is empty") }
    var bytes: [UInt8] = []
    // A name of any length may come from outside.
    for byte in tenant.utf8.prefix(Self.directoryBytes + 1) {
      if Self.isPlain(byte) {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)]]
      }
    }
    guard bytes.count <= Self.directoryBytes else {
      throw .invalid(
        field: "tenant",
        reason: "it takes more than \(Self.directoryBytes) bytes, where each that is none of a-z, 0-9, "
          + "- and _ counts for three")
    }
    directory = String(decoding: bytes, as: UTF8.self)
  }

  /// Nil where a directory of this name is none of a tenant's.
  init?(directory: String) {
    guard let tenant = Self.tenant(of: directory), let name = try? TenantName(tenant),
      name.directory.utf8.elementsEqual(directory.utf8)
    else { return nil }
    self = name
  }

  /// The name as it was given.
  var tenant: String { Self.tenant(of: directory) ?? directory }

  private static func tenant(of directory: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(directory.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap({ digits.firstIndex(of: $0) }),
        let low = rest.popFirst().flatMap({ digits.firstIndex(of: $0) })
      else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
