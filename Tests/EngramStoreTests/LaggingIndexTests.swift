import Foundation
import Testing

@testable import EngramStore

/// Searches while the index is behind the catalogue, shown without a clock: the test holds what the
/// commit thread needs to tell the index.
@Suite struct LaggingIndexTests {
  /// Writes something about the `gone` nearest memories, so that a search finds them no more, and
  /// searches while the index does not know: the next nearest are found in their place.
  private static func expectOthers(
    inPlaceOf gone: Int, after write: ([UUID], Store) throws -> WriteRequest,
    isDone: @escaping @Sendable (Memory?) -> Bool
  ) async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 91)
      let store = try openStore(directory, dimension: 12)
      try await store.insert(
        try (0..<2_000).map {
          NewMemory(
            text: "memory \($0)", vector: generator.vector(12), scope: Scope(user: "anna"),
            metadata: try Metadata(["open": true]))
        })
      try await store.waitUntilIndexed()
      let query = generator.vector(12)
      let filter = try Filter(parsing: #"{"open": true}"#)
      let before = try store.search(query, k: 40, filter: filter).map(\.memory.id)
      let request = try write(Array(before[..<gone]), store)
      let behind = try await offload { () throws(StoreError) in
        try store.core.index.live.withState { _, _ in
          Result { () throws(StoreError) in
            store.core.queue.submit(request) { _ in }
            while !isDone(try? store.get(before[0])) {}
            return try store.search(query, k: 10, filter: filter)
          }
        }.get()
      }
      #expect(behind.map(\.memory.id) == Array(before[gone..<gone + 10]))
      try await store.close()
    }
  }

  @Test(.timeLimit(.minutes(10))) func deletedMemories() async throws {
    try await Self.expectOthers(inPlaceOf: 25) { nearest, _ in .delete(nearest) } isDone: {
      $0 == nil
    }
  }

  @Test(.timeLimit(.minutes(10))) func aMemoryThatPassesNoMore() async throws {
    try await Self.expectOthers(inPlaceOf: 1) { nearest, store in
      let closed = MemoryUpdate(metadata: try Metadata(["open": false]))
      return .update(nearest[0], try PreparedUpdate(closed, in: store.core.index.live))
    } isDone: {
      $0?.metadata["open"] == false
    }
  }
}
