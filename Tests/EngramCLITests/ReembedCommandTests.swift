import EngramModels
import EngramStore
import Foundation
import Testing

@testable import EngramCLI

/// `engram reembed`, as people and programs call it.
@Suite struct ReembedCommandTests {
  private func withStore(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("engram-reembed-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let embedder = try HashingEmbedder(dimension: 32)
    let store = try Store(
      path: directory, configuration: StoreConfiguration(dimension: 32, model: embedder.model))
    let texts = (0..<40).map { "note \($0)" }
    let vectors = try await embedder.embed(texts)
    try await store.insert(
      zip(texts, vectors).map { NewMemory(text: $0, vector: $1, scope: Scope(user: "anna")) })
    try await store.close()
    try await body(directory)
  }

  @Test func thereBackAndDone() async throws {
    try await withStore { path in
      func reembed(_ arguments: String...) async throws -> Answer {
        try await engram(["reembed", "--store", path, "--json"] + arguments)
      }
      var answer = try await reembed("--to", "hashing@64")
      #expect(answer.code == 0, "\(answer)")
      #expect(answer.json["model"] == "hashing-64" && answer.json["previous"] == "hashing-32")
      #expect(answer.json["vectors"] == 40 && answer.json["texts"] == 40)
      answer = try await reembed("--status")
      #expect(answer.json["model"] == "hashing-64" && answer.json["kept"] == "hashing-32")
      #expect(answer.json["making"] == .null && answer.json["dimension"] == 64)
      answer = try await reembed("--revert")
      #expect(answer.json["model"] == "hashing-32" && answer.json["vectors"] == 0)
      answer = try await reembed("--confirm")
      #expect(answer.json["deleted"] == "hashing-64")
      #expect(try await engram("verify", "--store", path).code == 0)
      answer = try await reembed("--to", "hashing@32")
      #expect(answer.code == 0 && answer.json["vectors"] == 0)
    }
  }

  @Test func refusals() async throws {
    try await withStore { path in
      for flags in [["--confirm"], ["--revert"], ["--abandon"]] {
        let answer = try await engram(["reembed", "--store", path] + flags)
        #expect(answer.code == 2 && !answer.errors.isEmpty, "\(flags)")
      }
      for flags in [[], ["--confirm", "--revert"], ["--to", "nobody"], ["--to", "hashing@0", "--status"]] {
        #expect(try await engram(["reembed", "--store", path] + flags).code == 64, "\(flags)")
      }
      #expect(try await engram(["reembed", "--store", path, "--to", "hashing@0"]).code == 64)
      #expect(try await engram(["reembed", "--store", path + "/none", "--status"]).code == 2)
      // Begun, and not finished.
      let store = try Store(path: path, configuration: StoreConfiguration(storedAt: path))
      await #expect(throws: StoreError.self) {
        try await store.reembed(model: "hashing-64", dimension: 64) { _ in throw CancellationError() }
      }
      try await store.close()
      var answer = try await engram(["reembed", "--store", path, "--to", "hashing@16"])
      #expect(answer.code == 2 && answer.errors.contains("hashing-64"))
      answer = try await engram(["reembed", "--store", path, "--status"])
      #expect(answer.code == 0 && answer.output.contains("hashing-64"))
      #expect(try await engram(["reembed", "--store", path, "--abandon"]).code == 0)
      #expect(try await engram(["reembed", "--store", path, "--to", "hashing@16"]).code == 0)
      #expect(try await engram("verify", "--store", path).code == 0)
    }
  }
}
