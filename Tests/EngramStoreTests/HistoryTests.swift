import EngramStore
import Foundation
import GRDB
import Testing

/// History is append-only, for everybody, and readable in Mem0's terms.
@Suite struct HistoryTests {
  private let vector: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]

  @Test func noConnectionMayChangeIt() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let id = try await store.insert(NewMemory(text: "one", vector: vector, scope: .all))
      try await store.update(id, MemoryUpdate(text: "two"))
      try await store.close()
      let catalogue = try RawCatalogue(directory)
      for sql in [
        "UPDATE history SET event = 'x'", "UPDATE history SET actor_id = NULL WHERE sequence = 2",
        "DELETE FROM history", "DELETE FROM history WHERE sequence = 2",
        "UPDATE history_payload SET new_memory = 'x'", "UPDATE history_payload SET salt = x'00'",
        "DELETE FROM history_payload", "DELETE FROM history_payload WHERE sequence = 1",
      ] {
        #expect(throws: DatabaseError.self, "\(sql)") { try catalogue.execute(sql) }
      }
      try catalogue.close()
      let again = try openStore(directory)
      let report = try await again.verify()
      #expect(report.problems.isEmpty)
      #expect(try again.history(of: id).map(\.newMemory) == ["one", "two"])
      try await again.close()
    }
  }

  @Test func inMem0sColumns() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let created = Date(timeIntervalSince1970: 1_700_000_000.25)
      let id = try await store.insert(
        NewMemory(
          text: "likes tea", vector: vector, scope: Scope(user: "anna"), role: "user",
          actor: "anna", createdAt: created))
      let begin = Date()
      try await store.update(id, MemoryUpdate(text: "likes coffee"))
      try await store.delete(id)
      let end = Date()
      let entries = try store.history(of: id)
      try await store.close()

      let catalogue = try RawCatalogue(directory)
      let rows = try catalogue.rows("SELECT * FROM mem0_history")
      try catalogue.close()
      #expect(
        rows.first.map { Array($0.columnNames) } == [
          "id", "memory_id", "old_memory", "new_memory", "event", "created_at", "updated_at",
          "is_deleted", "actor_id", "role",
        ])
      #expect(rows.map { $0["event"] as String } == ["ADD", "UPDATE", "DELETE"])
      #expect(rows.map { $0["old_memory"] as String? } == [nil, "likes tea", "likes coffee"])
      #expect(rows.map { $0["new_memory"] as String? } == ["likes tea", "likes coffee", nil])
      #expect(rows.map { $0["is_deleted"] as Int } == [0, 0, 1])
      #expect(rows.allSatisfy { $0["memory_id"] == id.uuidString.lowercased() })
      #expect(rows.allSatisfy { $0["actor_id"] == "anna" && $0["role"] == "user" })
      #expect(rows.allSatisfy { $0["created_at"] == "2023-11-14T22:13:20.250000+00:00" })
      #expect(Set(rows.map { $0["id"] as String }).count == 3)
      #expect(rows.allSatisfy { UUID(uuidString: $0["id"]) != nil })

      #expect(entries.map(\.createdAt) == [created, created, created])
      for (row, entry) in zip(rows, entries) {
        let updated = row["updated_at"] as String?
        #expect(updated.flatMap(ISO8601.parse) == entry.updatedAt?.microseconds)
        if let time = entry.updatedAt { #expect((begin...end).holds(time)) }
      }
      #expect(entries[0].updatedAt == nil && entries[1].updatedAt != nil)
    }
  }

  @Test func anIdThatComesBackGoesOn() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let id = UUID()
      for round in 1...3 {
        try await store.insert(
          NewMemory(id: id, text: "life \(round)", vector: vector, scope: .all))
        try await store.delete(id)
      }
      let entries = try store.history(of: id)
      #expect(entries.map(\.event) == [.add, .delete, .add, .delete, .add, .delete])
      #expect(entries.map(\.sequence) == [1, 2, 3, 4, 5, 6])
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
    }
  }
}
