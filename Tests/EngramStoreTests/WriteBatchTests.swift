import EngramIndex
import Foundation
import Testing

@testable import EngramStore

@Suite struct WriteBatchTests {
  private let scope = Scope(user: "u")

  private func memory(_ text: String, supersedes: [UUID] = []) -> NewMemory {
    NewMemory(text: text, vector: [1, 2, 3, 4], scope: scope, supersedes: supersedes)
  }

  /// What is refused in the middle of a batch takes the rest with it, and nothing of others in its group.
  @Test func allOrNothing() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      let id = try await store.insert(memory("kept"))
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<200 {
          group.addTask {
            var batch = WriteBatch()
            batch.episodes = [Episode(scope: scope, body: "said \(number)")]
            batch.updates = [(id, MemoryUpdate(merging: try Metadata(["n\(number)": .int(1)])))]
            batch.inserts = [memory("new \(number)"), memory("second \(number)")]
            if number % 3 == 0 { batch.inserts[1].supersedes = [UUID()] }
            do {
              return try await store.write(batch).count == 2
            } catch StoreError.unknownMemory {
              return false
            }
          }
        }
        var written = 0
        for try await isWritten in group where isWritten { written += 1 }
        #expect(written == 133)
      }
      #expect(try store.statistics().memories == 1 + 2 * 133)
      #expect(try store.get(id).metadata.values.count == 133)
      #expect(try store.episodes(scope: scope, last: 1_000).count == 133)
      #expect(try await store.verify().isSound)
      try await store.close()
    }
  }

  /// Of many who finish an episode one does; it waits through an opening.
  @Test func anEpisodeIsFinishedOnce() async throws {
    try await withTemporaryDirectory { directory in
      var store = try openStore(directory, dimension: 4)
      let episode = Episode(scope: scope, body: "I moved", retryAt: Date(timeIntervalSinceNow: -1))
      var batch = WriteBatch()
      batch.episodes = [episode]
      try await store.write(batch)
      let past = Date(timeIntervalSinceNow: -1)
      try await store.postpone(episode.id, failure: "the model was down", retryAt: past)
      // Said again, it is the same one.
      try await store.write(batch)
      try await store.close()
      store = try openStore(directory, dimension: 4)
      let due = try store.dueEpisodes()
      #expect(due.map(\.id) == [episode.id])
      #expect(due.first?.attempts == 1 && due.first?.failure == "the model was down")
      #expect(try store.nextDue() != nil)
      let shared = store
      let done = await withTaskGroup(of: Bool.self) { group in
        for number in 0..<20 {
          group.addTask {
            var batch = WriteBatch()
            batch.finished = episode.id
            batch.inserts = [memory("fact \(number)")]
            return (try? await shared.write(batch)) != nil
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(done == 1)
      #expect(try store.dueEpisodes().isEmpty)
      #expect(try store.nextDue() == nil)
      #expect(try store.statistics().memories == 1)
      try await store.close()
    }
  }

  /// Against a list: of each scope the first that waits is due, and no other.
  @Test(arguments: 1...3 as ClosedRange<UInt64>) func whoIsDue(seed: UInt64) async throws {
    var generator = Generator(seed: seed)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      let scopes = [
        Scope(user: "a"), Scope(user: "a", agent: "x"), Scope(user: "b"), Scope(agent: "x"), Scope(run: "r"),
      ]
      var model: [Episode] = []
      let start = Date(timeIntervalSince1970: 1_700_000_000)
      for step in 0..<150 {
        if generator.oneIn(2) || model.isEmpty {
          // Ids are in no order: those of named calls are not.
          let episode = Episode(
            id: UUID(), scope: scopes.randomElement(using: &generator) ?? .all, body: "\(step)",
            createdAt: start.addingTimeInterval(Double(step / 2)),
            retryAt: start.addingTimeInterval(Double.random(in: 0...100, using: &generator).rounded()))
          var batch = WriteBatch()
          batch.episodes = [episode]
          try await store.write(batch)
          model.append(episode)
        } else {
          let place = Int.random(in: 0..<model.count, using: &generator)
          let id = model[place].id
          let waits = model[place].retryAt != nil
          let time = generator.oneIn(2) ? nil : start.addingTimeInterval(Double(step))
          switch Int.random(in: 0..<3, using: &generator) {
          case 0:
            let refused = await refusal { try await store.postpone(id, failure: "no", retryAt: time) }
            #expect((refused == nil) == waits)
            guard waits else { continue }
            model[place].failure = "no"
            model[place].attempts += 1
            model[place].retryAt = time
          case 1:
            let refused = await refusal { try await store.requeue(id, retryAt: time) }
            #expect((refused == nil) == (waits || model[place].isDead))
            guard waits || model[place].isDead else { continue }
            model[place].failure = nil
            model[place].attempts = 0
            model[place].retryAt = time
          default:
            var batch = WriteBatch()
            batch.finished = id
            let refused = await refusal { try await store.write(batch) }
            #expect((refused == nil) == waits)
            guard waits else { continue }
            model[place].failure = nil
            model[place].retryAt = nil
          }
        }
        let waiting = model.filter { $0.retryAt != nil }
          .sorted { ($0.createdAt, $0.id.uuidString) < ($1.createdAt, $1.id.uuidString) }
        let first = Dictionary(waiting.map { ($0.scope, $0) }, uniquingKeysWith: { first, _ in first })
        let time = start.addingTimeInterval(50)
        let due = first.values.filter { ($0.retryAt ?? .distantFuture) <= time }
        #expect(try Set(store.dueEpisodes(by: time)) == Set(due), "step \(step), seed \(seed)")
        #expect(try store.nextDue() == first.values.compactMap(\.retryAt).min())
        #expect(try store.waitingEpisodes() == waiting)
        #expect(try store.waitingEpisodes(scope: Scope(user: "a")) == waiting.filter { $0.scope.user == "a" })
        #expect(try store.waitingCount() == waiting.count)
        #expect(try Set(store.deadEpisodes()) == Set(model.filter(\.isDead)))
        for scope in scopes { #expect(try store.firstWaiting(in: scope) == first[scope]) }
      }
      try await store.dropWaiting(scope: Scope(user: "a"))
      #expect(try store.waitingEpisodes().allSatisfy { $0.scope.user != "a" })
      #expect(try await store.verify().isSound)
      try await store.close()
    }
  }

  @Test func deadOnesAreKept() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      let episode = Episode(scope: scope, body: "what?", retryAt: Date())
      var batch = WriteBatch()
      batch.episodes = [episode, Episode(scope: scope, body: "fine")]
      try await store.write(batch)
      #expect(try store.deadEpisodes().isEmpty)
      try await store.postpone(episode.id, failure: "nonsense", retryAt: nil)
      #expect(try store.deadEpisodes().map(\.id) == [episode.id])
      let again = await refusal { try await store.postpone(episode.id, failure: "x", retryAt: nil) }
      #expect(again == "notWaiting")
      #expect(try store.deadEpisodes().first?.isDead == true)
      try await store.close()
    }
  }

  /// Erasing a memory, or a scope, leaves nothing of what was said; copies have all of it before.
  @Test func erasureTakesWhatWasSaid() async throws {
    try await withTemporaryDirectory { parent in
      let store = try openStore(parent.file("store"), dimension: 4)
      var batch = WriteBatch()
      batch.episodes = [Episode(scope: scope, body: "a secret in Berlin")]
      batch.inserts = [memory("Lives in Berlin")]
      let ids = try await store.write(batch)
      batch = WriteBatch()
      batch.episodes = [Episode(scope: Scope(user: "other"), body: "another secret")]
      try await store.write(batch)
      let export = parent.file("export").path
      #expect(try await store.export(to: export).episodes == 2)
      #expect(try await Store.import(from: export, to: parent.file("copy").path).isSound)
      let copy = try openStore(parent.file("copy"), dimension: 4)
      #expect(try copy.episodes(scope: scope, last: 9).map(\.body) == ["a secret in Berlin"])
      _ = try await copy.erase(ids)
      #expect(try copy.episodes(scope: scope, last: 9).isEmpty)
      try await copy.close()
      _ = try await store.erase(scope: Scope(user: "other"))
      #expect(try store.episodes(scope: Scope(user: "other"), last: 9).isEmpty)
      _ = try await store.erase(ids)
      #expect(try store.episodes(scope: scope, last: 9).isEmpty)
      try await store.close()
      for name in try FileManager.default.contentsOfDirectory(atPath: parent.file("store").path) {
        let bytes = try Data(contentsOf: parent.file("store").appendingPathComponent(name))
        #expect(bytes.range(of: Data("secret".utf8)) == nil, "\(name)")
      }
    }
  }

  @Test func damageIsSeen() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: 4)
      var batch = WriteBatch()
      batch.episodes = [Episode(scope: scope, body: "as it was")]
      try await store.write(batch)
      try await store.close()
      try RawCatalogue.execute(directory, "UPDATE episode SET body = 'as it was not'")
      let damaged = try openStore(directory, dimension: 4)
      #expect(throws: StoreError.self) { try damaged.episodes(scope: scope, last: 1) }
      #expect(try await damaged.verify().isSound == false)
      try await damaged.close()
    }
  }
}
