import EngramModels
import EngramStore
import Foundation
import Testing

/// `engram export --markdown`, `import --markdown` and `sync`.
@Suite(.serialized) struct MarkdownCommandTests {
  private func files(_ directory: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for case let name as String in FileManager.default.enumerator(atPath: directory) ?? .init() {
      var isDirectory: ObjCBool = false
      let path = directory + "/" + name
      if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
        files[name] = try Data(contentsOf: URL(fileURLWithPath: path))
      }
    }
    return files
  }

  /// Any store is exported, whatever model it is of; only that model imports it.
  @Test func exportNeedsNoModel() async throws {
    try await withStore { parent, store in
      let directory = parent.path + "/files"
      let exported = try await engram("export", "--store", store, directory, "--markdown", "--json")
      #expect(exported.code == 0 && exported.json["files"] == 10, "\(exported)")
      #expect(try files(directory).count == 12)
      let again = try await engram("export", "--store", store, directory, "--markdown")
      #expect(again.code == 2 && again.errors.contains("sync"), "\(again)")
      #expect(try await engram("export", "--store", store, "--markdown").code == 64)
      let none = try await engram(
        ["import", "--markdown", directory, "--store", parent.path + "/copy"],
        environment: ["ENGRAM_MODEL_DIR": parent.path + "/none"])
      #expect(none.code == 2 && none.errors.contains("engram model fetch"), "\(none)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path).sorted() == ["files", "store"])
    }
  }

  @Test(.enabled(if: isModelInstalled, "the model is not installed; run `engram model fetch`"))
  func thereEditedAndBack() async throws {
    try await withStore { parent, _ in
      let (store, directory, copy) = (parent.path + "/memories", parent.path + "/files", parent.path + "/copy")
      for text in ["I drink green tea", "The car is red", "My cat is called Tom"] {
        let added = try await engram("add", text, "--store", store, "--user", "alice", "--mode", "verbatim")
        #expect(added.code == 0, "\(added)")
      }
      #expect(try await engram("export", "--store", store, directory, "--markdown").code == 0)
      let imported = try await engram("import", "--markdown", directory, "--store", copy, "--json")
      #expect(imported.code == 0 && imported.json["sound"] == true && imported.json["edited_files"] == [], "\(imported)")
      let other = parent.path + "/other"
      #expect(try await engram("export", "--store", copy, other, "--markdown").code == 0)
      #expect(try files(directory) == files(other))
      let found = try await engram("search", "pet", "--store", copy, "--user", "alice", "--limit", "1")
      #expect(found.code == 0 && found.output.contains("Tom"), "\(found)")

      let tea = try #require(try files(directory).first { $0.key.contains("green-tea") })
      let text = String(decoding: tea.value, as: UTF8.self)
      try Data(text.replacing("\n---\nI drink green tea\n", with: "\nimportance: 1\n---\nI drink coffee\n").utf8)
        .write(to: URL(fileURLWithPath: directory + "/" + tea.key))
      try Data("---\nuser: alice\n---\nBob is my brother\n".utf8)
        .write(to: URL(fileURLWithPath: directory + "/memories/bob.md"))
      let dry = try await engram("sync", directory, "--store", store, "--dry-run", "--json")
      #expect(dry.code == 0 && dry.json["written"] == [], "\(dry)")
      let synced = try await engram("sync", directory, "--store", store, "--json")
      #expect(synced.code == 0 && synced.json["updated"] == dry.json["updated"], "\(synced)")
      let listed = try await engram("list", "--store", store, "--user", "alice")
      #expect(listed.output.contains("coffee") && listed.output.contains("Bob") && !listed.output.contains("tea"))

      // Changed on both sides.
      let coffee = try #require(try files(directory).first { $0.key.contains("i-drink-coffee") })
      try Data(String(decoding: coffee.value, as: UTF8.self).replacing("---\nI drink coffee\n", with: "---\nI drink rum\n").utf8)
        .write(to: URL(fileURLWithPath: directory + "/" + coffee.key))
      let id = String(coffee.key.dropLast(3).suffix(36))
      #expect(try await engram("update", id, "--importance", "none", "--expires", "2999-01-01", "--category", "drinks", "--store", store).code == 0)
      let conflict = try await engram("sync", directory, "--store", store)
      #expect(conflict.code == 1 && conflict.output.contains(id), "\(conflict)")
      let got = try await engram("get", id, "--store", store, "--json")
      #expect(got.json["memory"] == "I drink coffee" && got.json["expiration_date"] == "2999-01-01")
      #expect(got.json["categories"] == ["drinks"])
      #expect(try await engram("sync", directory, "--store", store, "--prefer", "files").code == 0)
      #expect(try await engram("get", id, "--store", store, "--json").json["memory"] == "I drink rum")
      #expect(try await engram("sync", directory, "--store", store, "--prefer", "nobody").code == 64)

      try FileManager.default.removeItem(atPath: directory + "/" + (try #require(files(directory).keys.first { $0.contains("car") })))
      let missing = try await engram("sync", directory, "--store", store)
      #expect(missing.code == 0 && missing.output.contains("missing"), "\(missing)")
      #expect(try await engram("sync", directory, "--store", store, "--delete").code == 0)
      #expect(try await !engram("list", "--store", store, "--user", "alice").output.contains("car"))
      try Data("---\nuser: alice\nwhat: ever\n---\nx\n".utf8)
        .write(to: URL(fileURLWithPath: directory + "/memories/bad.md"))
      let refused = try await engram("sync", directory, "--store", store)
      #expect(refused.code == 2 && refused.errors.contains("bad.md, line 3"), "\(refused)")
    }
  }

  /// Killed at any moment, an export or an import is there whole, or not there.
  @Test(.enabled(if: isModelInstalled, "the model is not installed; run `engram model fetch`"))
  func killedInTheMiddle() async throws {
    try await withStore { parent, _ in
      let store = parent.path + "/memories"
      let embedder = try MiniLM.installed()
      let opened = try Store(
        path: store, configuration: StoreConfiguration(dimension: embedder.dimension, model: embedder.model))
      var vector = [Float](repeating: 0, count: embedder.dimension)
      vector[0] = 1
      try await opened.insert(
        (0..<400).map { NewMemory(text: "memory \($0)", vector: vector, scope: Scope(user: "u\($0 % 7)")) })
      try await opened.close()
      #expect(try await engram("export", "--store", store, parent.path + "/whole", "--markdown").code == 0)
      let whole = try files(parent.path + "/whole")
      var (killed, rounds) = (0, 0)
      for seed in 0..<12 {
        let isExport = seed % 2 == 0
        let path = parent.path + "/made-\(seed)"
        let arguments =
          isExport
          ? ["export", path, "--markdown", "--store", store]
          : ["import", "--markdown", parent.path + "/whole", "--store", path]
        let process = try start(arguments)
        // Not before its draft is there, and then at another moment each time.
        while process.isRunning {
          let names = try FileManager.default.contentsOfDirectory(atPath: parent.path)
          guard let draft = names.first(where: { $0.hasPrefix("made-\(seed).") }) else { continue }
          let inside = try? FileManager.default.subpathsOfDirectory(atPath: parent.path + "/" + draft).count
          if inside ?? 0 >= (isExport ? seed * 30 : seed / 4) { break }
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        rounds += 1
        guard FileManager.default.fileExists(atPath: path) else {
          killed += 1
          continue
        }
        if isExport { #expect(try files(path) == whole) } else {
          #expect(try await engram("verify", "--store", path).code == 0)
        }
      }
      #expect(rounds == 12 && killed > 4, "killed \(killed)")
    }
  }
}

private let isModelInstalled =
  ProcessInfo.processInfo.environment["ENGRAM_REQUIRE_MODEL"] == "1"
  || FileManager.default.fileExists(atPath: MiniLM.defaultFolder + "/model.safetensors")
