import EngramStore
import Foundation
import Testing

/// `verify` notices whatever was changed behind the store's back.
@Suite struct VerifyTests {
  /// Ten memories with updates and a delete, closed.
  private func makeStore(_ directory: URL) async throws {
    var generator = Generator(seed: 8)
    let store = try openStore(directory)
    var ids: [UUID] = []
    for number in 1...10 {
      ids.append(
        try await store.insert(
          NewMemory(
            text: "memory number \(number)", vector: generator.vector(8),
            scope: Scope(user: "anna"), role: "user", actor: "anna")))
    }
    try await store.update(ids[2], MemoryUpdate(text: "changed"))
    try await store.update(ids[3], MemoryUpdate(vector: generator.vector(8)))
    try await store.delete(ids[4])
    try await store.close()
  }

  private func problems(_ directory: URL) async throws -> [String] {
    do {
      let store = try openStore(directory)
      let report = try await store.verify()
      try await store.close()
      return report.problems
    } catch { return ["\(error)"] }
  }

  /// Triggers stop whoever edits by mistake; who means it drops them.
  private static let unprotected = """
    DROP TRIGGER history_is_final; DROP TRIGGER history_stays;
    DROP TRIGGER history_payload_is_final; DROP TRIGGER history_payload_stays;
    """

  private static let edits: [(name: String, sql: String, problem: String)] = [
    ("text", "UPDATE memory SET text = 'forged' WHERE change = 1", "checksum"),
    ("metadata", "UPDATE memory SET metadata = '{\"x\":1}' WHERE change = 2", "checksum"),
    ("user", "UPDATE memory SET user_id = 'ben' WHERE change = 1", "checksum"),
    ("time", "UPDATE memory SET created_at = created_at + 1 WHERE change = 1", "checksum"),
    ("expiry", "UPDATE memory SET expires_at = 1 WHERE change = 1", "checksum"),
    ("checksum", "UPDATE memory SET checksum = checksum + 1 WHERE change = 1", "checksum"),
    ("ended text", "UPDATE memory SET text = 'forged' WHERE change = 3", "checksum"),
    ("row deleted", "DELETE FROM memory WHERE change = 1", "is not what its history says"),
    ("row ended", "UPDATE memory SET ended = 13 WHERE change = 1", "checksum"),
    ("vector row", "DELETE FROM vector WHERE change = 1", "has no vector"),
    ("slot", "UPDATE vector SET slot = slot + 100 WHERE change = 1", "checksum"),
    ("negative slot", "UPDATE vector SET slot = -1 WHERE change = 1", "slot"),
    ("huge slot", "UPDATE vector SET slot = 1 << 62 WHERE change = 1", "damaged"),
    (
      "slots swapped",
      """
      UPDATE vector SET slot = 999 WHERE change = 1; UPDATE vector SET slot = 0 WHERE change = 2;
      UPDATE vector SET slot = 1 WHERE change = 1
      """, "slot"
    ),
    ("vector checksum", "UPDATE vector SET checksum = 1 WHERE change = 1", "another vector"),
    ("event", "UPDATE history SET event = 'UPDATE' WHERE sequence = 1", "breaks the chain"),
    ("actor", "UPDATE history SET actor_id = 'eve' WHERE sequence = 2", "breaks the chain"),
    ("change time", "UPDATE history SET changed_at = 1 WHERE sequence = 3", "breaks the chain"),
    ("hash", "UPDATE history SET hash = zeroblob(32) WHERE sequence = 4", "breaks the chain"),
    ("digest", "UPDATE history SET payload_digest = zeroblob(32) WHERE sequence = 4", "chain"),
    ("history row", "DELETE FROM history WHERE sequence = 5", "change 5 is missing"),
    ("first history row", "DELETE FROM history WHERE sequence = 1", "change 1 is missing"),
    ("payload", "UPDATE history_payload SET new_memory = 'x' WHERE sequence = 1", "checksum"),
    ("salt", "UPDATE history_payload SET salt = zeroblob(16) WHERE sequence = 1", "checksum"),
    ("payload row", "DELETE FROM history_payload WHERE sequence = 1", "texts of change 1"),
    ("full text", "DELETE FROM memory_text_data WHERE id > 100", "full text"),
    (
      "full text row",
      """
      INSERT INTO memory_text (memory_text, rowid, text) VALUES ('delete', 1, 'memory number 1')
      """, "full text"
    ),
    (
      "full text of nothing", "INSERT INTO memory_text (rowid, text) VALUES (99, 'ghost')",
      "full text"
    ),
  ]

