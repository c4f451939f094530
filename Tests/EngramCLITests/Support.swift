import EngramStore
import Foundation

/// What `engram` answered.
struct Answer {
  var code: Int32
  var output: String
  var errors: String

  /// The members of the object that it printed.
  var json: [String: JSONValue] {
    guard case .object(let members)? = try? JSONValue(parsing: output) else { return [:] }
    return members
  }
}

/// Runs the real `engram` as a process of its own, with `environment` besides what this one has.
///
/// - Parameter input: what it reads from standard input.
func engram(
  _ arguments: [String], environment: [String: String] = [:], input: Data = Data()
) async throws -> Answer {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("engram-answers-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  // Files, not pipes: nothing waits for a reader.
  let files = ["output", "errors", "input"].map { folder.appendingPathComponent($0) }
  for file in files { try Data().write(to: file) }
  try input.write(to: files[2])
  let process = Process()
  process.executableURL = try executable()
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  process.standardInput = try FileHandle(forReadingFrom: files[2])
  process.standardOutput = try FileHandle(forWritingTo: files[0])
  process.standardError = try FileHandle(forWritingTo: files[1])
  try process.run()
  process.waitUntilExit()
  let texts = try files[..<2].map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
  return Answer(code: process.terminationStatus, output: texts[0], errors: texts[1])
}

func engram(_ arguments: String...) async throws -> Answer { try await engram(arguments) }

/// Starts `engram` and leaves it to itself; what it says goes nowhere.
func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Process {
  let process = Process()
  process.executableURL = try executable()
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  try process.run()
  return process
}

/// SwiftPM puts it beside the tests' executable or, on macOS, beside their bundle.
private func executable() throws -> URL {
  let starts =
    [URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(), Bundle.main.bundleURL]
    + Bundle.allBundles.map(\.bundleURL) + [URL(fileURLWithPath: CommandLine.arguments[0])]
  for start in starts {
    var folder = start
    for _ in 0..<4 {
      let candidate = folder.appendingPathComponent("engram")
      var isDirectory: ObjCBool = false
      if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isDirectory),
        !isDirectory.boolValue, FileManager.default.isExecutableFile(atPath: candidate.path)
      {
        return candidate
      }
      folder.deleteLastPathComponent()
    }
  }
  throw CocoaError(.fileNoSuchFile)
}

/// Runs `body` with a closed store of ten memories in `store`, in a directory that is removed later.
func withStore(_ body: (_ parent: URL, _ store: String) async throws -> Void) async throws {
  let parent = FileManager.default.temporaryDirectory
    .appendingPathComponent("engram-cli-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: parent) }
  let path = parent.appendingPathComponent("store").path
  let store = try Store(
    path: path, configuration: StoreConfiguration(dimension: 4, model: "of the test"))
  for number in 1...10 {
    try await store.insert(
      NewMemory(
        text: "memory \(number)", vector: [Float(number), 1, 2, 3], scope: Scope(user: "anna")))
  }
  try await store.close()
  try await body(parent, path)
}
