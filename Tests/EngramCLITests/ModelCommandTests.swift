import EngramStore
import Foundation
import Testing

@Suite struct ModelCommandTests {
  /// A folder for a model that is not there, and a `python3` before all others that fails.
  private func withFolder(_ body: (_ folder: String, _ environment: [String: String]) async throws -> Void)
    async throws
  {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("engram-model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: root) }
    let python = root.appendingPathComponent("python3")
    try "#!/bin/sh\necho 'ERROR: No route.' >&2\nexit 1\n".write(
      to: python, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python.path)
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let folder = root.path + "/model"
    try await body(folder, ["ENGRAM_MODEL_DIR": folder, "PATH": root.path + ":" + path])
  }

  @Test func aModelThatIsNotThere() async throws {
    try await withFolder { folder, environment in
      let path = try await engram(["model", "path"], environment: environment)
      #expect(path.code == 0 && path.output == folder + "\n", "\(path)")
      let listed = try await engram(["model", "list", "--json"], environment: environment)
      #expect(listed.code == 1 && listed.json["whole"] == false, "\(listed)")
      #expect(listed.json["model"] == "all-MiniLM-L6-v2" && listed.json["dimension"] == .null)
      #expect(listed.json["folder"] == .string(folder))
    }
  }

  @Test func aFetchThatFails() async throws {
    try await withFolder { folder, environment in
      let failed = try await engram(["model", "fetch", "--json"], environment: environment)
      #expect(failed.code == 2 && failed.errors.hasPrefix("engram: "), "\(failed)")
      #expect(failed.errors.contains("No route") && failed.errors.contains("By hand"), "\(failed)")
      #expect(failed.json["error"] != nil && !FileManager.default.fileExists(atPath: folder))
      let elsewhere = try await engram(
        ["model", "fetch", "--into", folder + "-2"], environment: environment)
      #expect(elsewhere.code == 2 && elsewhere.errors.contains(folder + "-2"), "\(elsewhere)")
      #expect(try await engram(["model", "fetch", "--onto", folder]).code == 64)
    }
  }
}
