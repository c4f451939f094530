import Foundation
import Testing

@testable import EngramStore

/// A backup is the store as it was at one moment, and is restored as that or not at all.
@Suite struct BackupTests {
  private func makeStore(_ directory: URL, memories: Int = 40) async throws -> [UUID] {
    var generator = Generator(seed: 21)
    let store = try openStore(directory)
    var ids: [UUID] = []
    for number in 0..<memories {
      ids.append(
        try await store.insert(
          NewMemory(
            text: "memory \(number)", vector: generator.vector(8), scope: Scope(user: "anna"))))
    }
    for id in ids.prefix(memories / 4) {
      try await store.update(id, MemoryUpdate(text: "changed", vector: generator.vector(8)))
    }
    try await store.delete(Array(ids.suffix(memories / 8)))
    try await store.close()
    return ids
  }

  /// What each memory says, with its vector.
  private func contents(_ store: Store) throws -> [UUID: (Memory, [Float])] {
    var contents: [UUID: (Memory, [Float])] = [:]
    var cursor: String?
    repeat {
      let page = try store.list(after: cursor, limit: 1_000, includeExpired: true)
      for memory in page.memories { contents[memory.id] = (memory, try store.vector(of: memory.id)) }
      cursor = page.next
    } while cursor != nil
    return contents
  }

