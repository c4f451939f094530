import EngramStore
import Foundation
import Testing

/// What a store takes on disk, and which of its files it needs.
@Suite struct DiskTests {
  private func memory(_ number: Int, _ generator: inout Generator, _ dimension: Int) -> NewMemory {
    NewMemory(text: "memory \(number)", vector: generator.vector(dimension), scope: .all)
  }

  @Test(arguments: [8, 384, 1_536])
  func tenMemoriesTakeLessThanAMegabyte(dimension: Int) async throws {
    var generator = Generator(seed: 10)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension, durability: .full)
      for number in 1...10 { try await store.insert(memory(number, &generator, dimension)) }
      let open = try store.statistics().fileBytes
      try await store.close()
      let closed = try directory.sizes()
      #expect(open.values.reduce(0, +) < 1 << 20, "\(open)")
      #expect(closed.values.reduce(0, +) < 1 << 20, "\(closed)")
    }
  }

  /// By 64 KB first, then an eighth of the file.
  @Test func pagesGrowByTheirSteps() async throws {
    var generator = Generator(seed: 11)
    var steps = [4_096]
    while let size = steps.last, size < 4 << 20 {
      steps.append((size + max(64 << 10, size / 8) + 4_095) / 4_096 * 4_096)
    }
    try await withTemporaryDirectory { directory in
      var seen = Set<Int>()
      for batch in 1...40 {
        // Space is also made for what comes, after the caller has been answered.
        let store = try openStore(directory, dimension: 100)
        try await store.insert((1...100).map { memory($0, &generator, 100) })
        try await store.close()
        let size = try directory.sizes()["vectors-1.pages"] ?? 0
        #expect(steps.contains(size), "\(size)")
        #expect(size >= 4_096 + batch * 100 * 512)
        seen.insert(size)
      }
      #expect(seen.count > 15)
    }
  }

  @Test func slotsAreNotUsedAgain() async throws {
    var generator = Generator(seed: 12)
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory)
      let id = try await store.insert(memory(0, &generator, 8))
      var first: Data?
      for number in 1...20 {
        if number % 5 == 0 {
          try await store.close()
          store = try openStore(directory)
        }
        try await store.update(id, MemoryUpdate(vector: generator.vector(8)))
        let slots = try Data(contentsOf: directory.pages)[4_096..<4_096 + number * 128]
        if let first { #expect(slots.prefix(first.count) == first, "a slot was written twice") }
        first = slots
      }
      try await store.delete(id)
      try await store.insert(memory(1, &generator, 8))
      try await store.close()
      let catalogue = try RawCatalogue(directory)
      let slots = try catalogue.rows("SELECT slot FROM vector ORDER BY change").map { $0[0] as Int }
      try catalogue.close()
      #expect(slots == Array(0...21))
    }
  }

  /// An orderly close leaves nothing in the log; the log's file stays.
  @Test(arguments: Durability.allCases)
  func theLogIsNotNeededAfterClose(durability: Durability) async throws {
    var generator = Generator(seed: 13)
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory, durability: durability)
      for number in 1...50 { try await store.insert(memory(number, &generator, 8)) }
      try await store.close()
      #expect(try directory.sizes()["engram.sqlite-wal"] != nil)
      try directory.log.remove()
      try directory.file("engram.sqlite-shm").remove()
      store = try openStore(directory, durability: durability)
      #expect(try store.statistics().memories == 50)
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
    }
  }

  /// A file of vectors that may not grow for a while: nothing that was acknowledged is lost, and what
  /// comes when it may again is found.
  @Test func whereThereIsNoRoomForVectors() async throws {
    try await withTemporaryDirectory { directory in
      let child = try Child(store: directory, durability: .full, writers: 1, work: "fill")
      child.wait(for: "done")
      let lines = child.kill()
      let refused = lines.indices.filter { lines[$0].hasPrefix("!") }
      #expect(refused.count == 3)
      #expect(refused.allSatisfy { lines[$0].contains("vectors-1.2.pages") })
      let added = lines.filter { $0.hasPrefix("+") }
      #expect(added.count == 17 * 200)
      #expect(lines[(refused.last ?? 0)...].count { $0.hasPrefix("+") } > 5 * 200)
      let store = try openStore(
        directory, dimension: 1_024, metric: .squaredL2, durability: .full, model: "unnamed")
      #expect(try await store.verify().problems.isEmpty)
      #expect(try store.statistics().memories == added.count)
      for line in added.suffix(250) {
        let id = try #require(UUID(uuidString: String(line.split(separator: " ")[1])))
        let found = try store.search(try store.vector(of: id), k: 1)
        #expect(found.first?.memory.id == id && found.first?.score == 0)
      }
      try await store.close()
    }
  }

  /// Without a close everything is in the log, or where a checkpoint has put it.
  @Test func aStoreThatIsForgottenIsClosed() async throws {
    var generator = Generator(seed: 14)
    try await withTemporaryDirectory { directory in
      for round in 1...5 {
        do {
          let store = try openStore(directory)
          try await store.insert(memory(round, &generator, 8))
        }
        // It closes on a thread of its own.
        var again: Store?
        var attempts = 0
        while again == nil {
          again = try? openStore(directory)
          attempts += 1
          try #require(attempts < 100_000)
        }
        #expect(try again?.statistics().memories == round)
        try await again?.close()
      }
    }
  }
}
