import Foundation

/// Where and with what a report was made. Never the host's name.
public struct MachineInfo: Codable, Equatable, Sendable {
  public var processor: Processor
  /// Bytes.
  public var memory: Int
  public var operatingSystem: String
  public var kernel: String
  public var architecture: String
  public var swift: String
  public var build: String
  /// Runnable threads over 1, 5 and 15 minutes before the run: others disturb a measurement.
  public var loadAverage: [Double]
  public var revision: String?

  public static func current(sources: String? = nil) -> MachineInfo {
    MachineInfo(
      processor: .current(), memory: Int(ProcessInfo.processInfo.physicalMemory),
      operatingSystem: operatingSystemName(), kernel: kernelName(),
      architecture: architectureName, swift: swiftVersion, build: buildConfiguration,
      loadAverage: currentLoad(),
      revision: sourceRevision(of: sources ?? FileManager.default.currentDirectoryPath))
  }

  /// The name of a report's folder where none is given: processor and number of cores.
  public var defaultLabel: String {
    slug("\(plainProcessorName(processor.model)) \(processor.cores) cores")
  }

  /// Two or three lines for a report's head.
  public var lines: [String] {
    let features = processor.features.joined(separator: " ")
    let load = loadAverage.map { grouped($0, decimals: 2) }.joined(separator: " ")
    return [
      "\(processor.model), \(processor.cores) cores, \(byteText(memory)) memory; \(features)",
      "\(operatingSystem), \(kernel), \(architecture); load \(load)",
      "Swift \(swift), \(build) build\(revision.map { ", revision \($0)" } ?? "")",
    ]
  }

  static var swiftVersion: String {
    #if compiler(>=6.5)
      "6.5 or later"
    #elseif compiler(>=6.4)
      "6.4"
    #elseif compiler(>=6.3.1)
      "6.3.1 or a later 6.3"
    #elseif compiler(>=6.3)
      "6.3"
    #elseif compiler(>=6.2)
      "6.2"
    #else
      "6.1"
    #endif
  }

  static var buildConfiguration: String {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }

  static var architectureName: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "arm64"
    #else
      "unknown"
    #endif
  }
}

private func operatingSystemName() -> String {
  #if os(Linux)
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
      if let name = textFile(path).flatMap({ field("PRETTY_NAME", of: $0, separator: "=") }) {
        return name
      }
    }
    return "Linux"
  #else
    return ProcessInfo.processInfo.operatingSystemVersionString
  #endif
}

/// Name and release of `uname`; its node name is the host's and stays out.
private func kernelName() -> String {
  var names = utsname()
  guard uname(&names) == 0 else { return Volume.unknown }
  func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
  let system = withUnsafeBytes(of: &names.sysname, text)
  let release = withUnsafeBytes(of: &names.release, text)
  return "\(system) \(release)"
}

private func currentLoad() -> [Double] {
  var load = [0.0, 0.0, 0.0]
  let count = getloadavg(&load, 3)
  return Array(load.prefix(max(0, Int(count))))
}
