import EngramIndex
import Foundation
import Testing

@testable import EngramStore

/// Repair brings back what is derived and what can be proven, and says what is lost.
@Suite struct RepairTests {
  private struct Whole {
    var ids: [UUID]
    var head: HistoryHead
    var results: [ScoredMemory]
  }

  private let query: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]

  /// Twenty memories; the third has another text by now, the fourth another vector, the fifth is gone.
  private func makeStore(_ directory: URL) async throws -> Whole {
    var generator = Generator(seed: 41)
    let store = try openStore(directory)
    var ids: [UUID] = []
    for number in 0..<20 {
      ids.append(
        try await store.insert(
          NewMemory(
            text: "memory number \(number)", vector: generator.vector(8),
            scope: Scope(user: "anna"), role: "user", actor: "anna")))
    }
    try await store.update(ids[2], MemoryUpdate(text: "changed"))
    try await store.update(ids[3], MemoryUpdate(vector: generator.vector(8)))
    try await store.delete(ids[4])
    let sample = Whole(
      ids: ids, head: try await store.verify().head, results: try store.search(query, k: 30))
    try await store.close()
    return sample
  }

  private func repair(_ directory: URL) async throws -> RepairReport {
    try await Store.repair(path: directory.path)
  }

  /// All is as it was, and repairing it again finds nothing.
  private func expectWhole(
    _ sample: Whole, _ directory: URL, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let store = try openStore(directory, durability: .full)
    let report = try await store.verify(since: sample.head)
    #expect(report.problems.isEmpty, sourceLocation: sourceLocation)
    #expect(try store.search(query, k: 30) == sample.results, sourceLocation: sourceLocation)
    try await store.close()
    let again = try await repair(directory)
    #expect(again.isSound && again.restored.isEmpty, sourceLocation: sourceLocation)
  }

  @Test func ofASoundStore() async throws {
    try await withTemporaryDirectory { directory in
      let sample = try await makeStore(directory)
      let report = try await repair(directory)
      #expect(report.isSound && report.restored.isEmpty)
      #expect(report.verified.head == sample.head)
      try await expectWhole(sample, directory)
    }
  }

  /// What each edit needs, and what repair says of it.
  private static let edits: [(sql: String, restored: String?)] = [
    ("DELETE FROM memory_text_data WHERE id > 100", nil),
    (
      "INSERT INTO memory_text (memory_text, rowid, text) VALUES ('delete', 1, 'memory number 0')",
      nil
    ),
    ("INSERT INTO memory_text (rowid, text) VALUES (99, 'ghost')", nil),
    ("DROP TABLE memory_text", "memory_text"),
    ("DROP INDEX memory_user", "index memory_user was missing"),
    ("DROP INDEX memory_current; DROP INDEX history_memory", "index memory_current was missing"),
    ("DROP TRIGGER history_stays", "trigger history_stays was missing"),
    ("DROP VIEW mem0_history", "view mem0_history was missing"),
    ("DROP TABLE memory_access", "begin anew"),
    ("UPDATE memory SET text = 'forged' WHERE change = 1", "put right from its history"),
    ("UPDATE memory SET text = 'forged' WHERE change = 3", "put right from its history"),
    ("UPDATE memory SET created_at = created_at + 1 WHERE change = 1", "put right"),
    ("UPDATE memory SET ended = 23 WHERE change = 1", "put right"),
    ("UPDATE memory SET actor_id = 'eve', role = NULL WHERE change = 22", "put right"),
    ("DELETE FROM vector WHERE change = 1", "was found in slot 0"),
    ("DELETE FROM vector", "was found in slot 7"),
    ("UPDATE vector SET slot = slot + 100 WHERE change = 2", "was found in slot 1"),
    ("UPDATE vector SET slot = -1 WHERE change = 2", "was found in slot 1"),
    ("UPDATE vector SET slot = 1 << 62 WHERE change = 2", "was found in slot 1"),
    ("UPDATE vector SET checksum = 1 WHERE change = 20", "was found in slot 19"),
    (
      """
      UPDATE vector SET slot = 999 WHERE change = 1; UPDATE vector SET slot = 0 WHERE change = 2;
      UPDATE vector SET slot = 1 WHERE change = 1
      """, "was found in slot 0"
    ),
  ]

  @Test(arguments: edits.indices) func whatCanBeProven(index: Int) async throws {
    let edit = Self.edits[index]
    try await withTemporaryDirectory { directory in
      let sample = try await makeStore(directory)
      try RawCatalogue.execute(directory, edit.sql)
      let report = try await repair(directory)
      #expect(report.failed.isEmpty && report.lostVectors.isEmpty, "\(edit.sql): \(report)")
      if let restored = edit.restored {
        #expect(report.restored.contains { $0.contains(restored) }, "\(edit.sql): \(report)")
      }
      #expect(report.verified.problems.isEmpty, "\(edit.sql): \(report)")
      try await expectWhole(sample, directory)
    }
  }

  /// An entry that leads to a row of another user, and a row that none leads to.
  @Test func anIndexThatIsWrong() async throws {
    try await withTemporaryDirectory { directory in
      let sample = try await makeStore(directory)
      try RawCatalogue.execute(directory, "UPDATE memory SET user_id = 'ben' WHERE change = 1")
      // Without its entry in the schema SQLite leaves the index as it is.
      let catalogue = try RawCatalogue(directory)
      let index = try catalogue.rows(
        "SELECT name, rootpage, sql FROM sqlite_schema WHERE name = 'memory_user'")[0]
      try catalogue.execute(
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'memory_user'")
      try catalogue.close()
      try RawCatalogue.execute(directory, "UPDATE memory SET user_id = 'anna' WHERE change = 1")
      let again = try RawCatalogue(directory)
      try again.execute("PRAGMA writable_schema = ON")
      try again.execute(
        "INSERT INTO sqlite_schema VALUES ('index', ?, 'memory', ?, ?)",
        [index[0] as String, index[1] as Int, index[2] as String])
      try again.close()

      let store = try openStore(directory)
      #expect(try await store.verify().problems.contains { $0.contains("memory_user") })
      #expect(try store.list(scope: Scope(user: "anna"), limit: 1_000).memories.count == 18)
      try await store.close()
      #expect(try await repair(directory).isSound)
      try await expectWhole(sample, directory)
    }
  }

  @Test func theSnapshot() async throws {
    for what in ["delete", "damage", "of another store"] {
      try await withTemporaryDirectory { parent in
        let directory = parent.file("store")
        let sample = try await makeStore(directory)
        switch what {
        case "delete": try directory.snapshot.remove()
        case "damage":
          var bytes = try Data(contentsOf: directory.snapshot)
          bytes[4_096] ^= 1
          try bytes.write(to: directory.snapshot)
        default:
          _ = try await makeStore(parent.file("other"))
          try parent.file("other").snapshot.copy(to: directory.snapshot)
        }
        #expect(try await repair(directory).isSound)
        try await expectWhole(sample, directory)
      }
    }
  }

  /// The header says nothing that the catalogue does not.
  @Test(arguments: [0, 24, 48, 70, 4_092]) func theHeaderOfTheVectors(offset: Int) async throws {
    try await withTemporaryDirectory { directory in
      let sample = try await makeStore(directory)
      var bytes = try Data(contentsOf: directory.pages)
      bytes[offset] ^= 1
      try bytes.write(to: directory.pages)
      #expect(await refusal { _ = try openStore(directory) } == "damaged vectors-1.pages")
      let report = try await repair(directory)
      #expect(report.restored.count == 1 && report.isSound)
      try await expectWhole(sample, directory)
    }
  }

  /// A vector that is gone takes nothing else with it, wherever it lies; a new one makes it good.
  @Test(arguments: [0, 2, 3, 4, 19, 20]) func aVectorThatIsLost(slot: Int) async throws {
    // Slot 3 holds a vector of the past, slot 4 that of a memory that was deleted, 20 the last one.
    for offset in [0, 40, 64] {
      try await withTemporaryDirectory { directory in
        let sample = try await makeStore(directory)
        var bytes = try Data(contentsOf: directory.pages)
        bytes.replaceSubrange(
          4_096 + slot * 128 + offset..<4_096 + slot * 128 + offset + 8,
          with: Data(repeating: 0xFF, count: 8))
        try bytes.write(to: directory.pages)
        let report = try await repair(directory)
        let id = sample.ids[slot == 20 ? 3 : slot]
        let isCurrent = slot != 3 && slot != 4
        #expect(
          report.lostVectors == [
            .init(memory: id, change: slot == 20 ? 22 : Int64(slot + 1), isCurrent: isCurrent)
          ])
        #expect(report.failed.isEmpty && report.restored.isEmpty)
        #expect(report.verified.lostVectors == (isCurrent ? [id] : []))
        #expect(report.verified.pastVectorsLost == (isCurrent ? (slot == 2 ? 1 : 0) : 1))
        #expect(report.verified.isSound == !isCurrent)

        var store = try openStore(directory, durability: .full)
        #expect(try store.history(of: id).isEmpty == false)
        let found = Set(try store.search(query, k: 30).map(\.memory.id))
        #expect(found == Set(sample.results.map(\.memory.id)).subtracting(isCurrent ? [id] : []))
        if isCurrent {
          #expect(try store.get(id).id == id)
          #expect(await refusal { _ = try store.vector(of: id) } == "damaged vectors-1.pages")
          try await store.update(id, MemoryUpdate(text: "still without"))
          #expect(try await store.verify().lostVectors == [id])
          // It goes through a backup and an export as what it is.
          let parent = directory.appendingPathComponent("copies")
          _ = try await store.backup(to: parent.file("backup").path)
          let restored = try await Store.restore(
            from: parent.file("backup").path, to: parent.file("restored").path)
          try await store.export(to: parent.file("export").path)
          let imported = try await Store.import(
            from: parent.file("export").path, to: parent.file("imported").path)
          #expect(restored.lostVectors == [id] && imported.lostVectors == [id])
          try parent.remove()

          try await store.update(id, MemoryUpdate(vector: query))
          #expect(try store.search(query, k: 1).first?.memory.id == id)
          try await store.close()
          store = try openStore(directory)
          #expect(try await store.verify().isSound)
          #expect(try store.search(query, k: 1).first?.memory.id == id)
        }
        try await store.close()
      }
    }
  }

  /// Whatever happened to the files: what repair calls sound is what it was, and otherwise what is
  /// wrong is said. No memory goes without a word, and nothing traps.
  @Test(arguments: ["engram.sqlite", "vectors-1.pages", "index-1.hnsw"])
  func ofAnyDamage(name: String) async throws {
    var generator = Generator(seed: UInt64(name.utf8.count))
    try await withTemporaryDirectory { parent in
      let (directory, copy) = (parent.file("store"), parent.file("copy"))
      let sample = try await Sample(directory)
      let last = sample.states.count - 1
      var tally: [String: Int] = [:]
      for round in 1...60 {
        try directory.copy(to: copy)
        let file = copy.file(name)
        var bytes = try Data(contentsOf: file)
        // Most of the pages is space for what comes.
        let used = name == "vectors-1.pages" ? min(bytes.count, 12 << 10) : bytes.count
        let begin = Int.random(in: 0..<used, using: &generator)
        let end = min(begin + (round % 4 == 0 ? 4_096 : 1), bytes.count)
        for place in begin..<end { bytes[place] ^= UInt8.random(in: 1...255, using: &generator) }
        try (round % 10 == 9 ? bytes.prefix(begin) : bytes).write(to: file)

        var repaired: RepairReport?
        let kind = await refusal { repaired = try await repair(copy) }
        let verdict = try await sample.examine(copy)
        let isRight =
          switch verdict {
          case .intact(let change): change == last
          case .refused: repaired == nil
          case .reported: repaired?.isSound != true
          case .silent: false
          }
        #expect(isRight, "\(name), round \(round), \(begin)..<\(end): \(kind ?? "") \(verdict)")
        let outcome = repaired.map { $0.isSound ? "sound" : "some lost" } ?? "refused"
        tally[outcome, default: 0] += 1
      }
      print("repair of a damaged \(name): \(tally)")
    }
  }

  /// One without a vector can be deleted as well.
  @Test func deletingWhatIsLost() async throws {
    try await withTemporaryDirectory { directory in
      let sample = try await makeStore(directory)
      var bytes = try Data(contentsOf: directory.pages)
      bytes.replaceSubrange(4_096..<4_096 + 5 * 128, with: Data(count: 5 * 128))
      try bytes.write(to: directory.pages)
      let report = try await repair(directory)
      #expect(report.lostVectors.map(\.isCurrent) == [true, true, true, false, false])
      let store = try openStore(directory)
      try await store.delete(Array(sample.ids[0...2]))
      let after = try await store.verify()
      #expect(after.isSound && after.pastVectorsLost == 6)
      try await store.close()
    }
  }

  /// What nothing proves is left as it is, and said.
  @Test func whatCannotBeProven() async throws {
    let edits = [
      "UPDATE memory SET metadata = '{\"x\":1}' WHERE change = 2": "checksum",
      "UPDATE memory SET user_id = 'ben' WHERE change = 2": "checksum",
      "DELETE FROM memory WHERE change = 1": "not what its history says",
      "DROP TRIGGER history_is_final; UPDATE history SET actor_id = 'eve' WHERE sequence = 2":
        "breaks the chain",
    ]
    for (sql, problem) in edits {
      try await withTemporaryDirectory { directory in
        let sample = try await makeStore(directory)
        try RawCatalogue.execute(directory, sql)
        let report = try await repair(directory)
        #expect(report.verified.problems.contains { $0.contains(problem) }, "\(sql): \(report)")
        let store = try openStore(directory)
        #expect(try store.get(sample.ids[7]).text == "memory number 7")
        try await store.close()
      }
    }
  }

  @Test func whatIsNotForRepair() async throws {
    try await withTemporaryDirectory { parent in
      let directory = parent.file("store")
      #expect(await refusal { _ = try await repair(directory) } == "noStore")
      #expect(try names(in: parent).isEmpty)
      _ = try await makeStore(directory)
      let store = try openStore(directory)
      #expect(await refusal { _ = try await repair(directory) } == "inUse")
      try await store.close()
      let pages = try Data(contentsOf: directory.pages)
      try directory.pages.remove()
      #expect(await refusal { _ = try await repair(directory) } == "damaged vectors-1.pages")
      _ = try await makeStore(parent.file("other"))
      try parent.file("other").pages.copy(to: directory.pages)
      #expect(await refusal { _ = try await repair(directory) } == "damaged vectors-1.pages")
      try pages.write(to: directory.pages)
      #expect(try await repair(directory).isSound)
      try Data(repeating: 0x41, count: 10_000).write(to: directory.catalogue)
      #expect(await refusal { _ = try await repair(directory) } == "database")
    }
  }

  @Test func itIsCancelled() async throws {
    try await withTemporaryDirectory { directory in
      let sample = try await makeStore(directory)
      for report in 1...6 {
        let kind = await interrupted(at: report) {
          _ = try await Store.repair(path: directory.path, progress: $0)
        }
        #expect(kind == "cancelled" || kind == nil)
      }
      try await expectWhole(sample, directory)
    }
  }
}
