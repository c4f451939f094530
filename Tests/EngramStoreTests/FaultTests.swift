import EngramStore
import Foundation
import Testing

/// One call fails, or all from then on: on files, of SQLite's allocations or of the engine's large
/// ones. The process goes on or ends by itself with typed errors; nothing that was acknowledged is
/// lost, nothing that was refused is there, and the store opens again.
///
/// Each scenario is repeated with the fault at a few calls of each kind, with `ENGRAM_FAULTS=all`
/// at every one.
@Suite(.serialized, .enabled(if: CallLog.isAvailable, "calls fail on Linux only"))
struct FaultTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    var kind: String
    var error: String
    var how: String

    var testDescription: String { "\(kind) \(error) \(how)" }
    func at(_ number: Int) -> String { "\(kind) \(number) \(error) \(how)" }
  }

  private static let faults = [
    ("file", "EIO", "once"), ("file", "EIO", "always"), ("sync", "EIO", "once"),
    ("write", "ENOSPC", "once"), ("write", "ENOSPC", "always"), ("write", "short", "once"),
    ("write", "short-ENOSPC", "always"), ("memory", "ENOMEM", "once"),
    ("memory", "ENOMEM", "always"), ("allocation", "ENOMEM", "once"),
    ("allocation", "ENOMEM", "always"),
  ].map(Fault.init)

  private static let isComplete = ProcessInfo.processInfo.environment["ENGRAM_FAULTS"] == "all"
  /// Calls of a scenario that fail, unless every one does.
  private static let sample = 8

  /// A store is made, used, closed and used again.
  @Test(arguments: faults) func inALife(fault: Fault) async throws {
    try await repeated(fault, script: "script-2-8", "life") { _ in [] }
  }

  /// A killed process has left a store with its log; it is opened, used and closed.
  @Test(arguments: faults) func inRecovery(fault: Fault) async throws {
    try await withTemporaryDirectory(inMemory: true) { parent in
      let directory = parent.file("recorded")
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      let run = try await RecordedRun(directory, .full, seed: 5, lives: 2, steps: 15)
      // After the last acknowledgement, before the store is closed.
      let answers = run.log.records.indices.filter { run.log.records[$0].kind == .answer }
      let cut = answers[answers.count - 4] + 1
      let disk = CrashDisk(run.log)
      disk.advance(to: cut)
      var generator = Generator(seed: 5)
      let image = disk.image(&generator, all: true)
      try await repeated(fault, script: "script-1-4", "recovery") { directory in
        try image.write(to: directory)
        return run.log.answers(before: cut)
      }
    }
  }

  /// A process beside it writes to the same store: it meets no error, and loses nothing.
  @Test(arguments: [Fault(kind: "file", error: "KILL", how: "once")] + faults)
  func besideAnother(fault: Fault) async throws {
    try await repeated(fault, script: "script-2-8", "beside another", besideAnother: true) { _ in [] }
  }

  /// The file system is full: what is refused is refused, and all that was acknowledged is there.
  @Test func onAFullDisk() async throws {
    try await withTemporaryDirectory { parent in
      let (disk, copy) = (parent.file("disk"), parent.file("copy"))
      for kilobytes in [300, 600, 1_000, 1_500] {
        try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
        let size = "size=\(kilobytes)k"
        guard try command("mount", "-t", "tmpfs", "-o", size, "tmpfs", disk.path) else {
          print("full disk: not tested, a file system of its own cannot be mounted here")
          return
        }
        defer { _ = try? command("umount", disk.path) }
        let child = try Child(store: disk.file("store"), writers: 8, work: "script-3-100")
        let lines = child.end()
        #expect(child.failure == nil && lines.last == "done", "\(kilobytes) KB: \(lines.suffix(3))")
        var ledger = Ledger()
        ledger.add(lines)
        if FileManager.default.fileExists(atPath: disk.file("store").path) {
          try disk.file("store").copy(to: copy)
          let problems = try await problems(of: copy, ledger)
          #expect(problems.isEmpty, "\(kilobytes) KB: \(problems.prefix(5))")
        }
        let refused = lines.count { $0.hasPrefix("!") }
        print("full disk of \(kilobytes) KB: \(ledger.count) acknowledged, \(refused) errors")
      }
    }
  }

  private func problems(
    of directory: URL, _ ledger: Ledger, ended: Bool = true
  ) async throws -> [String] {
    let store = try openStore(directory, script: .full)
    var problems = try await store.verify().problems
    problems += try ledger.problems(with: store, ended: ended)
    problems += try ledger.missedBySearch(of: store).map { "\($0) is not found" }
    try await store.close()
    return problems
  }

  /// Whether a command succeeded.
  private func command(_ words: String...) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  /// Runs a script with the fault at one call after the other until it meets none.
  ///
  /// - Parameters:
  ///   - besideAnother: whether a process that meets no fault runs it at the same time.
  ///   - prepare: makes the directory above the store; what was acknowledged there.
  private func repeated(
    _ fault: Fault, script: String, _ scenario: String, besideAnother: Bool = false,
    _ prepare: (URL) throws -> [Substring]
  ) async throws {
    var tally = Tally()
    var generator = Generator(seed: 6)
    let calls = try await run(fault.at(Int(Int32.max)), script, besideAnother, prepare, &tally)
    tally = Tally()
    var number = 0
    while true {
      let stride = Self.isComplete ? 1 : max(1, 2 * calls / Self.sample)
      number += Int.random(in: 1...stride, using: &generator)
      let met = try await run(fault.at(number), script, besideAnother, prepare, &tally)
      if met < number || number > 2 * calls { break }
    }
    print("faults, \(scenario), \(fault.testDescription), \(calls) calls: \(tally)")
  }

  private struct Tally: CustomStringConvertible {
    var runs = 0
    var reported = 0
    /// Ended by GRDB.
    var ended = 0
    var acknowledged = 0
    var description: String {
      "\(runs) runs, \(reported) with errors, \(ended) ended by GRDB, "
        + "\(acknowledged) acknowledged memories"
    }
  }

  /// One run; the number of calls of the fault's kind that it made.
  private func run(
    _ fault: String, _ script: String, _ besideAnother: Bool,
    _ prepare: (URL) throws -> [Substring], _ tally: inout Tally
  ) async throws -> Int {
    try await withTemporaryDirectory(inMemory: true) { directory in
      var ledger = Ledger()
      ledger.add(try prepare(directory))
      let errors = directory.file("errors")
      let other = try besideAnother
        ? Child(store: directory.file("store"), writers: 8, work: script) : nil
      let child = try Child(
        store: directory.file("store"), writers: 7, work: script,
        environment: [
          "ENGRAM_FAULTS_PATH": directory.path, "ENGRAM_FAULT": fault,
          "SWIFT_BACKTRACE": "enable=no",
        ], errors: errors)
      let lines = child.end()
      ledger.add(lines)
      if let other {
        let lines = other.end()
        ledger.add(lines)
        #expect(other.failure == nil && lines.last == "done", "beside \(fault): \(lines)")
        #expect(!lines.contains { $0.hasPrefix("!") }, "beside \(fault): \(lines)")
      }
      let message = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
      // GRDB ends the process where SQLite has no memory for an argument or for functions.
      let isGRDB = fault.hasPrefix("allocation") && message.hasPrefix("GRDB/")
      let isKilled = fault.contains("KILL") && child.failure == "signal \(SIGKILL)"
      #expect(child.failure == nil || isGRDB || isKilled, "\(fault): \(message) after \(lines)")
      #expect(child.failure != nil || lines.last == "done", "\(fault): \(lines)")
      tally.ended += isGRDB && child.failure != nil ? 1 : 0
      if fault.hasSuffix("once") {
        #expect(!lines.contains { $0.hasPrefix("! again") }, "\(fault): \(lines)")
      }
      tally.runs += 1
      tally.reported += lines.contains { $0.hasPrefix("!") } ? 1 : 0
      tally.acknowledged += ledger.count
      do {
        let problems = try await problems(
          of: directory.file("store"), ledger, ended: child.failure == nil)
        #expect(problems.isEmpty, "\(fault): \(problems.prefix(5)) after \(lines)")
      } catch { Issue.record(error, "\(fault) after \(lines)") }
      let calls = lines.last { $0.hasPrefix("calls ") }
      return calls.flatMap { Int($0.dropFirst(6)) } ?? .max
    }
  }
}
