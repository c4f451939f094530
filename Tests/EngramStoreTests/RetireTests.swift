import EngramIndex
import Foundation
import Testing

@testable import EngramStore

/// Memories that are retired go as they were seen, and come back as they were.
@Suite struct RetireTests {
  /// What must be the same of a memory that has come back.
  private struct Content: Hashable {
    var memory: Memory
    var vector: [Float]
    var accesses: Int
    var accessedAt: Date?
  }

  private func contents(of store: Store) throws -> [UUID: Content] {
    var contents: [UUID: Content] = [:]
    var change: Int64 = 0
    while true {
      let page = try store.usage(after: change, limit: 7)
      for usage in page {
        var memory = usage.memory
        memory.change = 0
        #expect(contents[memory.id] == nil)
        contents[memory.id] = Content(
          memory: memory, vector: try store.vector(of: memory.id), accesses: usage.accesses,
          accessedAt: usage.accessedAt)
      }
      guard page.count == 7, let last = page.last else { return contents }
      change = last.memory.change
    }
  }

  private func fill(_ store: Store, _ generator: inout Generator, _ count: Int) async throws {
    for number in 0..<count {
      let id = try await store.insert(
        NewMemory(
          key: "key \(number)", text: "memory number \(number)", vector: generator.vector(8),
          scope: Scope(user: generator.oneIn(2) ? "anna" : "ben", run: generator.oneIn(2) ? "r" : nil),
          metadata: try Metadata(["n": .int(Int64(number))]), categories: ["c"], role: "user",
          actor: generator.oneIn(2) ? "Anna" : nil, importance: 0.5,
          createdAt: Date(timeIntervalSince1970: Double(1_700_000_000 + number)),
          expiresAt: generator.oneIn(9) ? Date(timeIntervalSinceNow: 1e6) : nil))
      if generator.oneIn(3) {
        try await store.update(
          id, MemoryUpdate(text: "changed \(number)", vector: generator.oneIn(2) ? generator.vector(8) : nil))
      }
    }
    for _ in 0..<count / 4 { _ = try store.search(generator.vector(8), k: 3) }
    try await store.writeAccesses()
  }

  /// Random memories go and come back, with reopenings, snapshots and another process in between: all that
  /// can be read is as it was, and the store is sound.
  @Test(arguments: 1...6 as ClosedRange<UInt64>) func whatComesBackIsAsItWas(seed: UInt64) async throws {
    try await withTemporaryDirectory { parent in
      var generator = Generator(seed: seed)
      let directory = parent.file("store")
      var store = try openStore(directory)
      try await fill(store, &generator, 80)
      var before = try contents(of: store)
      let other = try openStore(directory)
      for round in 0..<4 {
        let actor = "retention/\(round)"
        let chosen = before.values.filter { _ in generator.oneIn(3) }
        let seen = try chosen.map {
          RetiredMemory(
            id: $0.memory.id, change: try store.get($0.memory.id).change, accesses: $0.accesses)
        }
        let gone = try await store.retire(seen, by: actor)
        #expect(gone == seen.map(\.id))
        #expect(Set(try contents(of: store).keys) == Set(before.keys).subtracting(gone))
        for content in chosen {
          let found = try store.answer(content.vector, k: 1_000).found
          #expect(found.allSatisfy { !gone.contains($0.memory.id) })
          #expect(try store.history(of: content.memory.id).last?.actor == actor)
        }
        // A snapshot that has them, one that has not; a process that follows both changes at once.
        if generator.oneIn(2) { try await store.snapshot() }
        if generator.oneIn(2) {
          #expect(try other.answer(generator.vector(8), k: 1_000).found.count == before.count - gone.count)
        }
        if generator.oneIn(2) { try await store.compact() }
        if generator.oneIn(2) {
          try await store.close()
          store = try openStore(directory)
        }
        // One that somebody has added again is left to them.
        var returned: UUID?
        if let first = chosen.first, generator.oneIn(2) {
          returned = first.memory.id
          try await store.insert(
            NewMemory(
              id: first.memory.id, text: "again", vector: first.vector, scope: first.memory.scope))
          before[first.memory.id] = try contents(of: store)[first.memory.id]
        }
        let retirements = try store.retired(by: actor)
        #expect(Set(retirements.map(\.memory)) == Set(gone) && retirements.count == gone.count)
        let back = try await store.revive(retirements, by: actor)
        #expect(Set(back) == Set(gone).subtracting(returned.map { [$0] } ?? []))
        #expect(try await store.revive(retirements, by: actor).isEmpty)
        #expect(try contents(of: store) == before)
        for content in before.values {
          let id = content.memory.id
          for store in [store, other] {
            #expect(try store.answer(content.vector, k: 1_000).found.contains { $0.memory.id == id })
          }
          if back.contains(id) {
            #expect(try store.history(of: id).suffix(2).map(\.event) == [.delete, .add])
            #expect(try store.history(of: id).last?.newMemory == content.memory.text)
          }
        }
        #expect(try other.answer(generator.vector(8), k: 1_000).found.count == before.count)
        #expect(try await store.verify().problems == [])
      }
      let (file, copy) = (parent.file("all.jsonl"), parent.file("copy"))
      try await store.export(to: file.path)
      #expect(try await Store.import(from: file.path, to: copy.path).isSound)
      try await store.close()
      try await other.close()
      for directory in [directory, copy] {
        let store = try openStore(directory)
        #expect(try contents(of: store) == before)
        #expect(try await store.verify().problems == [])
        try await store.close()
      }
    }
  }

