import EngramStore
import Foundation
import Testing

/// From its time on a memory is neither found nor listed, but it is still there.
@Suite struct ExpiryTests {
  private let vector: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]

  private func memory(_ text: String, expires: Date?) -> NewMemory {
    NewMemory(text: text, vector: vector, scope: Scope(user: "anna"), expiresAt: expires)
  }

  private func check(_ store: Store, found: [String], all: [String]) throws {
    for scope in [Scope.all, Scope(user: "anna")] {
      #expect(try store.search(vector, k: 10, scope: scope).map(\.memory.text).sorted() == found)
      #expect(
        try store.search(vector, k: 10, scope: scope, filter: try Filter(parsing: "{}"))
          .map(\.memory.text).sorted() == found)
      #expect(try store.list(scope: scope).memories.map(\.text).sorted() == found)
      #expect(
        try store.list(scope: scope, includeExpired: true).memories.map(\.text).sorted() == all)
    }
  }

  @Test func inThePastAndInTheFuture() async throws {
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory)
      let ids = try await store.insert([
        memory("never", expires: nil), memory("past", expires: Date(timeIntervalSinceNow: -1)),
        memory("future", expires: Date(timeIntervalSinceNow: 3_600)),
      ])
      for origin in ["none", "kept", "removed"] {
        try check(store, found: ["future", "never"], all: ["future", "never", "past"])
        #expect(try store.get(ids[1]).text == "past")
        let report = try await store.verify()
        #expect(report.problems.isEmpty, "snapshot \(origin)")
        try await store.close()
        if origin == "kept" { try directory.snapshot.remove() }
        store = try openStore(directory)
      }
      // A change does not bring it back.
      try await store.update(ids[1], MemoryUpdate(text: "past, new text"))
      try check(store, found: ["future", "never"], all: ["future", "never", "past, new text"])
      try await store.update(ids[1], MemoryUpdate(vector: vector))
      try check(store, found: ["future", "never"], all: ["future", "never", "past, new text"])
      try await store.delete(ids[1])
      try check(store, found: ["future", "never"], all: ["future", "never"])
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
    }
  }

  @Test func whileTheStoreIsOpen() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      try await store.insert(memory("stays", expires: nil))
      // On a busy machine a short time may be over before the first look.
      for seconds in [0.05, 0.5, 5] {
        let expiry = Date(timeIntervalSinceNow: seconds)
        let id = try await store.insert(memory("soon", expires: expiry))
        if try looks(at: store, until: expiry) > 0 { break }
        try await store.delete(id)
        try #require(seconds < 5)
      }
      try check(store, found: ["stays"], all: ["soon", "stays"])
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
      let again = try openStore(directory)
      try check(again, found: ["stays"], all: ["soon", "stays"])
      try await again.close()
    }
  }

  /// An update lets a memory expire, later, sooner or never; one that had expired is found again, by
  /// other processes, too, and after each way of opening.
  @Test func anUpdateMovesIt() async throws {
    try await withTemporaryDirectory { directory in
      let (past, future) = (Date(timeIntervalSinceNow: -1), Date(timeIntervalSinceNow: 3_600))
      var stores = [try openStore(directory), try openStore(directory)]
      let ids = try await stores[0].insert([
        memory("a green cup", expires: past), memory("a red cup", expires: future),
        memory("a blue cup", expires: nil),
      ])
      func check(_ found: [String], _ what: Comment) async throws {
        let all = ["a blue cup", "a green cup", "a red cup"]
        for (number, store) in stores.enumerated() {
          try self.check(store, found: found.sorted(), all: all)
          let asked = try store.ask("cup", vector: vector, k: 10, options: AskOptions(scope: Scope(user: "anna")))
          #expect(asked.map(\.memory.text).sorted() == found.sorted(), what)
          #expect(try await store.verify().problems.isEmpty, "\(what), store \(number)")
        }
      }
      try await check(["a blue cup", "a red cup"], "at first")
      try await stores[0].update(ids[0], MemoryUpdate(expiresAt: .clear))
      try await stores[0].update(ids[1], MemoryUpdate(expiresAt: .set(past)))
      try await stores[0].update(ids[2], MemoryUpdate(metadata: .empty, expiresAt: .set(future)))
      try await check(["a blue cup", "a green cup"], "moved")
      for origin in ["kept", "removed"] {
        for store in stores { try await store.close() }
        if origin == "removed" { try directory.snapshot.remove() }
        stores = [try openStore(directory), try openStore(directory)]
        try await check(["a blue cup", "a green cup"], "snapshot \(origin)")
      }
      // What had expired when the store was opened comes back as well; a time that was taken back is
      // forgotten.
      try await stores[1].update(ids[1], MemoryUpdate(expiresAt: .set(future)))
      try await stores[1].update(ids[2], MemoryUpdate(expiresAt: .set(past)))
      try await stores[1].update(ids[2], MemoryUpdate(text: "a blue cup", expiresAt: .clear))
      try await check(["a blue cup", "a green cup", "a red cup"], "back")
      for store in stores { try await store.close() }
    }
  }

  @Test func categoriesAndImportance() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let id = try await store.insert(memory("tea", expires: nil))
      try await store.update(id, MemoryUpdate(categories: ["a", "b"], importance: .set(0.5)))
      var found = try store.get(id)
      #expect(found.categories == ["a", "b"] && found.importance == 0.5 && found.text == "tea")
      try await store.update(id, MemoryUpdate(categories: [], importance: .clear))
      found = try store.get(id)
      #expect(found.categories.isEmpty && found.importance == nil)
      for (update, kind) in [
        (MemoryUpdate(), "invalid update"),
        (MemoryUpdate(importance: .set(1.5)), "invalid importance"),
        (MemoryUpdate(importance: .set(.nan)), "invalid importance"),
        (MemoryUpdate(categories: [""]), "invalid category"),
        (MemoryUpdate(categories: Array(repeating: "c", count: 65)), "invalid categories"),
        (MemoryUpdate(expiresAt: .set(.distantPast - 1e15)), "invalid expiresAt"),
      ] {
        #expect(await refusal { try await store.update(id, update) } == kind)
      }
      #expect(try store.history(of: id).count == 3)
      #expect(try await store.verify().isSound)
      try await store.close()
    }
  }

  /// Searches until the memory that expires is not found any more; how often it was found.
  private func looks(at store: Store, until expiry: Date) throws -> Int {
    var looks = 0
    while true {
      let before = Date()
      let texts = try store.search(vector, k: 5).map(\.memory.text)
      if texts == ["stays"] {
        #expect(Date().microseconds >= expiry.microseconds, "gone before its time")
        return looks
      }
      #expect(before.microseconds < expiry.microseconds, "found after its time")
      looks += 1
      try #require(looks < 10_000_000)
    }
  }
}
