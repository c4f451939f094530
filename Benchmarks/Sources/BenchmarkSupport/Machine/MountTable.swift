/// The mounts of this process, as /proc/self/mountinfo lists them.
struct MountTable: Sendable {
  struct Mount: Equatable, Sendable {
    var device: String
    var point: String
    var fileSystem: String
    var source: String
    var options: String
  }

  let mounts: [Mount]

  init(mountinfo: String) {
    mounts = mountinfo.split(separator: "\n").compactMap { Self.parse($0) }
  }

  /// The mount that holds an absolute path without links: the longest mount point that begins it,
  /// the last one where several lie on each other.
  func mount(holding path: String) -> Mount? {
    var best: Mount?
    for mount in mounts where Self.isPrefix(mount.point, of: path) {
      if mount.point.utf8.count >= (best?.point.utf8.count ?? 0) { best = mount }
    }
    return best
  }

  /// Whether what is written there is gone after a restart. An overlay is as lasting as the folder
  /// it writes to, where that can be seen from here.
  func isVolatile(_ mount: Mount) -> Bool {
    if ["tmpfs", "ramfs", "rootfs"].contains(mount.fileSystem) { return true }
    guard mount.fileSystem == "overlay", let upper = Self.upperFolder(mount.options) else {
      return false
    }
    guard let holder = self.mount(holding: upper), holder != mount else { return false }
    return ["tmpfs", "ramfs"].contains(holder.fileSystem)
  }

  private static func upperFolder(_ options: String) -> String? {
    for option in options.split(separator: ",") where option.hasPrefix("upperdir=") {
      return String(option.dropFirst("upperdir=".count))
    }
    return nil
  }

  private static func isPrefix(_ point: String, of path: String) -> Bool {
    if point == "/" || point == path { return true }
    return path.hasPrefix(point + "/")
  }

  /// `36 35 98:0 /root /point options [optional]... - type source superoptions`
  private static func parse(_ line: Substring) -> Mount? {
    let fields = line.split(separator: " ", omittingEmptySubsequences: false)
    guard fields.count >= 10, let dash = fields.dropFirst(6).firstIndex(of: "-"),
      dash + 3 < fields.count
    else { return nil }
    return Mount(
      device: String(fields[2]), point: unescaped(fields[4]),
      fileSystem: String(fields[dash + 1]), source: unescaped(fields[dash + 2]),
      options: unescaped(fields[dash + 3]))
  }

  /// Blanks in names are written as \040 and the like.
  private static func unescaped(_ field: Substring) -> String {
    guard field.contains("\\") else { return String(field) }
    let bytes = Array(field.utf8)
    var out: [UInt8] = []
    var i = 0
    while i < bytes.count {
      let digits = bytes.dropFirst(i + 1).prefix(3)
      if bytes[i] == UInt8(ascii: "\\"), digits.count == 3,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        out.append(value)
        i += 4
      } else {
        out.append(bytes[i])
        i += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
