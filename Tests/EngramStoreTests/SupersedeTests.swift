import EngramIndex
import Foundation
import Testing

@testable import EngramStore

@Suite struct SupersedeTests {
  private func vector(_ seed: Int) -> [Float] { (0..<8).map { Float(sin(Double(seed * 8 + $0))) } }

  /// What superseded a memory is found, what it superseded is not, and its history says by whom.
  @Test func theOldEndsWithTheNew() async throws {
    try await withTemporaryDirectory { parent in
      let directory = parent.file("store")
      let scope = Scope(user: "u")
      let (paris, berlin): (UUID, UUID)
      do {
        let store = try openStore(directory, dimension: 8)
        paris = try await store.insert(NewMemory(text: "Lives in Paris", vector: vector(1), scope: scope))
        berlin = try await store.insert(
          NewMemory(text: "Lives in Berlin", vector: vector(2), scope: scope, supersedes: [paris]))
        #expect(try store.search(vector(1), k: 10, scope: scope).map(\.memory.id) == [berlin])
        #expect(throws: StoreError.self) { try store.get(paris) }
        // One that has been superseded cannot be again, and then nothing is written.
        let before = try store.statistics().changes
        await #expect(throws: StoreError.self) {
          try await store.insert([
            NewMemory(text: "a", vector: vector(3), scope: scope),
            NewMemory(text: "b", vector: vector(4), scope: scope, supersedes: [paris]),
          ])
        }
        #expect(try store.statistics().changes == before)
        try await store.close()
      }
      let store = try openStore(directory, dimension: 8)
      #expect(try store.search(vector(1), k: 10, scope: scope).map(\.memory.id) == [berlin])
      let history = try store.history(of: paris)
      #expect(history.map(\.event) == [.add, .supersede])
      #expect(history.map(\.successor) == [nil, berlin])
      #expect(history.map(\.oldMemory) == [nil, "Lives in Paris"])
      #expect(Set(history.map(\.id)).count == 2)
      #expect(try await store.verify().isSound)

      // Copies keep it, and an erasure leaves nothing of it.
      let file = parent.file("export").path
      _ = try await store.export(to: file)
      let copy = parent.file("copy")
      #expect(try await Store.import(from: file, to: copy.path).isSound)
      let imported = try openStore(copy, dimension: 8)
      #expect(try imported.history(of: paris).last?.successor == berlin)
      try await imported.close()
      _ = try await store.erase([berlin])
      #expect(try store.history(of: paris).last?.successor == nil)
      #expect(try await store.verify().isSound)
      try await store.close()
    }
  }

  @Test func refusesItself() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 8)
      let id = UUID()
      await #expect(throws: StoreError.self) {
        try await store.insert(
          NewMemory(id: id, text: "a", vector: vector(1), scope: .all, supersedes: [id]))
      }
      try await store.close()
    }
  }
}
