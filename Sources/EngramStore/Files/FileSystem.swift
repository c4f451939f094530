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
  /// Refuses a directory on a file system that has neither between two machines.
  static func check(_ directory: FilePath) throws(StoreError) {
    var status = statfs()
    guard statfs(directory.string, &status) == 0 else {
      throw .io(Errno(rawValue: errno), "examining the file system of", directory)
    }
    #if os(Linux)
      let name = networkName(type: UInt32(truncatingIfNeeded: status.f_type))
    #else
      let name = status.f_flags & UInt32(MNT_LOCAL) == 0 ? "a network file system" : nil
    #endif
    if let name { throw refusal(directory, "it lies on \(name)") }
  }

  static func refusal(_ directory: FilePath, _ reason: String) -> StoreError {
    .unusablePath(
      directory.string,
      reason: "\(reason), where locks do not keep processes apart; use a local disk")
  }

  #if os(Linux)
    /// By the numbers of statfs(2).
    static func networkName(type: UInt32) -> String? {
      switch type {
      case 0x6969: "NFS"
      case 0x517B, 0xFF53_4D42, 0xFE53_4D42: "SMB"
      case 0x0102_1997: "9P"
      case 0x00C3_6400: "CephFS"
      case 0x5346_414F, 0x6B41_4653: "AFS"
      case 0x7375_7245: "Coda"
      case 0x0BD0_0BD0: "Lustre"
      default: nil
      }
    }
  #endif
}
