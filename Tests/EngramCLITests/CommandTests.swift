import EngramStore
import Foundation
import Testing

/// The command line as a shell sees it: exit codes, standard output and standard error.
@Suite struct CommandTests {
  @Test func aSoundStore() async throws {
    try await withStore { _, store in
      for depth in [["--quick"], []] {
        let text = try await engram(["verify", "--store", store] + depth)
        #expect(text.code == 0 && text.errors.isEmpty, "\(text)")
        #expect(text.output.contains("sound") && text.output.contains("yes"))
      }
      let answer = try await engram("verify", "--json", "--store", store)
      #expect(answer.code == 0)
      #expect(answer.json["sound"] == true && answer.json["memories"] == 10)
      #expect(answer.json["depth"] == "full" && answer.json["problems"] == [])
      guard case .string(let head)? = answer.json["head"] else {
        Issue.record("no head in \(answer)")
        return
      }
      #expect(head.hasPrefix("10:") && head.count == 67)
      #expect(try await engram("verify", "--store", store, "--head", head).code == 0)
      #expect(try await engram("verify", "--store", store, "--quick", "--head", head).code == 0)
      let other = "10:" + String(repeating: "0", count: 64)
      let rewritten = try await engram("verify", "--store", store, "--head", other)
      #expect(rewritten.code == 1 && rewritten.output.contains("rewritten"), "\(rewritten)")
      let cut = try await engram("verify", "--quick", "--store", store, "--head", "11" + other.dropFirst(2))
      #expect(cut.code == 1 && cut.output.contains("cut off"), "\(cut)")
    }
  }

  @Test func compactAndErase() async throws {
    try await withStore { _, store in
      let compacted = try await engram("compact", "--json", "--store", store, "--before", "2100-01-01")
      #expect(compacted.code == 0 && compacted.json["vectors"] == 10, "\(compacted)")
      let refused = try await engram("compact", "--store", store, "--before", "yesterday")
      #expect(refused.code == 64 && refused.errors.contains("2026-01-31"), "\(refused)")

      let stranger = UUID().uuidString
      for wrong in [[], ["--memory", "one"], ["--memory", stranger, "--user", "u"]] {
        #expect(try await engram(["erase", "--store", store] + wrong).code == 64)
      }
      let unknown = try await engram("erase", "--store", store, "--memory", stranger)
      #expect(unknown.code == 2 && unknown.errors.contains("no memory"), "\(unknown)")
      let nobody = try await engram("erase", "--json", "--store", store, "--user", "nobody")
      #expect(nobody.code == 0 && nobody.json["erased"] == [], "\(nobody)")
      #expect(try await engram("stats", "--json", "--store", store).json["memories"] == 10)
      let opened = try Store(path: store, configuration: StoreConfiguration(storedAt: store))
      let id = try opened.list(limit: 1).memories[0].id.uuidString.lowercased()
      try await opened.close()
      let erased = try await engram("erase", "--json", "--store", store, "--memory", id, "--by", "me")
      #expect(erased.code == 0 && erased.json["erased"] == [.string(id)], "\(erased)")
      #expect(try await engram("stats", "--json", "--store", store).json["memories"] == 9)
      #expect(try await engram("verify", "--store", store).code == 0)
    }
  }

  @Test func aDamagedStore() async throws {
    try await withStore { parent, store in
      let pages = parent.appendingPathComponent("store/vectors-1.pages")
      var bytes = try Data(contentsOf: pages)
      // A slot of four components takes 128 bytes; the last one stops the opening.
      for slot in [3, 9] { bytes[4_096 + slot * 128 + 70] ^= 1 }
      try bytes.write(to: pages)
      let refused = try await engram("verify", "--json", "--store", store)
      #expect(refused.code == 1 && refused.json["sound"] == false, "\(refused)")
      #expect(try await engram("stats", "--store", store).code == 2)

      let repaired = try await engram("repair", "--json", "--store", store)
      #expect(repaired.code == 1 && repaired.json["sound"] == false, "\(repaired)")
      guard case .array(let lost)? = repaired.json["lost_vectors"] else {
        Issue.record("no list in \(repaired)")
        return
      }
      #expect(lost.count == 2)
      let found = try await engram("verify", "--store", store)
      #expect(found.code == 1 && found.output.contains("has no vector"), "\(found)")
      let again = try await engram("repair", "--store", store)
      #expect(again.code == 1 && !again.output.contains("newly lost vectors"), "\(again)")
      #expect(try await engram("stats", "--store", store).code == 0)
    }
  }

