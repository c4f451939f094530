import EngramModels
import EngramStore
import Foundation
import Testing

@testable import Engram

/// What is malformed is refused with its line, and nothing has been written then.
@Suite struct MarkdownBadInputTests {
  /// Runs `body` with an engine and a folder of its two memories, one of which has ended.
  private func withFolder(
    _ body: (MemoryEngine, EditedFolder, _ current: String, _ ended: String) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      let options = AddOptions(
        mode: .verbatim, metadata: try Metadata(json: #"{"a":1}"#), categories: ["c"], importance: 0.5)
      let ids = try await ["first", "second"].asyncMap {
        try await engine.add($0, scope: Scope(user: "anna"), options: options)[0].id
      }
      try await engine.delete(ids[1])
      let folder = EditedFolder(directory + "/files")
      try await engine.store.exportMarkdown(to: folder.path)
      let paths = try folder.memories()
      try await body(engine, folder, try #require(paths[ids[0]]), try #require(paths[ids[1]]))
      try await engine.close()
    }
  }

  /// Refused by a sync and by an import, at this line, with both sides as they were.
  private func expectRefused(
    _ what: Comment, line: Int?, _ engine: MemoryEngine, _ folder: EditedFolder
  ) async throws {
    let (before, head) = (try files(in: folder.path), try await engine.store.verify(.quick).head)
    let options = MarkdownSyncOptions(deletes: true, preference: .files)
    for isImport in [false, true] {
      let kind = await refusal {
        if isImport {
          try await MemoryEngine.importMarkdown(
            from: folder.path, to: folder.path + "-copy", embedder: engine.embedders.current)
        } else {
          try await engine.syncMarkdown(folder.path, options: options)
        }
      }
      if let line {
        #expect(kind == "markdown \(line)", "\(what), import \(isImport)")
      } else {
        #expect(kind?.hasPrefix("markdown") == true, "\(what): \(kind ?? "accepted"), import \(isImport)")
      }
    }
    #expect(try files(in: folder.path) == before, what)
    #expect(try await engine.store.verify(.quick).head == head, what)
    #expect(!FileManager.default.fileExists(atPath: folder.path + "-copy"), what)
  }

  @Test func malformedFields() async throws {
    try await withFolder { engine, folder, current, _ in
      let whole = try #require(try files(in: folder.path)[current])
      let text = String(decoding: whole, as: UTF8.self)
      let lines = text.components(separatedBy: "\n")
      #expect(lines[2].hasPrefix("id: ") && lines[3] == "user: anna" && lines[5] == "importance: 0.5")
      func refused(_ number: Int, _ new: String, at line: Int? = nil) async throws {
        var lines = lines
        lines[number - 1] = new
        try folder.write(lines.joined(separator: "\n"), to: current)
        try await expectRefused("\(new.debugDescription) as line \(number)", line: line ?? number, engine, folder)
        try folder.write(whole, to: current)
      }
      for new in ["importance: 1.5", "importance: -1", "importance: x", "importance: [1]", "importance:", "importance: ",
        "importance:1", "importance", "importance: 1 ", "importance: NaN", "unknown: 1", "user: anna", "",
        "# comment", " importance: 1", "importance: 1\r", "expires_at: soon", "expires_at: 2026-02-30",
        "expires_at: 10000-01-01", "expires_at: 0000-01-01", "categories: x", "categories: [1]", "categories: [\"\"]", "categories: [x]",
        "categories: [\"\\u0000\"]", "ended_at: 2026-01-01", "valid_from: 2026-01-01", "agent: x",
        "importance: \u{1}", "\u{FEFF}importance: 1",
      ] { try await refused(6, new) }
      #expect(lines[9].hasPrefix("metadata: "))
      for new in ["metadata: []", "metadata: {", "metadata: {'a': 1}", "metadata: {\"a\": NaN}", "metadata: a"] {
        try await refused(10, new)
      }
      try await refused(4, "user: Anna")
      try await refused(4, "user: yes")
      try await refused(4, "user: 'anna'")
      try await refused(4, "user: \"anna")
      try await refused(3, "id: 0")
      try await refused(3, "id: \(UUID().uuidString.lowercased())", at: 1)
      try await refused(2, "engram: 2")
      try await refused(2, "engram: one")
      try await refused(1, "----")
      try await refused(1, "\u{FEFF}---")
      try await refused(1, "---\r")
      let end = try #require(lines.dropFirst().firstIndex(of: "---"))
      try await refused(end, "change: 5")
      try await refused(end, "change: x")
      try await refused(end + 1, "--", at: end + 1)
      try await refused(end + 2, " \t", at: end + 2)
      try await refused(end + 2, "a\u{0}b", at: end + 2)
      try await refused(end + 2, String(repeating: "x", count: StoreLimits.textBytes + 1), at: end + 2)
      for (number, line) in lines.enumerated().dropFirst(end + 4) where !line.isEmpty {
        // Without the line that begins them there are no records.
        try await refused(number + 1, line + " ", at: line == "```jsonl" ? number - 2 : nil)
      }
      // Not UTF-8.
      var bytes = whole
      bytes.insert(0xFF, at: try #require(bytes.range(of: Data("first\n".utf8))).lowerBound)
      try folder.write(bytes, to: current)
      try await expectRefused("0xFF in the text", line: end + 2, engine, folder)
      for length in stride(from: 0, to: whole.count - 6, by: 37) {
        try folder.write(Data(whole.prefix(length)), to: current)
        // Without the marker and its id it would be a new file.
        try await expectRefused("\(length) bytes", line: nil, engine, folder)
      }
    }
  }

  @Test func malformedFiles() async throws {
    try await withFolder { engine, folder, current, ended in
      let all = try files(in: folder.path)
      let whole = try #require(all[current])
      func check(_ what: Comment, line: Int? = 1, undo: String) async throws {
        try await expectRefused(what, line: line, engine, folder)
        try folder.remove(undo)
      }
      try folder.write(whole, to: "memories/copy.md")
      try await check("the same id twice", undo: "memories/copy.md")
      try folder.write("---\nuser: a\n---\nx", to: "memories/A.md")
      try folder.write("---\nuser: a\n---\nx", to: "memories/a.md")
      try await check("names that differ by case", undo: "memories/A.md")
      try folder.remove("memories/a.md")
      try folder.write("---\nuser: a\n---\nx", to: "memories/\(UUID().uuidString.lowercased()).md")
      try await check("another id in the name", undo: try #require(Self.last(folder, all)))
      for (file, line) in [
        ("---\n---\nx", 1), ("no fields", 1), ("", 1), ("---\nuser: a\n", 3), ("---\nuser: a\n---\n", 4),
        ("---\nuser: a\n---\n \n", 4), ("---\nuser: a\nchange: 1\n---\nx", 3), ("---\nuser:\n---\nx", 2),
        ("---\nuser: a\nuser: b\n---\nx", 3), ("---\nuser: \"\"\n---\nx", 2),
        ("---\nuser: a\nvalid_from: 2026-01-02\nvalid_to: 2026-01-01\n---\nx", 4),
        ("---\nuser: a\n---\nx\n<!-- engram:history -->\n", 6),
        ("---\nuser: \(String(repeating: "u", count: 513))\n---\nx", 2),
      ] {
        try folder.write(file, to: "memories/new.md")
        try await check("\(file.prefix(80).debugDescription)", line: line, undo: "memories/new.md")
      }
      let target = folder.path + "/../elsewhere.md"
      try whole.write(to: URL(fileURLWithPath: target))
      for name in ["memories/link.md", "memories/link"] {
        try FileManager.default.createSymbolicLink(
          atPath: folder.path + "/" + name, withDestinationPath: name.hasSuffix("md") ? target : folder.path + "/..")
        try await check("a link", undo: name)
      }
      #expect(mkfifo(folder.path + "/memories/pipe.md", 0o600) == 0)
      // Its name ends with .md, and to open it would wait for ever.
      try await check("a pipe", undo: "memories/pipe.md")
      try folder.edit(ended) { $0.body = "another text" }
      try await expectRefused("an ended memory", line: nil, engine, folder)
      try folder.write(try #require(all[ended]), to: ended)
      for (name, bytes) in all where name == "engram.md" {
        for offset in stride(from: 0, to: bytes.count - 1, by: 23) {
          var flipped = bytes
          flipped[offset] ^= 1
          try folder.write(flipped, to: name)
          try await expectRefused("a bit of byte \(offset) of the manifest", line: nil, engine, folder)
        }
        try folder.remove(name)
        try await expectRefused("without the manifest", line: 1, engine, folder)
        try folder.write(bytes, to: name)
      }
      #expect(try files(in: folder.path) == all)
      #expect(try await engine.syncMarkdown(folder.path) == MarkdownSyncReport())
    }
  }

  /// A name that was not there before.
  private static func last(_ folder: EditedFolder, _ before: [String: Data]) throws -> String? {
    try files(in: folder.path).keys.first { before[$0] == nil && $0 != "memories/a.md" }
  }

  /// An import needs every file that was exported; what was edited it names.
  @Test func anImportOfWhatWasEdited() async throws {
    try await withFolder { engine, folder, current, ended in
      let all = try files(in: folder.path)
      func imported(_ number: Int) async throws -> MarkdownImport {
        try await MemoryEngine.importMarkdown(
          from: folder.path, to: folder.path + "-\(number)", embedder: engine.embedders.current)
      }
      for name in [current, ended] {
        try folder.remove(name)
        let kind = await refusal { _ = try await imported(0) }
        #expect(kind?.hasPrefix("markdown") == true, "\(name): \(kind ?? "accepted")")
        try folder.write(try #require(all[name]), to: name)
      }
      try folder.edit(current) { file in
        file.body = "edited"
        file["importance"] = nil
      }
      try folder.write("---\nuser: anna\n---\nadded", to: "memories/new.md")
      let found = try await imported(1)
      #expect(Set(found.edited) == [current, "memories/new.md"] && found.report.isSound)
      // A store that was lost with edits in its files comes back in two steps.
      let copy = try MemoryEngine.hashing(folder.path + "-1")
      #expect(try copy.store.list().memories.map(\.text) == ["first"])
      let report = try await copy.syncMarkdown(folder.path)
      #expect(report.added.count == 1 && report.updated.count == 1)
      #expect(try copy.store.list().memories.map(\.text) == ["edited", "added"])
      try await copy.store.exportMarkdown(to: folder.path + "-2")
      #expect(try files(in: folder.path) == files(in: folder.path + "-2"))
      try await copy.close()
    }
  }
}

/// The strict part of YAML.
@Suite struct FrontmatterTests {
  private func value(_ text: String) throws -> String? {
    let bytes = Array("---\nuser: \(text)\n---\n".utf8)
    return try Frontmatter(bytes, file: "f", known: ["user"]).text("user")
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    var generator = Generator(seed: 1)
    let pieces = Odd.names + Odd.texts + ["a", "-", " ", ":", "#", "y", "1", ".", "_", "\u{7F}", "\u{85}", "\u{FFFE}"]
    for _ in 0..<3_000 {
      let text = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }.joined()
      let written = Frontmatter.value(text)
      #expect(try value(written).map { Array($0.utf8) } == Array(text.utf8), "\(written)")
      #expect(!written.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
    }
  }

  @Test func plainTexts() throws {
    for text in ["anna", "Anna Müller", "用户", "a:b", "a#b", "x'y", "1 and 2", "v1.2.3", "a-b_c"] {
      #expect(try value(text) == text)
    }
    for text in [
      "true", "No", "ON", "null", "~", "12", "1.5", "1e3", "0x1F", "0o17", ".inf", "12:30", "1_000", "2026-01-01",
      "a: b", "a #b", "a:", "-", "- a", "?", "[a]", "{a}", "&a", "*a", "!a", "|", ">", "'a'", "%a", "@a", "`a`", "\"a",
      "\"a\" b", "# a", ", a", "nan", "infinity",
    ] { #expect(throws: EngramError.self, "\(text)") { try value(text) } }
    #expect(Frontmatter.value("anna") == "anna" && Frontmatter.value("no") == "\"no\"")
  }

  @Test func namesForPeople() {
    for (text, slug) in [
      ("Drinks green tea,\nevery morning!", "drinks-green-tea-every-morning"), ("..", ""), ("/", ""),
      ("Zoë", "zoe"), ("Zoe\u{308}", "zoe"), ("用户 one", "用户-one"), ("a/../b", "a-b"), ("  x  ", "x"),
      (String(repeating: "long ", count: 99), String(repeating: "long-", count: 11) + "long"),
      (String(repeating: "é", count: 99), String(repeating: "e", count: 60)),
    ] { #expect(MarkdownPath.slug(text) == slug) }
  }
}