  /// What has been changed, deleted or found since it was seen stays.
  @Test func whatHasChangedSinceStays() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 7)
      let store = try openStore(directory)
      var ids: [UUID] = []
      let vectors = (0..<5).map { _ in generator.vector(8) }
      for vector in vectors {
        ids.append(try await store.insert(NewMemory(text: "tea", vector: vector, scope: .all)))
      }
      _ = try store.search(vectors[4], k: 1)
      try await store.writeAccesses()
      let seen = try store.usage().map {
        RetiredMemory(id: $0.memory.id, change: $0.memory.change, accesses: $0.accesses)
      }
      #expect(seen.map(\.accesses) == [0, 0, 0, 0, 1])
      try await store.update(ids[0], MemoryUpdate(metadata: try Metadata(["a": 1])))
      try await store.delete(ids[1])
      // Not yet written anywhere.
      #expect(try store.search(vectors[2], k: 1).map(\.memory.id) == [ids[2]])
      #expect(try await store.retire(seen, by: "retention/1") == [ids[3], ids[4]])
      #expect(Set(try store.list().memories.map(\.id)) == [ids[0], ids[2]])
      // The user's own deletion is not the run's.
      #expect(try store.retired(by: "retention/1").map(\.memory) == [ids[3], ids[4]])
      #expect(try await store.verify().problems == [])
      try await store.close()
    }
  }

  /// What compaction has cut, or an erasure taken away, does not come back.
  @Test func whatIsCutOrErasedStaysAway() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 8)
      let store = try openStore(directory)
      let ids = try await store.insert(
        (0..<3).map { NewMemory(text: "tea \($0)", vector: generator.vector(8), scope: Scope(user: "u")) })
      let seen = try store.usage().map {
        RetiredMemory(id: $0.memory.id, change: $0.memory.change, accesses: 0)
      }
      #expect(try await store.retire(Array(seen[..<2]), by: "retention/1").count == 2)
      let retired = try store.retired(by: "retention/1")
      try await store.erase([ids[0]])
      #expect(try await store.revive([retired[0]], by: "retention/1").isEmpty)
      try await store.compact(before: Date(timeIntervalSinceNow: 60))
      #expect(try await store.revive(retired, by: "retention/1").isEmpty)
      #expect(try store.list().memories.map(\.id) == [ids[2]])
      #expect(try await store.verify().problems == [])
      try await store.close()
    }
  }

  /// A damaged text of a memory that has come back is put right from the history, like any other.
  @Test func repairKnowsWhatCameBack() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let id = try await store.insert(
        NewMemory(text: "tea", vector: [1, 0, 0, 0, 0, 0, 0, 0], scope: Scope(user: "u"), actor: "Anna"))
      try await store.update(id, MemoryUpdate(text: "green tea"))
      let seen = try store.get(id)
      try await store.retire([RetiredMemory(id: id, change: seen.change, accesses: 0)], by: "retention/1")
      try await store.revive(try store.retired(by: "retention/1"), by: "retention/1")
      let back = try store.get(id)
      try await store.close()
      let catalogue = try RawCatalogue(directory)
      try catalogue.execute("UPDATE memory SET text = 'poison' WHERE ended IS NULL")
      try catalogue.close()
      let report = try await Store.repair(path: directory.path)
      #expect(report.restored.count == 1, "\(report)")
      let repaired = try openStore(directory)
      #expect(try repaired.get(id) == back && back.text == "green tea" && back.actor == "Anna")
      #expect(try await repaired.verify().problems == [])
      try await repaired.close()
    }
  }

  // MARK: Episodes

  /// Those whose time is over go, with their links; one of which memories are still to be made stays.
  @Test func episodesWhoseTimeIsOver() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let (now, scope) = (Date(), Scope(user: "u"))
      func episode(_ age: TimeInterval, _ life: TimeInterval?, waits: Bool = false) -> Episode {
        let created = now.addingTimeInterval(-age)
        return Episode(
          scope: scope, body: "[]", createdAt: created, expiresAt: life.map(created.addingTimeInterval),
          retryAt: waits ? now : nil)
      }
      let (over, fresh, old, young) = (episode(9, 5), episode(1, 5), episode(9, nil), episode(1, nil))
      let waiting = episode(9, 5, waits: true)
      var batch = WriteBatch()
      batch.episodes = [over, fresh, old, young, waiting]
      batch.inserts = [NewMemory(text: "tea", vector: [1, 0, 0, 0, 0, 0, 0, 0], scope: scope)]
      let id = try await store.write(batch)[0]
      let past = try store.episodesPast(now, createdBefore: now.addingTimeInterval(-5))
      #expect(past == [over.id, old.id])
      #expect(try store.episodesPast(now) == [over.id])
      #expect(try store.episodesPast(now, scope: Scope(user: "v")).isEmpty)
      #expect(try await store.retire([], episodes: past + [waiting.id], by: "retention/1").isEmpty)
      #expect(try [over, fresh, old, young, waiting].map { try store.episode($0.id) != nil }
        == [false, true, false, true, true])
      #expect(try await store.verify().problems == [])
      // Its link went with it.
      try await store.erase([id])
      #expect(try store.episode(fresh.id) != nil)
      try await store.close()
    }
  }

  // MARK: Summaries

  /// Erasing a memory erases the summaries of every scope that it is in, their past versions, too, and no
  /// others.
  @Test func erasingTakesSummaries() async throws {
    for cut in [false, true] {
      try await withTemporaryDirectory { directory in
        var generator = Generator(seed: 9)
        let store = try openStore(directory)
        let scope = Scope(user: "u", agent: "a", run: "r")
        let id = try await store.insert(NewMemory(text: "secret", vector: generator.vector(8), scope: scope))
        let within = [
          scope, Scope(user: "u"), Scope(agent: "a"), Scope(run: "r"), Scope(user: "u", agent: "a"),
          Scope(user: "u", run: "r"), Scope(agent: "a", run: "r"),
        ]
        let without = [Scope(user: "v"), Scope(user: "u", agent: "b"), Scope(agent: "u"), Scope(run: "s")]
        for scope in within + without {
          try await store.insert(
            NewMemory(
              id: .summary(of: scope), text: "a secret", vector: generator.vector(8), scope: scope))
          try await store.update(.summary(of: scope), MemoryUpdate(text: "nothing"))
        }
        // One that is gone, and of which only the history is left.
        try await store.delete(.summary(of: within[1]))
        if cut { try await store.compact(before: Date(timeIntervalSinceNow: 60)) }
        let report = try await store.erase([id])
        #expect(Set(report.memories) == Set([id] + within.map(UUID.summary)))
        let left = Set(try store.list().memories.map(\.id))
        #expect(left == Set(without.map(UUID.summary)))
        #expect(try store.history(of: .summary(of: within[0])).allSatisfy { $0.newMemory == nil })
        #expect(try store.history(of: .summary(of: without[0])).first?.newMemory == "a secret")
        // A summary is none of another's sources.
        #expect(try await store.erase([.summary(of: without[1])]).memories == [.summary(of: without[1])])
        let all = try await store.erase(scope: Scope(user: "v"))
        #expect(all.memories == [.summary(of: without[0])])
        #expect(try await store.verify().problems == [])
        try await store.close()
      }
    }
  }

  /// A scope that is erased takes the summaries of wider scopes with it.
  @Test func erasingAScopeTakesSummaries() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 10)
      let store = try openStore(directory)
      let ids = try await store.insert(
        ["r", "s"].map { run in
          NewMemory(text: "secret", vector: generator.vector(8), scope: Scope(user: "u", run: run))
        })
      for scope in [Scope(user: "u"), Scope(run: "s")] {
        try await store.insert(
          NewMemory(id: .summary(of: scope), text: "secrets", vector: generator.vector(8), scope: scope))
      }
      let report = try await store.erase(scope: Scope(run: "r"))
      #expect(Set(report.memories) == [ids[0], .summary(of: Scope(user: "u"))])
      #expect(Set(try store.list().memories.map(\.id)) == [ids[1], .summary(of: Scope(run: "s"))])
      try await store.close()
    }
  }

  /// What was read before an erasure is not written after it.
  @Test func whatWasErasedDoesNotComeBack() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 11)
      let (store, scope) = (try openStore(directory), Scope(user: "u"))
      let ids = try await store.insert(
        (0..<2).map { NewMemory(text: "secret \($0)", vector: generator.vector(8), scope: scope) })
      var batch = WriteBatch()
      batch.readUpTo = try store.latest(scope: scope, limit: 10).change
      batch.inserts = [
        NewMemory(id: .summary(of: scope), text: "secrets", vector: generator.vector(8), scope: scope)
      ]
      try await store.delete(ids[0])
      try await store.erase([ids[0]])
      let before = try store.statistics().changes
      #expect(await refusal { try await store.write(batch) } == "erasedSince")
      #expect(try store.statistics().changes == before)
      let (latest, change) = try store.latest(scope: scope, limit: 10)
      #expect(latest.map(\.memory.id) == [ids[1]])
      #expect(try latest[0].vector == store.vector(of: ids[1]))
      batch.readUpTo = change
      try await store.write(batch)
      #expect(try store.get(.summary(of: scope)).text == "secrets")
      #expect(try store.changeCount(in: scope, after: 0, leavingOut: .summary(of: scope)) == 1)
      try await store.delete(ids[1])
      #expect(try store.changeCount(in: scope, after: change, leavingOut: .summary(of: scope)) == 1)
      #expect(try store.changeCount(in: Scope(user: "v"), after: 0, leavingOut: ids[0]) == 0)
      try await store.close()
    }
  }

  /// One at a time has a claim, also beside another process; it ends with whoever has it.
  @Test func claims() async throws {
    try await withTemporaryDirectory { directory in
      let stores = [try openStore(directory), try openStore(directory)]
      var first = try stores[0].claim("retention")
      #expect(first != nil)
      #expect(try stores[1].claim("retention") == nil && stores[0].claim("retention") == nil)
      #expect(try stores[1].claim("summaries") != nil)
      first = nil
      #expect(try stores[1].claim("retention") != nil)
      for store in stores { try await store.close() }
    }
  }

  /// A store whose directory is gone acknowledges nothing.
  @Test func aDirectoryThatVanished() async throws {
    try await withTemporaryDirectory { parent in
      let directory = parent.file("store")
      let store = try openStore(directory)
      let memory = NewMemory(text: "tea", vector: [1, 0, 0, 0, 0, 0, 0, 0], scope: .all)
      try await store.insert(memory)
      let aside = parent.file("aside")
      try FileManager.default.moveItem(at: directory, to: aside)
      #expect(await refusal { try await store.insert(memory) } == "noStore")
      try FileManager.default.moveItem(at: aside, to: directory)
      try await store.insert(memory)
      #expect(try store.list().memories.count == 2)
      try await store.close()
    }
  }
}
