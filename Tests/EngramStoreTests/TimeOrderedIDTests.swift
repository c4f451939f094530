import Foundation
import Testing

@testable import EngramStore

@Suite struct TimeOrderedIDTests {
  /// RFC 9562, section 5.7.
  @Test func theyAreOfVersion7() {
    let begin = Timestamp.now / 1_000
    let ids = (0..<10_000).map { _ in UUID.timeOrdered() }
    let end = Timestamp.now / 1_000
    let times = ids.map { id in id.data.prefix(6).reduce(Int64(0)) { $0 << 8 | Int64($1) } }
    #expect(times == times.sorted())
    #expect(times.allSatisfy { (begin...end).contains($0) })
    #expect(ids.allSatisfy { $0.uuid.6 >> 4 == 7 && $0.uuid.8 >> 6 == 0b10 })
    #expect(Set(ids).count == ids.count)
    #expect(Set(ids.map { $0.data.suffix(8) }).count == ids.count, "the rest is random")
  }

  @Test func newMemoriesHaveThem() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let vector = [Float](repeating: 1, count: 8)
      let id = try await store.insert(NewMemory(text: "a", vector: vector, scope: .all))
      #expect(id.uuid.6 >> 4 == 7)
      let own = UUID()
      let named = try await store.insert(
        NewMemory(id: own, text: "b", vector: vector, scope: .all))
      #expect(named == own)
      try await store.close()
    }
  }
}
