import EngramStore
import Foundation
import Synchronization

/// A process of `Tests/StoreChild` that works on a store until it is killed, or ends.
final class Child {
  private let process = Process()
  private let lines = Lines()
  private let input = Pipe()

  /// - Parameter errors: a file that takes what the process writes about its end.
  init(
    store: URL, durability: Durability = .full, writers: Int, work: String,
    environment: [String: String] = [:], errors: URL? = nil
  ) throws {
    process.executableURL = try Self.executable()
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.arguments = [store.path, durability.rawValue, "\(writers)", work]
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = input
    if let errors {
      try Data().write(to: errors)
      process.standardError = try FileHandle(forWritingTo: errors)
    }
    try process.run()
    lines.read(output.fileHandleForReading)
  }

  /// Returns once a line begins with `prefix`, or the process has ended.
  func wait(for prefix: String) { lines.wait(for: prefix) }

  /// Kills the process and returns all that it had written.
  func kill() -> [Substring] {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return lines.all()
  }

  func closeInput() { try? input.fileHandleForWriting.close() }

  func signal(_ signal: Int32) { Foundation.kill(process.processIdentifier, signal) }

  /// Waits until the process has ended, and returns all that it had written.
  func end() -> [Substring] {
    process.waitUntilExit()
    return lines.all()
  }

  /// How the process ended, where that was not in an orderly way.
  var failure: String? {
    if process.terminationReason == .uncaughtSignal { return "signal \(process.terminationStatus)" }
    return process.terminationStatus == 0 ? nil : "status \(process.terminationStatus)"
  }

  /// SwiftPM puts it beside the tests' executable or, on macOS, beside their bundle.
  private static func executable() throws -> URL {
    let starts =
      [URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(), Bundle.main.bundleURL]
      + Bundle.allBundles.map(\.bundleURL) + [URL(fileURLWithPath: CommandLine.arguments[0])]
    for start in starts {
      var folder = start
      for _ in 0..<4 {
        let candidate = folder.appendingPathComponent("StoreChild")
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
}

/// The lines that a process writes, drained on a thread so that it never waits for a full pipe.
private final class Lines: Sendable {
  private let condition = NSCondition()
  private let state = Mutex((bytes: Data(), isAtEnd: false))

  func read(_ handle: FileHandle) {
    let handle = Handover(value: handle)
    Thread { [self] in
      while true {
        let data = handle.value.availableData
        condition.lock()
        state.withLock {
          $0.bytes += data
          $0.isAtEnd = data.isEmpty
        }
        condition.broadcast()
        condition.unlock()
        if data.isEmpty { return }
      }
    }.start()
  }

  func wait(for prefix: String) {
    let starts = [Data(prefix.utf8), Data("\n\(prefix)".utf8)]
    condition.lock()
    while !state.withLock({ state in
      state.isAtEnd || state.bytes.starts(with: starts[0])
        || state.bytes.range(of: starts[1]) != nil
    }) { condition.wait() }
    condition.unlock()
  }

  /// Whole lines, once the process has ended.
  func all() -> [Substring] {
    condition.lock()
    while !state.withLock({ $0.isAtEnd }) { condition.wait() }
    condition.unlock()
    let text = String(decoding: state.withLock { $0.bytes }, as: UTF8.self)
    return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
  }

  private struct Handover: @unchecked Sendable { let value: FileHandle }
}
