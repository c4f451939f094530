import Foundation

/// A call of Python in a process of its own, which ends with the task that waits for it.
struct PythonCall: Sendable {
  var executable: String
  /// For what it writes meanwhile; removed by the caller.
  var folder: String
  /// The model's folder, for errors.
  var target: String

  func run(_ arguments: [String]) async throws(ModelError) {
    let errors = folder + "/errors.txt"
    guard FileManager.default.createFile(atPath: errors, contents: nil),
      let handle = FileHandle(forWritingAtPath: errors)
    else { throw .unfetched(folder: target, reason: "\(errors) cannot be written") }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [executable] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": folder]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = handle
    let status = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        process.terminationHandler = { continuation.resume(returning: Int32?($0.terminationStatus)) }
        do { try process.run() } catch { continuation.resume(returning: nil) }
        if Task.isCancelled { Self.end(process) }
      }
    } onCancel: {
      Self.end(process)
    }
    try? handle.close()
    guard !Task.isCancelled else { throw .cancelled }
    guard status != 0 else { return }
    let said = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
    throw .unfetched(folder: target, reason: Self.reason(status, said))
  }

  /// It may have inherited that it ignores requests to end.
  private static func end(_ process: Process) {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  /// The last line that is said to be an error, else the last one.
  static func reason(_ status: Int32?, _ said: String) -> String {
    if status == nil || status == 127 { return "python3 is not there" }
    let lines = said.split(whereSeparator: \.isNewline).map {
      $0.trimmingCharacters(in: .whitespaces)
    }.filter { !$0.isEmpty }
    if lines.contains(where: { $0.hasSuffix("No module named pip") }) { return "python3 has no pip" }
    let last = lines.last { $0.hasPrefix("ERROR:") }.map { String($0.dropFirst(6)) } ?? lines.last
    guard let last else { return "python3 ended with \(status ?? -1)" }
    return last.trimmingCharacters(in: CharacterSet(charactersIn: " ."))
  }
}
