import EngramIndex
import Foundation
import Testing

@testable import EngramStore

/// Compaction gives space back and changes nothing that can be read.
@Suite struct CompactTests {
  private let dimension = 64

  @Test func givesSpaceBackAndKeepsTheRest() async throws {
    var generator = Generator(seed: 31)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension, durability: .process)
      var memories: [UUID: (text: String, vector: [Float])] = [:]
      for number in 0..<3_000 {
        memories[UUID()] = ("memory \(number)", generator.vector(dimension))
      }
      try await store.insert(
        memories.map { id, memory in
          NewMemory(
            id: id, text: memory.text, vector: memory.vector, scope: Scope(user: "u"))
        })
      try await store.waitUntilIndexed()
      let all = memories.keys.sorted { $0.uuidString < $1.uuidString }
      for id in all[..<1_000] { memories[id] = nil }
      try await store.delete(Array(all[..<1_000]))
      for id in all[1_000..<1_500] {
        let vector = generator.vector(dimension)
        memories[id]?.vector = vector
        try await store.update(id, MemoryUpdate(vector: vector))
      }
      // Versions of the past own their vectors.
      let plain = try await store.compact()
      #expect(plain.versionsCut == 0 && plain.slotsFreed == 0 && plain.vectors == 3_500)
      let report = try await store.compact(before: Date())
      #expect(report.versionsCut == 1_500 && report.slotsFreed == 1_500 && report.vectors == 2_000)
      #expect(report.bytesAfter < report.bytesBefore * 9 / 10, "\(report)")
      let sizes = try directory.sizes()
      #expect(sizes["vectors-1.pages"] == nil && sizes["vectors-1.2.pages"] == nil)
      let slot = VectorPages.slotBytes(dimension: dimension)
      // Some is there for what comes next.
      #expect(try #require(sizes["vectors-1.3.pages"]) < 2_500 * slot)
      let wal = try #require(sizes["engram.sqlite-wal"])
      #expect(wal == 0)

