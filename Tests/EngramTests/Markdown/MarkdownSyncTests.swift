import EngramModels
import EngramStore
import Foundation
import Testing

@testable import Engram

/// Edits by hand reach the store, changes of the store the files, and neither is lost.
@Suite struct MarkdownSyncTests {
  /// What a memory says, as far as it can be edited.
  private struct Content: Equatable {
    var text: String
    var metadata: String
    var categories: [String]
    var importance: Double?
    var expiresAt: Int64?

    init(_ memory: Memory) {
      text = memory.text
      metadata = memory.metadata.json
      categories = memory.categories
      importance = memory.importance
      expiresAt = memory.expiresAt.map { Int64(($0.timeIntervalSince1970 * 1e6).rounded()) }
    }

    static func == (left: Self, right: Self) -> Bool {
      func bytes(_ content: Self) -> [[UInt8]] {
        ([content.text, content.metadata] + content.categories).map { Array($0.utf8) }
      }
      return bytes(left) == bytes(right) && left.importance == right.importance
        && left.expiresAt == right.expiresAt
    }
  }

  /// Random edits of files and changes of the store in rounds, against a table of what is to come of each.
  @Test(arguments: 1...4 as ClosedRange<UInt64>) func agreesWithATable(seed: UInt64) async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      var random = RandomStore(engine, seed: 100 + seed)
      try await random.run(steps: 40)
      let folder = EditedFolder(directory + "/files")
      try await engine.store.exportMarkdown(to: folder.path)
      for round in 1...6 {
        try await self.round(round, engine, folder, &random)
        // Where the store counts nothing is left to say, and the files are those of an export.
        let last = try await engine.syncMarkdown(
          folder.path, options: MarkdownSyncOptions(preference: .store))
        #expect(last.conflicts.isEmpty && last.missing.isEmpty && last.added.isEmpty)
        try await engine.store.exportMarkdown(to: directory + "/fresh-\(round)")
        let fresh = try files(in: directory + "/fresh-\(round)")
        #expect(try files(in: folder.path) == fresh, "seed \(seed), round \(round)")
      }
      #expect(try await engine.store.verify().isSound)
      try await engine.close()
    }
  }

  private func round(
    _ round: Int, _ engine: MemoryEngine, _ folder: EditedFolder, _ random: inout RandomStore
  ) async throws {
    let options = MarkdownSyncOptions(
      deletes: random.generator.oneIn(2),
      preference: [nil, nil, .files, .store].randomElement(using: &random.generator) ?? nil)
    var expected: [UUID: Content] = [:]
    var (conflicts, missing) = (Set<UUID>(), Set<UUID>())
    let before = try engine.memories()
    let paths = try folder.memories()
    for memory in before.values.sorted(by: { $0.change < $1.change }) {
      let (id, path) = (memory.id, try #require(paths[memory.id]))
      var (file, isRemoved, inStore): (Content?, Bool, Content?) = (nil, false, Content(memory))
      switch Int.random(in: 0..<6, using: &random.generator) {
      case 0, 1: file = try edit(path, of: memory, folder, &random)
      case 2:
        try FileManager.default.removeItem(atPath: folder.path + "/" + path)
        isRemoved = true
      default: break
      }
      var isMoved = true
      switch Int.random(in: 0..<8, using: &random.generator) {
      case 0:
        try await engine.update(id, text: random.text())
        inStore = Content(try engine.store.get(id))
      case 1:
        // What a person has written, somebody has told the store as well.
        guard let file, file.text != memory.text else { fallthrough }
        try await engine.update(id, text: file.text)
        inStore = Content(try engine.store.get(id))
      case 2:
        try await engine.update(id, importance: .set(0.125), expiresAt: .clear)
        inStore = Content(try engine.store.get(id))
      case 3:
        try await engine.delete(id)
        inStore = nil
      case 4:
        try await engine.store.erase([id])
        inStore = nil
      default: isMoved = false
      }
      if file == Content(memory) { file = nil }
      // The table.
      var result = inStore
      if let file, file != inStore {
        if !isMoved { result = file } else if options.preference == nil {
          conflicts.insert(id)
        } else if options.preference == .files {
          result = file
        }
      } else if isRemoved, inStore != nil {
        if !options.deletes {
          if options.preference != .store { missing.insert(id) }
        } else if !isMoved || options.preference == .files {
          result = nil
        } else if options.preference == nil {
          conflicts.insert(id)
        }
      }
      expected[id] = result
    }
    let new = try (0..<Int.random(in: 0...3, using: &random.generator)).map { number in
      try makeNew("memories/new \(round) \(number).md", folder, &random)
    }
    let inStore = try await engine.add("new \(round)", scope: Scope(user: "new"), options: AddOptions(mode: .verbatim))
    for added in inStore { expected[added.id] = Content(try engine.store.get(added.id)) }

    let untouched = try files(in: folder.path)
    let head = try await engine.store.verify(.quick).head
    var dry = options
    dry.isDryRun = true
    let announced = try await engine.syncMarkdown(folder.path, options: dry)
    #expect(try files(in: folder.path) == untouched)
    #expect(try await engine.store.verify(.quick).head == head)
    let report = try await engine.syncMarkdown(folder.path, options: options)
    #expect(announced.added == report.added && announced.updated == report.updated)
    #expect(announced.deleted == report.deleted && announced.conflicts == report.conflicts)
    #expect(announced.missing == report.missing)
    #expect(Set(report.conflicts.map(\.memory)) == conflicts, "round \(round), \(options)")
    #expect(Set(report.missing) == missing, "round \(round), \(options)")
    var after = try engine.memories().mapValues(Content.init)
    for content in new {
      let id = try #require(report.added.first { id in after[id].map { $0.text.hasBytes(of: content) } ?? false })
      after[id] = nil
    }
    #expect(after == expected, "round \(round), \(options)")
    // What was left as it is, is.
    for conflict in report.conflicts {
      guard let file = conflict.file else { continue }
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + file)) == untouched[file])
    }
  }

  /// Edits a file as a person would; what it says then.
  private func edit(
    _ path: String, of memory: Memory, _ folder: EditedFolder, _ random: inout RandomStore
  ) throws -> Content {
    var content = Content(memory)
    let parts = Int.random(in: 1...31, using: &random.generator)
    try folder.edit(path) { file in
      if parts & 1 != 0 {
        content.text = random.text()
        file.body = content.text
      }
      if parts & 2 != 0 {
        content.metadata = try random.metadata().json
        // Members in another order, and with spaces, are the same.
        file["metadata"] = content.metadata == "{}" ? nil : content.metadata.replacing("\":", with: "\" : ")
      }
      if parts & 4 != 0 {
        content.categories = random.categories()
        let json = try JSONValue.array(content.categories.map(JSONValue.string)).canonicalText
        file["categories"] = json == "[]" && random.generator.oneIn(2) ? nil : json
      }
      if parts & 8 != 0 {
        content.importance = random.generator.oneIn(2) ? nil : 0.75
        file["importance"] = content.importance.map { "\($0)" }
      }
      if parts & 16 != 0 {
        content.expiresAt = random.generator.oneIn(2) ? nil : 4_102_444_800_000_000
        file["expires_at"] = content.expiresAt.map { _ in
          random.generator.oneIn(2) ? "2100-01-01" : "2100-01-01T01:00:00+01:00"
        }
      }
      // As an editor may leave it.
      if random.generator.oneIn(3) { while file.tail.hasSuffix("\n") { file.tail.removeLast() } }
    }
    return content
  }

  private func makeNew(
    _ path: String, _ folder: EditedFolder, _ random: inout RandomStore
  ) throws -> String {
    var text = random.text()
    // It would begin the history.
    while "\n\(text)\n".contains("\n<!-- engram:history -->\n") { text = random.text() }
    try folder.write("---\nuser: somebody new\n---\n\(text)\n", to: path)
    return text
  }

  /// A sync that ended between the commit and the files, or in the middle of these, is gone on with.
  @Test func anInterruptedSync() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      let ids = try await ["one", "two", "three", "four"].asyncMap { text in
        try await engine.add(text, scope: Scope(user: "anna"), options: AddOptions(mode: .verbatim))[0].id
      }
      let folder = EditedFolder(directory + "/files")
      try await engine.store.exportMarkdown(to: folder.path)
      let paths = try folder.memories()
      try folder.edit(try #require(paths[ids[0]])) { $0.body = "changed" }
      try folder.remove(try #require(paths[ids[1]]))
      try folder.write("---\nuser: anna\nimportance: 1\n---\nadded\n", to: "memories/added.md")
      try folder.write("---\nuser: anna\n---\nadded\n", to: "memories/deep/er/added.md")
      let edited = try files(in: folder.path)
      let options = MarkdownSyncOptions(deletes: true)
      let report = try await engine.syncMarkdown(folder.path, options: options)
      #expect(report.added.count == 2 && report.updated == [ids[0]] && report.deleted == [ids[1]])
      let (whole, head) = (try files(in: folder.path), try await engine.store.verify(.quick).head)
      #expect(whole.count == 8 && !whole.keys.contains { $0.contains("deep") })
      // Each file is as before or as after, or has been moved already, or is not removed yet; the manifest,
      // which is written last, is as before.
      var generator = Generator(seed: 5)
      let moves = [(try #require(paths[ids[0]]), ids[0], true), ("memories/added.md", nil, false),
        ("memories/deep/er/added.md", nil, false)] as [(String, UUID?, Bool)]
      let canonical = try folder.memories()
      let added = report.added.compactMap { canonical[$0] }
      for round in 0..<20 {
        var state = whole
        state["engram.md"] = edited["engram.md"]
        for (old, id, isNamed) in moves {
          // The one of the two whose first record says that it came of this file: any, for they say the same
          // but for their importance.
          let new = try #require(
            id.map { canonical[$0] } ?? added.first { path in
              let isImportant = String(decoding: whole[path] ?? Data(), as: UTF8.self).contains("importance: 1.0")
              return isImportant == (old == "memories/added.md")
            })
          switch round == 0 ? 0 : Int.random(in: 0..<3, using: &generator) {
          case 0:
            state[new] = nil
            state[old] = edited[old]
          case 1 where isNamed: state[new] = edited[old]
          case 1: state[old] = edited[old]
          default: break
          }
        }
        if round == 0 || generator.oneIn(2) {
          for name in state.keys where name.hasPrefix("ended/") { state[name] = nil }
        }
        try FileManager.default.removeItem(atPath: folder.path)
        for (name, bytes) in state { try folder.write(bytes, to: name) }
        let again = try await engine.syncMarkdown(folder.path, options: options)
        #expect(again.added.isEmpty && again.updated.isEmpty && again.deleted.isEmpty && again.conflicts.isEmpty, "\(again)")
        #expect(try files(in: folder.path) == whole)
        #expect(try await engine.store.verify(.quick).head == head)
      }
      let nothing = try await engine.syncMarkdown(folder.path, options: options)
      #expect(nothing == MarkdownSyncReport())
      try await engine.close()
    }
  }

  /// New files may say all that a memory has.
  @Test func aNewFile() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      let folder = EditedFolder(directory + "/files")
      try await engine.store.exportMarkdown(to: folder.path)
      let id = UUID()
      let text = """
        ---
        id: \(id.uuidString.lowercased())
        user: Anna Müller
        agent: "a: b"
        run: "2026-01-01"
        categories: [ "x", "y z" ]
        importance: 1
        role: assistant
        actor: "\\u00e9"
        created_at: 2020-02-29
        expires_at: 2100-01-01T00:00:00.5Z
        valid_from: 2019-01-01 00:00
        valid_to: 2019-01-01T02:00+02:00
        metadata: { "k": [1, 2.0] }
        ---

        Body\u{20}


        """
      try folder.write(text, to: "memories/notes of my own/any name.md")
      try folder.write("not a memory", to: "memories/readme.txt")
      try folder.write("not a memory", to: "memories/.hidden.md")
      let report = try await engine.syncMarkdown(folder.path)
      #expect(report.added == [id] && report.removed == ["memories/notes of my own/any name.md"])
      let memory = try engine.store.get(id)
      #expect(memory.text == "\nBody \n" && memory.categories == ["x", "y z"] && memory.importance == 1)
      #expect(memory.scope == Scope(user: "Anna Müller", agent: "a: b", run: "2026-01-01"))
      #expect(memory.role == "assistant" && memory.actor == "é")
      #expect(memory.metadata.json == #"{"k":[1,2.0]}"#)
      #expect(memory.createdAt == Date(timeIntervalSince1970: 1_582_934_400))
      #expect(memory.expiresAt == Date(timeIntervalSince1970: 4_102_444_800.5))
      #expect(memory.validFrom == memory.validTo)
      let found = try await engine.search("Body", scope: memory.scope)
      #expect(found.map(\.memory.id) == [id])
      #expect(try files(in: folder.path).count == 5)
      try await engine.close()
    }
  }

  /// The files of another store, and of one that has lost what they hold, are refused.
  @Test func anotherStore() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      let other = try MemoryEngine.hashing(directory + "/other")
      try await engine.store.backup(to: directory + "/backup")
      try await engine.add("one", scope: Scope(user: "u"), options: AddOptions(mode: .verbatim))
      try await engine.store.exportMarkdown(to: directory + "/files")
      #expect(await refusal { try await other.syncMarkdown(directory + "/files") } == "markdown 1")
      try await Store.restore(from: directory + "/backup", to: directory + "/older")
      let older = try MemoryEngine.hashing(directory + "/older")
      #expect(await refusal { try await older.syncMarkdown(directory + "/files") } == "markdown 1")
      #expect(await refusal { try await engine.syncMarkdown(directory + "/store") } == "markdown 1")
      #expect(await refusal { try await engine.syncMarkdown(directory + "/none") } == "markdown 1")
      for engine in [engine, other, older] { try await engine.close() }
    }
  }
}