  @Test(.timeLimit(.minutes(10))) func whileFourWritersWrite() async throws {
    try await withTemporaryDirectory { parent in
      let store = try openStore(parent.file("store"))
      let acknowledged = Shared<Set<UUID>>([])
      let isDone = Flag()
      let writers = (0..<4).map { writer in
        Task {
          var generator = Generator(seed: UInt64(writer))
          while !isDone.isRaised {
            let ids = try await store.insert(
              (0..<20).map { _ in
                NewMemory(
                  text: "of writer \(writer)", vector: generator.vector(8),
                  scope: Scope(user: "\(writer)"))
              })
            try await store.delete(ids[0])
            try await store.update(ids[1], MemoryUpdate(vector: generator.vector(8)))
            acknowledged.change { $0.formUnion(ids.dropFirst()) }
          }
        }
      }
      while acknowledged.value.count < 200 { await Task.yield() }
      var manifests: [BackupManifest] = []
      for number in 0..<3 {
        let before = acknowledged.value
        let target = parent.file("backup \(number)")
        manifests.append(try await store.backup(to: target.path))
        let restored = parent.file("restored \(number)")
        let report = try await Store.restore(from: target.path, to: restored.path)
        #expect(report.problems.isEmpty && report.head == manifests[number].head)
        let copy = try openStore(restored)
        let held = try contents(copy)
        #expect(before.isSubset(of: Set(held.keys)))
        #expect(held.count == manifests[number].memories)
        for (memory, _) in held.values { #expect(memory.change <= report.head.sequence) }
        try await copy.close()
      }
      isDone.raise()
      for writer in writers { try await writer.value }
      // Each is a beginning of what the store has become.
      for manifest in manifests { #expect(try await store.verify(since: manifest.head).isSound) }
      #expect(Set(manifests.map(\.head)).count == 3)
      try await store.close()
    }
  }

  @Test func isWhatTheStoreIs() async throws {
    try await withTemporaryDirectory { parent in
      let ids = try await makeStore(parent.file("store"))
      let store = try openStore(parent.file("store"))
      let target = parent.file("made").file("on the way").file("backup")
      let manifest = try await store.backup(to: target.path)
      #expect(try names(in: target) == ["BACKUP.json", "engram.sqlite", "vectors-1.pages"])
      #expect(manifest.dimension == 8 && manifest.metric == .cosine && manifest.model == "test")
      #expect(try BackupManifest(of: .init(target.path)) == manifest)
      _ = try await Store.restore(from: target.path, to: parent.file("restored").path)
      let copy = try openStore(parent.file("restored"), durability: .full)
      let (one, other) = (try contents(store), try contents(copy))
      #expect(one.keys == other.keys)
      for (id, (memory, vector)) in one {
        #expect(other[id]?.0 == memory && other[id]?.1 == vector)
      }
      for id in ids { #expect(try store.history(of: id) == copy.history(of: id)) }
      let query = try store.vector(of: ids[0])
      #expect(try store.search(query, k: 10) == copy.search(query, k: 10))
      // A copy is a store like any other.
      try await copy.insert(NewMemory(text: "more", vector: query, scope: .all))
      #expect(try await copy.verify(since: manifest.head).isSound)
      try await copy.close()
      try await store.close()
    }
  }

  @Test func ofAnEmptyStore() async throws {
    try await withTemporaryDirectory { parent in
      let store = try openStore(parent.file("store"))
      let manifest = try await store.backup(to: parent.file("backup").path)
      #expect(manifest.head == HistoryHead() && manifest.memories == 0)
      try await store.close()
      let report = try await Store.restore(
        from: parent.file("backup").path, to: parent.file("restored").path)
      #expect(report.isSound)
    }
  }

  @Test func nothingIsWrittenOver() async throws {
    try await withTemporaryDirectory { parent in
      _ = try await makeStore(parent.file("store"))
      let store = try openStore(parent.file("store"))
      try Data("x".utf8).write(to: parent.file("file"))
      for path in ["store", "file", "file/below", "", "/"] {
        let kind = await refusal {
          let isName = !path.hasPrefix("/") && !path.isEmpty
          _ = try await store.backup(to: isName ? parent.file(path).path : path)
        }
        #expect(kind == (path == "file/below" ? "system" : "exists"), "\(path)")
      }
      _ = try await store.backup(to: parent.file("backup").path)
      #expect(
        await refusal { _ = try await store.backup(to: parent.file("backup").path) } == "exists")
      let kind = await refusal {
        _ = try await Store.restore(from: parent.file("backup").path, to: parent.file("file").path)
      }
      #expect(kind == "exists")
      try await store.close()
      #expect(await refusal { _ = try await store.backup(to: parent.file("b").path) } == "closed")
      #expect(try names(in: parent) == ["backup", "file", "store"])
    }
  }

  /// A vector that is damaged is not passed on as if it were whole.
  @Test func ofADamagedStore() async throws {
    try await withTemporaryDirectory { parent in
      let directory = parent.file("store")
      _ = try await makeStore(directory)
      var bytes = try Data(contentsOf: directory.pages)
      bytes[4_096 + 3 * 128 + 70] ^= 1
      try bytes.write(to: directory.pages)
      let store = try openStore(directory)
      let kind = await refusal { _ = try await store.backup(to: parent.file("backup").path) }
      #expect(kind == "damaged vectors-1.pages")
      try await store.close()
      #expect(try names(in: parent) == ["store"])
    }
  }

  @Test func cancellationLeavesNothing() async throws {
    try await withTemporaryDirectory { parent in
      _ = try await makeStore(parent.file("store"))
      let store = try openStore(parent.file("store"))
      _ = try await store.backup(to: parent.file("backup").path)
      var cancelled = (backups: 0, restores: 0)
      for report in 1...12 {
        let (backup, restored) = (parent.file("new").path, parent.file("restored").path)
        var kind = await interrupted(at: report) {
          _ = try await store.backup(to: backup, progress: $0)
        }
        if kind == "cancelled" { cancelled.backups += 1 } else {
          #expect(kind == nil)
          try parent.file("new").remove()
        }
        kind = await interrupted(at: report) {
          _ = try await Store.restore(
            from: parent.file("backup").path, to: restored, progress: $0)
        }
        if kind == "cancelled" { cancelled.restores += 1 } else {
          #expect(kind == nil)
          try parent.file("restored").remove()
        }
        #expect(try names(in: parent) == ["backup", "store"])
      }
      #expect(cancelled.backups > 0 && cancelled.restores > 0)
      print("backups cancelled: \(cancelled)")
      try await store.close()
    }
  }

  /// Whatever happens to a backup: it is restored as what it was, or refused.
  @Test func damageIsNoticed() async throws {
    var generator = Generator(seed: 22)
    try await withTemporaryDirectory { parent in
      _ = try await makeStore(parent.file("store"))
      let store = try openStore(parent.file("store"))
      let (backup, copy) = (parent.file("backup"), parent.file("copy"))
      _ = try await store.backup(to: backup.path)
      try await store.close()
      for name in try names(in: backup) {
        for round in 0..<12 {
          try backup.copy(to: copy)
          let file = copy.file(name)
          var bytes = try Data(contentsOf: file)
          switch round {
          case 0: try file.remove()
          case 1: try Data().write(to: file)
          case 2: try bytes.dropLast().write(to: file)
          case 3: try (bytes + [0]).write(to: file)
          default:
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
              UInt8(1 << Int.random(in: 0..<8, using: &generator))
            try bytes.write(to: file)
          }
          let kind = await refusal {
            _ = try await Store.restore(from: copy.path, to: parent.file("restored").path)
          }
          #expect(kind == "damaged \(name)" || round == 0 && kind == "system", "\(name), \(round)")
          #expect(try names(in: parent) == ["backup", "copy", "store"])
        }
      }
      let kind = await refusal {
        _ = try await Store.restore(
          from: parent.file("store").path, to: parent.file("restored").path)
      }
      #expect(kind == "damaged BACKUP.json")
    }
  }
}
