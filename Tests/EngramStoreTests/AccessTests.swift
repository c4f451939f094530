import EngramStore
import Foundation
import GRDB
import Testing

/// Searches count what they return, without writing; the counts are written by the time of close.
@Suite struct AccessTests {
  @Test func countsAreWritten() async throws {
    try await withTemporaryDirectory { directory in
      let vectors: [[Float]] = [[1, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]]
      var store = try openStore(directory)
      let ids = try await store.insert(
        vectors.map { NewMemory(text: "x", vector: $0, scope: .all) })
      let begin = Date()
      for _ in 1...3 { _ = try store.search(vectors[0], k: 1) }
      _ = try store.search(vectors[0], k: 2)
      try await store.close()
      #expect(try counts(directory) == [ids[0]: 4, ids[1]: 1])

      store = try openStore(directory)
      for _ in 1...5 { _ = try store.search(vectors[1], k: 1) }
      // Neither counts: they are no searches, and history has nothing of all this.
      _ = try store.get(ids[0])
      _ = try store.list()
      #expect(try store.statistics().changes == 2)
      try await store.close()
      let end = Date()
      #expect(try counts(directory) == [ids[0]: 4, ids[1]: 6])
      let catalogue = try RawCatalogue(directory)
      let times = try catalogue.rows("SELECT accessed_at FROM memory_access")
        .map { Date(timeIntervalSince1970: Double($0[0] as Int64) / 1e6) }
      try catalogue.close()
      #expect(times.allSatisfy { (begin...end).holds($0) })
    }
  }

  /// More than is collected at once.
  @Test func manyAreWrittenOnTheWay() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 9)
      let store = try openStore(directory)
      let ids = try await store.insert(
        (0..<1_500).map { _ in NewMemory(text: "x", vector: generator.vector(8), scope: .all) })
      for _ in 1...8 { #expect(try store.search(generator.vector(8), k: 1_500).count == 1_500) }
      try await store.close()
      #expect(try counts(directory) == Dictionary(uniqueKeysWithValues: ids.map { ($0, 8) }))
    }
  }

  private func counts(_ directory: URL) throws -> [UUID: Int] {
    let catalogue = try RawCatalogue(directory)
    defer { try? catalogue.close() }
    var counts: [UUID: Int] = [:]
    for row in try catalogue.rows("SELECT memory_id, count FROM memory_access") {
      let bytes: Data = row[0]
      counts[bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }] = row[1]
    }
    return counts
  }
}
