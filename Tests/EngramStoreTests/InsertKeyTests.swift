import Foundation
import Testing

@testable import EngramStore

/// An insert with a key may come again: it is one memory.
@Suite struct InsertKeyTests {
  private func memory(
    _ key: String?, _ text: String = "likes tea", id: UUID? = nil, scope: Scope = Scope(user: "anna")
  ) -> NewMemory {
    NewMemory(id: id, key: key, text: text, vector: [1, 2, 3, 4], scope: scope)
  }

  @Test func theSameKeyIsTheSameMemory() async throws {
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory, dimension: 4)
      let id = try await store.insert(memory("turn 7"))
      #expect(try await store.insert(memory("turn 7")) == id)
      #expect(try await store.insert(memory("turn 7", id: id)) == id)
      #expect(try await store.insert(memory("turn 7", id: UUID())) == id)
      // In one call, with others that are new.
      let ids = try await store.insert([
        memory("turn 8", "a"), memory("turn 7"), memory(nil, "b"), memory("turn 8", "a"),
      ])
      #expect(ids[0] == ids[3] && ids[1] == id && Set(ids).count == 3)
      #expect(try store.statistics().memories == 3)
      #expect(try store.statistics().changes == 3)
      // After another opening, an update and a delete.
      try await store.update(id, MemoryUpdate(text: "likes coffee"))
      try await store.close()
      store = try openStore(directory, dimension: 4)
      #expect(try await store.insert(memory("turn 7")) == id)
      #expect(try store.get(id).text == "likes coffee")
      try await store.delete(id)
      #expect(try await store.insert(memory("turn 7")) == id)
      #expect(try store.statistics().memories == 2)
      #expect(try await store.verify().problems.isEmpty)
      try await store.close()
    }
  }

  @Test func aKeyIsOfItsScope() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      let scopes = [
        Scope(user: "anna"), Scope(user: "bob"), Scope(agent: "anna"), Scope(run: "anna"),
        Scope(user: "anna", agent: "x"), Scope(user: "anna", run: "x"),
        // The same letter, composed and decomposed.
        Scope(user: "\u{E9}"), Scope(user: "e\u{301}"), .all,
      ]
      let ids = try await store.insert(scopes.map { memory("k", scope: $0) })
      #expect(Set(ids).count == scopes.count)
      #expect(try await store.insert(scopes.map { memory("k", scope: $0) }) == ids)
      #expect(try store.statistics().memories == scopes.count)
      #expect(try await store.verify().problems.isEmpty)
      try await store.close()
    }
  }

  @Test func anotherTextIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      try await store.insert(memory("k"))
      let another = memory("k", "likes coffee")
      #expect(await refusal { try await store.insert(another) } == "conflictingKey")
      // All of a call or nothing.
      let tooLong = String(repeating: "x", count: StoreLimits.nameBytes + 1)
      for (call, kind) in [
        ([memory("new", "a"), another], "conflictingKey"),
        ([memory("new", "a"), memory("new", "b")], "conflictingKey"),
        ([memory("new", "a"), memory("")], "invalid key"),
        ([memory("new", "a"), memory(tooLong)], "invalid key"),
      ] {
        #expect(await refusal { try await store.insert(call) } == kind)
      }
      #expect(try store.statistics().changes == 1)
      try await store.insert(memory("new", "c"))
      #expect(try store.statistics().changes == 2)
      try await store.close()
    }
  }

  /// Many callers with the same keys at once, each of which repeats its own.
  @Test func callersRace() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      let answers = try await withThrowingTaskGroup(of: [UUID].self, returning: [[UUID]].self) {
        group in
        for _ in 0..<8 {
          group.addTask {
            var ids: [UUID] = []
            for number in 0..<100 {
              ids.append(try await store.insert(memory("key \(number % 50)", "text \(number % 50)")))
            }
            return ids
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(answers).count == 1)
      #expect(Array(answers[0][..<50]) == Array(answers[0][50...]))
      #expect(try store.statistics().changes == 50)
      #expect(try await store.verify().problems.isEmpty)
      try await store.close()
    }
  }

  /// A store of the format before has no keys, and gets room for them.
  @Test func anOlderStoreLearnsKeys() async throws {
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory, dimension: 4)
      let old = try await store.insert(memory(nil))
      try await store.close()
      try RawCatalogue.execute(
        directory,
        """
        DROP TABLE insert_key;
        DELETE FROM grdb_migrations WHERE identifier = '2';
        PRAGMA user_version = 1;
        """)
      store = try openStore(directory, dimension: 4)
      let id = try await store.insert(memory("k"))
      #expect(try await store.insert(memory("k")) == id)
      #expect(try store.get(old).text == "likes tea")
      #expect(try await store.verify().problems.isEmpty)
      try await store.close()
    }
  }

  @Test func aWrongKeyIsFound() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      try await store.insert([memory("a", "1"), memory("b", "2")])
      try await store.close()
      try RawCatalogue.execute(
        directory,
        "UPDATE insert_key SET memory_id = x'00112233445566778899aabbccddeeff' WHERE key = 'b'")
      let opened = try openStore(directory, dimension: 4)
      let problems = try await opened.verify().problems
      #expect(problems.count == 1 && problems[0].contains("key b"))
      try await opened.close()
    }
  }
}
