import EngramModels
import EngramStore
import Foundation
import Testing

@testable import Engram

/// A store written out as Markdown is that store again.
@Suite struct MarkdownRoundTripTests {
  /// Whatever the store holds: the import has every line of a plain export, its vectors made anew
  /// included, verifies, and exports the same files.
  @Test(arguments: 1...6 as ClosedRange<UInt64>) func thereAndBack(seed: UInt64) async throws {
    try await withTemporaryDirectory { directory in
      var engines = [try MemoryEngine.hashing(directory + "/store")]
      var random = RandomStore(engines[0], seed: seed)
      try await random.run(steps: 120)
      try await engines[0].close()
      // What searches have counted is written when a store is closed.
      engines = [try .hashing(directory + "/store")]
      let count = try await engines[0].store.exportMarkdown(to: directory + "/one")
      let imported = try await MemoryEngine.importMarkdown(
        from: directory + "/one", to: directory + "/copy", embedder: engines[0].embedders.current)
      #expect(imported.report.isSound && imported.edited.isEmpty)
      engines.append(try .hashing(directory + "/copy"))
      try await engines[1].store.exportMarkdown(to: directory + "/other")
      let (one, other) = (try files(in: directory + "/one"), try files(in: directory + "/other"))
      #expect(one == other)
      #expect(one.count == count + 2 && count > 20)
      for (number, engine) in engines.enumerated() {
        #expect(try await engine.store.verify().isSound)
        try await engine.store.export(to: directory + "/\(number).jsonl")
      }
      let lines = try (0...1).map { try Data(contentsOf: URL(fileURLWithPath: directory + "/\($0).jsonl")) }
      #expect(lines[0] == lines[1])
      for _ in 0..<5 {
        let found = try await random.search(engines)
        #expect(found[0].map(\.score) == found[1].map(\.score))
        #expect(Set(found[0]) == Set(found[1]))
      }
      for engine in engines { try await engine.close() }
    }
  }

