import Foundation

/// A folder that is gone with the test.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "engram-bench-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  /// Packs a file with the system's gzip and returns the new path.
  func pack(_ file: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-kf", file]
    try process.run()
    process.waitUntilExit()
    return file + ".gz"
  }
}

func littleEndian(_ values: [UInt32]) -> [UInt8] {
  values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
}

func littleEndian(_ values: [UInt16]) -> [UInt8] {
  values.flatMap { value in [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)] }
}

func floats(_ values: [Float]) -> [UInt8] { littleEndian(values.map(\.bitPattern)) }