      for reopened in [false, true] {
        let store =
          reopened
          ? try openStore(directory, dimension: dimension, durability: .process) : store
        #expect(try await store.verify().problems == [])
        if reopened { #expect(try store.statistics().indexOrigin == .snapshot) }
        for (id, memory) in memories {
          #expect(try store.get(id).text == memory.text)
          #expect(try store.vector(of: id) == memory.vector)
        }
        for (id, memory) in memories.prefix(200) {
          #expect(try store.search(memory.vector, k: 1, recall: 1).first?.memory.id == id)
        }
        #expect(try store.history(of: all[0]).map(\.event) == [.add, .delete])
        #expect(try store.history(of: all[0])[0].newMemory != nil)
        try await store.insert(
          NewMemory(text: "after", vector: generator.vector(dimension), scope: Scope(user: "u")))
        try await store.close()
      }
    }
  }

  /// Writers wait, readers do not notice, other processes go on from the new file. Two stores on one
  /// directory are two processes to each other: locks are those of open files.
  @Test func whileOthersWork() async throws {
    try await withTemporaryDirectory { directory in
      let stores = try (0..<2).map { _ in
        try openStore(directory, dimension: dimension, durability: .process)
      }
      let end = Flag()
      let written = try await withThrowingTaskGroup(of: [UUID: [Float]].self) { group in
        for worker in 0..<4 {
          group.addTask {
            var generator = Generator(seed: UInt64(worker))
            let store = stores[worker % 2]
            var own: [UUID: [Float]] = [:]
            while !end.isRaised {
              let vector = generator.vector(dimension)
              let id = try await store.insert(
                NewMemory(text: "by \(worker)", vector: vector, scope: Scope(user: "u\(worker)")))
              own[id] = vector
              #expect(try store.search(vector, k: 1, recall: 1).first?.memory.id == id)
              if let (id, vector) = own.randomElement() {
                #expect(try store.vector(of: id) == vector)
              }
              if own.count % 7 == 0, let id = own.keys.first {
                try await store.delete(id)
                own[id] = nil
              }
            }
            return own
          }
        }
        group.addTask {
          defer { end.raise() }
          for round in 0..<12 {
            try await stores[round % 2].compact(before: round % 3 == 0 ? Date() : nil)
          }
          return [:]
        }
        return try await group.reduce(into: [:]) { $0.merge($1) { $1 } }
      }
      for store in stores {
        #expect(try await store.verify().problems == [])
        #expect(try store.statistics().memories == written.count)
        for (id, vector) in written { #expect(try store.vector(of: id) == vector) }
        try await store.close()
      }
      #expect(try directory.sizes().keys.count { $0.hasPrefix("vectors-") } == 1)
    }
  }

  /// What a compaction that died has left behind is removed; what only looks like it stays.
  @Test func leftovers() async throws {
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory, dimension: dimension, durability: .full)
      let vector = (0..<dimension).map { Float($0) + 1 }
      let id = try await store.insert(NewMemory(text: "one", vector: vector, scope: Scope(user: "u")))
      try await store.compact()
      try await store.close()
      let strangers = ["vectors-1.pages.copy", "vectors-12.pages", "vectors-1.x.pages", "notes.pages"]
      for name in strangers + ["vectors-1.3.pages", "vectors-1.pages", "vectors-1.4.pages-new"] {
        try Data("left".utf8).write(to: directory.file(name))
      }
      store = try openStore(directory, dimension: dimension, durability: .full)
      #expect(try store.vector(of: id) == vector)
      let names = try directory.sizes().keys.filter { $0.contains(".pages") }
      #expect(Set(names) == Set(strangers + ["vectors-1.2.pages"]))
      try await store.close()
    }
  }

  /// A vector that fails its checksum is not copied, and the store stays as it was.
  @Test func refusesWhatIsDamaged() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension, durability: .full)
      for number in 0..<10 {
        try await store.insert(
          NewMemory(
            text: "\(number)", vector: (0..<dimension).map { Float($0 + number + 1) },
            scope: Scope(user: "u")))
      }
      let file = try FileHandle(forWritingTo: directory.pages)
      try file.seek(toOffset: UInt64(4_096 + 3 * VectorPages.slotBytes(dimension: dimension) + 80))
      try file.write(contentsOf: [7, 7, 7])
      try file.close()
      #expect(await refusal { try await store.compact() } == "damaged vectors-1.pages")
      try await store.insert(
        NewMemory(
          text: "after", vector: [Float](repeating: 1, count: dimension), scope: Scope(user: "u")))
      #expect(try store.statistics().memories == 11)
      #expect(try directory.sizes().keys.count { $0.hasPrefix("vectors-") } == 1)
      try await store.close()
    }
  }

  @Test func backupsAndExportsOfACompactedStore() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory.file("store"), dimension: dimension, durability: .full)
      var generator = Generator(seed: 5)
      var ids: [UUID] = []
      for number in 0..<50 {
        ids.append(
          try await store.insert(
            NewMemory(
              text: "memory \(number)", vector: generator.vector(dimension),
              scope: Scope(user: "user \(number % 2)"))))
      }
      try await store.delete(Array(ids[..<20]))
      try await store.compact(before: Date())
      try await store.backup(to: directory.file("backup").path)
      try await store.export(to: directory.file("export").path)
      let restored = try await Store.restore(
        from: directory.file("backup").path, to: directory.file("restored").path)
      let imported = try await Store.import(
        from: directory.file("export").path, to: directory.file("imported").path)
      #expect(restored.isSound && imported.isSound && imported.versions == 30)
      // A scope still has those of which no version is left.
      for name in ["restored", "imported", "store"] {
        let other =
          name == "store"
          ? store
          : try openStore(directory.file(name), dimension: dimension, durability: .full)
        let report = try await other.erase(scope: Scope(user: "user 0"))
        #expect(report.memories.count == 25)
        #expect(try await other.verify().problems == [])
        try await other.close()
      }
    }
  }
}
