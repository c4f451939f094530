import Foundation

/// The file system and the device under a folder.
public struct Volume: Codable, Equatable, Sendable {
  public static let unknown = "unknown"

  public var fileSystem: String
  public var mountPoint: String
  public var device: String
  /// What the device calls itself.
  public var model: String
  /// It keeps nothing over a restart, so nothing durable can be measured on it.
  public var isVolatile: Bool

  public var summary: String {
    let name = model == Self.unknown ? device : "\(device), \(model)"
    return "\(fileSystem) on \(name)\(isVolatile ? " (volatile)" : "")"
  }

  private static let nothingKnown = Volume(
    fileSystem: unknown, mountPoint: unknown, device: unknown, model: unknown, isVolatile: false)

  /// Of the folder, or of the nearest one above it where it does not exist yet.
  public static func holding(_ folder: String) -> Volume {
    let path = resolved(folder)
    #if os(Linux)
      let table = MountTable(mountinfo: textFile("/proc/self/mountinfo") ?? "")
      guard let mount = table.mount(holding: path) else {
        return .nothingKnown
      }
      return Volume(
        fileSystem: mount.fileSystem, mountPoint: mount.point, device: mount.source,
        model: BlockDevice.model(number: mount.device, source: mount.source) ?? unknown,
        isVolatile: table.isVolatile(mount))
    #else
      return .nothingKnown
    #endif
  }

  /// Absolute and without links; `..` and links resolve as the system would.
  private static func resolved(_ folder: String) -> String {
    var path = folder
    while !path.isEmpty {
      if let real = realpath(path, nil) {
        defer { free(real) }
        return String(cString: real)
      }
      let parent = (path as NSString).deletingLastPathComponent
      if parent == path { break }
      path = parent
    }
    return FileManager.default.currentDirectoryPath
  }
}

/// What sysfs tells of a block device.
enum BlockDevice {
  static func model(number: String, source: String) -> String? {
    for start in ["/sys/dev/block/\(number)", byName(source)] {
      guard let start, let real = realpath(start, nil) else { continue }
      defer { free(real) }
      if let model = model(of: String(cString: real), depth: 0) { return model }
    }
    return nil
  }

  private static func byName(_ source: String) -> String? {
    guard source.hasPrefix("/dev/"), let real = realpath(source, nil) else { return nil }
    defer { free(real) }
    return "/sys/class/block/" + (String(cString: real) as NSString).lastPathComponent
  }

  private static func model(of path: String, depth: Int) -> String? {
    guard depth < 4 else { return nil }
    let manager = FileManager.default
    // A partition lies inside its disk's folder.
    if manager.fileExists(atPath: path + "/partition") {
      return model(of: (path as NSString).deletingLastPathComponent, depth: depth + 1)
    }
    if let model = trimmedTextFile(path + "/device/model") { return model }
    // A mapped device stands on others: ask the first.
    let slaves = (try? manager.contentsOfDirectory(atPath: path + "/slaves")) ?? []
    if let first = slaves.sorted().first, let real = realpath(path + "/slaves/" + first, nil) {
      defer { free(real) }
      return model(of: String(cString: real), depth: depth + 1)
    }
    let name = (path as NSString).lastPathComponent
    return name.hasPrefix("vd") ? "virtio disk" : nil
  }
}