  @Test(arguments: edits.indices) func anEditIsNoticed(index: Int) async throws {
    let edit = Self.edits[index]
    try await withTemporaryDirectory { directory in
      try await makeStore(directory)
      #expect(try await problems(directory).isEmpty)
      try RawCatalogue.execute(directory, Self.unprotected + edit.sql)
      let found = try await problems(directory)
      #expect(found.contains { $0.contains(edit.problem) }, "\(edit.name): \(found)")
    }
  }

  /// The last change cut off, with all that it did: the chain is whole, its head is not the same.
  @Test func aCutShowsInTheHead() async throws {
    try await withTemporaryDirectory { directory in
      try await makeStore(directory)
      var store = try openStore(directory)
      let before = try await store.verify()
      #expect(before.head.sequence == 13 && before.head.hash.count == 32 && before.isSound)
      #expect(before.memories == 9 && before.versions == 12 && before.vectors == 12)
      #expect(before.changes == 13)
      try await store.close()
      store = try openStore(directory)
      try await store.insert(
        NewMemory(text: "x", vector: [1, 2, 3, 4, 5, 6, 7, 8], scope: .all))
      let after = try await store.verify()
      #expect(after.head.sequence == 14 && after.head != before.head)
      try await store.close()
    }
  }

  @Test func aFlippedByteInAVector() async throws {
    for slot in 0..<10 {
      for offset in [0, 24, 32, 60, 64, 95] {
        try await withTemporaryDirectory { directory in
          try await makeStore(directory)
          var bytes = try Data(contentsOf: directory.pages)
          bytes[4_096 + slot * 128 + offset] ^= 4
          try bytes.write(to: directory.pages)
          let found = try await problems(directory)
          #expect(found.contains { $0.contains("slot \(slot)") }, "slot \(slot), byte \(offset)")
          let store = try openStore(directory)
          var refusals = 0
          for memory in try store.list().memories {
            let kind = await refusal { _ = try store.vector(of: memory.id) }
            if kind == "damaged vectors-1.pages" { refusals += 1 }
          }
          // Two slots hold versions of the past, and of a memory that was deleted.
          #expect(refusals == (slot == 3 || slot == 4 ? 0 : 1))
          try await store.close()
        }
      }
    }
  }

  /// A slot that belongs to another memory is not taken for this one's.
  @Test func slotsThatWereSwapped() async throws {
    try await withTemporaryDirectory { directory in
      try await makeStore(directory)
      try RawCatalogue.execute(
        directory,
        """
        UPDATE vector SET slot = 999 WHERE change = 1; UPDATE vector SET slot = 0 WHERE change = 2;
        UPDATE vector SET slot = 1 WHERE change = 1
        """)
      let store = try openStore(directory)
      let ids = try store.list().memories.filter { $0.change <= 2 }.map(\.id)
      #expect(ids.count == 2)
      for id in ids {
        let kind = await refusal { _ = try store.vector(of: id) }
        #expect(kind?.hasPrefix("damaged") == true)
      }
      try await store.close()
    }
  }

  @Test func readsRefuseAnEditedRow() async throws {
    try await withTemporaryDirectory { directory in
      try await makeStore(directory)
      try RawCatalogue.execute(
        directory, Self.unprotected
          + "UPDATE memory SET text = 'forged' WHERE change = 1;"
          + "UPDATE history_payload SET new_memory = 'forged' WHERE sequence = 1")
      let catalogue = try RawCatalogue(directory)
      let bytes: Data = try catalogue.rows("SELECT id FROM memory WHERE change = 1")[0][0]
      try catalogue.close()
      let id = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
      let store = try openStore(directory)
      #expect(await refusal { _ = try store.get(id) } == "damaged engram.sqlite")
      #expect(await refusal { _ = try store.history(of: id) } == "damaged engram.sqlite")
      #expect(await refusal { _ = try store.list() } == "damaged engram.sqlite")
      let vector = try store.vector(of: id)
      #expect(await refusal { _ = try store.search(vector, k: 1) } == "damaged engram.sqlite")
      // What is damaged is not built upon; the rest of the store goes on.
      #expect(
        await refusal { try await store.update(id, MemoryUpdate(text: "new")) }
          == "damaged engram.sqlite")
      try await store.insert(NewMemory(text: "more", vector: vector, scope: Scope(user: "ben")))
      #expect(try store.list(scope: Scope(user: "ben")).memories.count == 1)
      try await store.close()
    }
  }
}