  @Test func anEmptyStore() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      #expect(try await engine.store.exportMarkdown(to: directory + "/files") == 0)
      try await engine.close()
      let imported = try await MemoryEngine.importMarkdown(
        from: directory + "/files", to: directory + "/copy", embedder: engine.embedders.current)
      #expect(imported.report.isSound && imported.report.memories == 0)
    }
  }

  /// A file as docs/markdown.md shows it.
  @Test func aFile() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      let id = try #require(UUID(uuidString: "0190d3c6-7a00-7000-8000-000000000001"))
      try await engine.store.insert(
        NewMemory(
          id: id, text: "Drinks green tea,\nevery morning.\n", vector: try await engine.embedders.current.vectors(of: ["x"])[0],
          scope: Scope(user: "alice", run: "Monday 7:30"),
          metadata: try Metadata(json: #"{"source": "chat"}"#), categories: ["habits"], importance: 0.5,
          createdAt: Date(timeIntervalSince1970: 1_767_225_600),
          expiresAt: Date(timeIntervalSince1970: 4_102_444_800.000001)))
      try await engine.store.exportMarkdown(to: directory + "/files")
      let path =
        "memories/user=alice/run=monday-7-30~1a4d6ec0/drinks-green-tea-every-morning.\(id.uuidString.lowercased()).md"
      let all = try files(in: directory + "/files")
      let found = try #require(all.keys.first { $0.hasPrefix("memories/") })
      #expect(found.replacing(#/~[0-9a-f]{8}/#, with: "~1a4d6ec0") == path)
      let file = String(decoding: try #require(all[found]), as: UTF8.self)
      let head = """
        ---
        engram: 1
        id: 0190d3c6-7a00-7000-8000-000000000001
        user: alice
        run: "Monday 7:30"
        categories: ["habits"]
        importance: 0.5
        created_at: 2026-01-01T00:00:00.000000+00:00
        updated_at: 2026-01-01T00:00:00.000000+00:00
        expires_at: 2100-01-01T00:00:00.000001+00:00
        metadata: {"source":"chat"}
        change: 1
        ---
        Drinks green tea,
        every morning.


        <!-- engram:history -->

        -\u{20}
        """
      #expect(file.hasPrefix(head), "\(file)")
      #expect(file.contains(" ADD, change 1\n\n```jsonl\n{") && file.hasSuffix("\"}\n```\n"))
      try await engine.close()
    }
  }

  /// Erased memories leave no text in the files, and no file.
  @Test func whatWasErased() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      let added = try await engine.add(
        "My password is swordfish", scope: Scope(user: "anna"), options: AddOptions(mode: .verbatim))
      try await engine.store.erase([added[0].id])
      #expect(try await engine.store.exportMarkdown(to: directory + "/files") == 0)
      for (name, bytes) in try files(in: directory + "/files") {
        #expect(!String(decoding: bytes, as: UTF8.self).contains("swordfish"), "\(name)")
      }
      let imported = try await MemoryEngine.importMarkdown(
        from: directory + "/files", to: directory + "/copy", embedder: engine.embedders.current)
      #expect(imported.report.changes == 2)
      try await engine.close()
    }
  }

  /// Only the model that the vectors were made by makes them anew.
  @Test func anotherModel() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      try await engine.store.exportMarkdown(to: directory + "/files")
      for embedder in [try HashingEmbedder(dimension: 32), WordEmbedder(model: "hashing-24")] as [any Embedder] {
        let kind = await refusal {
          try await MemoryEngine.importMarkdown(
            from: directory + "/files", to: directory + "/copy", embedder: embedder)
        }
        #expect(kind == (embedder.model == "hashing-24" ? "markdown 1" : "otherModel"))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["files", "store"])
      try await engine.close()
    }
  }

  /// Cancelled or refused, neither leaves anything behind.
  @Test func whatIsNotFinishedIsNotThere() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine.hashing(directory + "/store")
      var random = RandomStore(engine, seed: 9)
      try await random.run(steps: 60)
      try await engine.store.exportMarkdown(to: directory + "/files")
      let before = try files(in: directory + "/files")
      #expect(await refusal { try await engine.store.exportMarkdown(to: directory + "/files") } == "invalid directory")
      #expect(await refusal { try await engine.store.exportMarkdown(to: directory + "/store") } == "store: exists")
      let embedder = engine.embedders.current
      let tasks = [
        Task {
          await refusal {
            withUnsafeCurrentTask { $0?.cancel() }
            try await engine.store.exportMarkdown(to: directory + "/more")
          }
        },
        Task {
          await refusal {
            withUnsafeCurrentTask { $0?.cancel() }
            try await MemoryEngine.importMarkdown(
              from: directory + "/files", to: directory + "/copy", embedder: embedder)
          }
        },
        Task {
          await refusal {
            try await MemoryEngine.importMarkdown(
              from: directory + "/files", to: directory + "/store", embedder: embedder)
          }
        },
        Task {
          await refusal {
            try await MemoryEngine.importMarkdown(
              from: directory + "/files", to: directory + "/copy",
              embedder: BrokenEmbedder(model: embedder.model, dimension: embedder.dimension, fault: .notANumber))
          }
        },
      ]
      var kinds: [String?] = []
      for task in tasks { kinds.append(await task.value) }
      #expect(kinds[..<3] == ["store: cancelled", "store: cancelled", "store: exists"])
      #expect(kinds[3] != nil)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["files", "store"])
      #expect(try files(in: directory + "/files") == before)
      try await engine.close()
    }
  }
}

extension RandomStore {
  /// The same search in each of the engines.
  fileprivate mutating func search(_ engines: [MemoryEngine]) async throws -> [[ScoredMemory]] {
    let vector = try await engine.embedders.current.vectors(of: [text()])[0]
    return try engines.map { try $0.store.search(vector, k: 1_000) }
  }
}