/// A directory of Markdown files, edited without the code that reads and writes them.
struct EditedFolder {
  let path: String

  init(_ path: String) { self.path = path }

  /// The parts of an exported file.
  struct File {
    var fields: [String]
    var body: String
    var tail: String

    subscript(name: String) -> String? {
      get { fields.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) } }
      set {
        fields.removeAll { $0.hasPrefix(name + ": ") }
        if let newValue { fields.append("\(name): \(newValue)") }
      }
    }
  }

  func edit(_ name: String, _ change: (inout File) throws -> Void) throws {
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)), as: UTF8.self)
    let (head, rest) = try #require(text.dropFirst(4).cut(at: "\n---\n"))
    let (body, tail) = try #require(rest.cutLast(at: "\n\n<!-- engram:history -->\n"))
    var file = File(
      fields: head.utf8.split(separator: UInt8(ascii: "\n")).map { String($0) ?? "" }, body: String(body),
      tail: String(tail))
    try change(&file)
    try write(
      "---\n\(file.fields.joined(separator: "\n"))\n---\n\(file.body)\n\n<!-- engram:history -->\n\(file.tail)",
      to: name)
  }

  func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

  func write(_ bytes: Data, to name: String) throws {
    let file = URL(fileURLWithPath: path + "/" + name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: file)
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }

  /// The paths of memories by their ids, which end the names.
  func memories() throws -> [UUID: String] {
    var paths: [UUID: String] = [:]
    for name in try files(in: path).keys {
      if let id = UUID(uuidString: String(name.dropLast(3).suffix(36))) { paths[id] = name }
    }
    return paths
  }
}

