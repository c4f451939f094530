import Foundation

/// Memory of this process in bytes; nil where the system does not tell.
public struct ProcessMemory: Codable, Equatable, Sendable {
  public var resident: Int?
  /// Heap and stacks: what the program really takes.
  public var anonymous: Int?
  /// Mapped files, which the system may drop at any time.
  public var file: Int?
  /// The most that was ever resident.
  public var peak: Int?

  /// - Parameter trimmed: gives back what the heap keeps free before it is read.
  public static func current(trimmed: Bool = false) -> ProcessMemory {
    // Swift's module of the C library does not have it.
    if trimmed, let trim = dlsym(nil, "malloc_trim") {
      _ = unsafeBitCast(trim, to: (@convention(c) (Int) -> Int32).self)(0)
    }
    return parse(status: textFile("/proc/self/status") ?? "")
  }

  static func parse(status: String) -> ProcessMemory {
    func bytes(_ key: String) -> Int? {
      guard let value = field(key, of: status, separator: ":") else { return nil }
      return value.split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1_024 }
    }
    return ProcessMemory(
      resident: bytes("VmRSS"), anonymous: bytes("RssAnon"), file: bytes("RssFile"),
      peak: bytes("VmHWM"))
  }
}
