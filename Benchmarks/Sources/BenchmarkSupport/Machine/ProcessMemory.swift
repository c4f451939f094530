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

  public static func current() -> ProcessMemory {
    parse(status: textFile("/proc/self/status") ?? "")
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