extension Substring {
  /// What is before and behind a text, bytes compared.
  fileprivate func cut(at text: String) -> (Substring, Substring)? {
    let (bytes, pattern) = (Array(utf8), Array(text.utf8))
    return Self.parts(of: bytes, bytes.firstRange(of: pattern))
  }

  fileprivate func cutLast(at text: String) -> (Substring, Substring)? {
    let (bytes, pattern) = (Array(utf8), Array(text.utf8))
    return Self.parts(of: bytes, bytes.lastRange(of: pattern))
  }

  private static func parts(of bytes: [UInt8], _ range: Range<Int>?) -> (Substring, Substring)? {
    range.map {
      (
        Substring(decoding: bytes[..<$0.lowerBound], as: UTF8.self),
        Substring(decoding: bytes[$0.upperBound...], as: UTF8.self)
      )
    }
  }
}

extension Array {
  func asyncMap<Value>(_ body: (Element) async throws -> Value) async throws -> [Value] {
    var values: [Value] = []
    for element in self { values.append(try await body(element)) }
    return values
  }
}

extension MemoryEngine {
  /// All current memories.
  fileprivate func memories() throws -> [UUID: Memory] {
    var memories: [UUID: Memory] = [:]
    var cursor: String?
    repeat {
      let page = try store.list(after: cursor, limit: 1_000, includeExpired: true)
      for memory in page.memories { memories[memory.id] = memory }
      cursor = page.next
    } while cursor != nil
    return memories
  }
}