  /// What cannot even be opened is a store with problems; repair says what to do.
  @Test func aDatabaseThatIsNone() async throws {
    try await withStore { parent, store in
      let catalogue = parent.appendingPathComponent("store/engram.sqlite")
      try Data(repeating: 0x41, count: 8_192).write(to: catalogue)
      let found = try await engram("verify", "--json", "--store", store)
      #expect(found.code == 1 && found.json["sound"] == false, "\(found)")
      #expect(try await engram("repair", "--store", store).code == 2)
    }
  }

  @Test func aBackupAndBack() async throws {
    try await withStore { parent, store in
      let (backup, copy) = (parent.path + "/backup", parent.path + "/copy")
      let made = try await engram("backup", "--json", "--store", store, backup)
      #expect(made.code == 0 && made.json["memories"] == 10, "\(made)")
      #expect(try await engram("backup", "--store", store, backup).code == 2)
      let restored = try await engram("restore", "--json", backup, "--store", copy)
      #expect(restored.code == 0 && restored.json["sound"] == true, "\(restored)")
      #expect(restored.json["head"] == made.json["head"])
      #expect(try await engram("verify", "--store", copy).code == 0)
      let refused = try await engram("restore", store, "--store", parent.path + "/none")
      #expect(refused.code == 2 && refused.output.isEmpty, "\(refused)")
      #expect(refused.errors.hasPrefix("engram: ") && refused.errors.contains("BACKUP.json"))
      #expect(!FileManager.default.fileExists(atPath: parent.path + "/none"))
    }
  }

  @Test func anExportAndBack() async throws {
    try await withStore { parent, store in
      let (file, copy) = (parent.path + "/export", parent.path + "/copy")
      let made = try await engram("export", "--json", "--store", store, file)
      #expect(made.code == 0 && made.json["vectors"] == 10, "\(made)")
      #expect(try await engram("export", "--store", store, file).code == 2)
      let printed = try await engram("export", "--store", store)
      #expect(printed.code == 0)
      #expect(try printed.output == String(contentsOfFile: file, encoding: .utf8))
      let imported = try await engram("import", "--json", file, "--store", copy)
      #expect(imported.code == 0 && imported.json["memories"] == 10, "\(imported)")
      #expect(try await engram("stats", "--store", copy).output.contains("of the test"))
      var text = try String(contentsOfFile: file, encoding: .utf8)
      text = text.replacingOccurrences(of: "memory 7", with: "memory 8")
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      let refused = try await engram("import", "--json", file, "--store", parent.path + "/none")
      #expect(refused.code == 2 && refused.errors.contains("line 8"), "\(refused)")
      guard case .string? = refused.json["error"] else {
        Issue.record("no error in \(refused)")
        return
      }
    }
  }

  @Test func whatAStoreHolds() async throws {
    try await withStore { _, store in
      let answer = try await engram("stats", "--json", "--store", store)
      #expect(answer.code == 0)
      #expect(answer.json["memories"] == 10 && answer.json["dimension"] == 4)
      #expect(answer.json["model"] == "of the test" && answer.json["metric"] == "cosine")
      let text = try await engram("stats", "--store", store)
      #expect(text.code == 0 && text.output.contains("vectors-1.pages"), "\(text)")
    }
  }

  /// Nothing is made where no store is.
  @Test func wrongPaths() async throws {
    try await withStore { parent, store in
      let none = parent.path + "/none"
      for command in ["verify", "repair", "stats", "export"] {
        let answer = try await engram(command, "--store", none)
        #expect(answer.code == 2, "\(command): \(answer)")
        #expect(answer.errors == "engram: There is no store at \(none).\n")
      }
      #expect(try await engram("backup", "--store", parent.path, none).code == 2)
      #expect(try await engram("import", none, "--store", parent.path + "/new").code == 2)
      #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path) == ["store"])
      let open = try Store(path: store, configuration: StoreConfiguration(storedAt: store))
      let answer = try await engram("repair", "--store", store)
      #expect(answer.code == 2 && answer.errors.contains("is open"), "\(answer)")
      #expect(try await engram("verify", "--store", store).code == 0)
      try await open.close()
    }
  }

  @Test func usage() async throws {
    for arguments in [["verify", "a"], ["nonsense"], ["verify", "--head", "5"], ["backup"], ["import"]] {
      let answer = try await engram(arguments)
      #expect(answer.code == 64 && answer.output.isEmpty, "\(arguments): \(answer)")
    }
    #expect(try await engram("export", "--store", "a", "--json").code == 64)
    let help = try await engram("--help")
    #expect(help.code == 0 && help.output.contains("verify"))
    for command in ["verify", "repair", "backup", "restore", "export", "import", "stats"] {
      #expect(try await engram(command, "--help").code == 0)
    }
  }
}
