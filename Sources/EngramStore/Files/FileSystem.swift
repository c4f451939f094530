import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a store needs of the file system that it lies on: locks that work between processes, and maps
/// that show what others write.
enum FileSystem {
  /// Refuses a directory on a file system of another machine: locks there keep nobody apart who
  /// comes from a third.
  static func check(_ directory: FilePath) throws(StoreError) {
    if let name = try networkName(of: directory) { throw refusal(directory, "it lies on \(name)") }
  }

  /// Bytes that this user may still write there.
  static func freeBytes(_ directory: FilePath) throws(StoreError) -> Int {
    var status = statvfs()
    guard statvfs(directory.string, &status) == 0 else {
      throw .io(Errno(rawValue: errno), "examining", directory)
    }
    return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
  }

  static func refusal(_ directory: FilePath, _ reason: String) -> StoreError {
    .unusablePath(
      directory.string,
      reason: "\(reason), where locks do not keep processes apart; use a local disk")
  }

  #if os(Linux)
    private static func networkName(of directory: FilePath) throws(StoreError) -> String? {
      var status = stat()
      guard stat(directory.string, &status) == 0 else {
        throw .io(Errno(rawValue: errno), "examining", directory)
      }
      // Where the mounts cannot be read nothing is known against it.
      guard let mounts = try? File.open("/proc/self/mountinfo", .read).read(1 << 20, at: 0) else {
        return nil
      }
      let (low, high) = (UInt64(status.st_dev) & 0xFFFF_FFFF, UInt64(status.st_dev) >> 32)
      let device = "\((low >> 8 & 0xFFF) | (high & ~0xFFF)):\((low & 0xFF) | (low >> 12 & ~0xFF))"
      return networkName(of: device, mounts: String(decoding: mounts, as: UTF8.self))
    }

    /// - Parameter mounts: as proc_pid_mountinfo(5) describes them.
    static func networkName(of device: String, mounts: String) -> String? {
      for mount in mounts.split(separator: "\n") {
        let fields = mount.split(separator: " ")
        guard fields.count > 6, fields[2] == device,
          let end = fields.firstIndex(of: "-"), end + 1 < fields.count
        else { continue }
        let type = String(fields[end + 1])
        return network.contains(type) ? type : nil
      }
      return nil
    }

    private static let network: Set<String> = [
      "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "coda", "lustre", "beegfs",
      "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse",
    ]
  #else
    private static func networkName(of directory: FilePath) throws(StoreError) -> String? {
      var status = statfs()
      guard statfs(directory.string, &status) == 0 else {
        throw .io(Errno(rawValue: errno), "examining", directory)
      }
      return status.f_flags & UInt32(MNT_LOCAL) == 0 ? "a network file system" : nil
    }
  #endif
}
