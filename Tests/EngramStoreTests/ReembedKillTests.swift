import EngramStore
import Foundation
import StoreClients
import Testing

/// A process that moves a store to another model is killed at any moment: what was acknowledged is there,
/// with the vectors of the model that is active, and the next one goes on.
@Suite(.serialized) struct ReembedKillTests {
  private static let rounds =
    ProcessInfo.processInfo.environment["ENGRAM_REEMBED_KILLS"].flatMap { Int($0) } ?? 16

  @Test func killedAtAnyMoment() async throws {
    var generator = Generator(seed: 91)
    let models = [TextModel("first", 16), TextModel("second", 24), TextModel("third", 16)]
    var texts: [UUID: String] = [:]
    var (moved, resumed) = (0, 0)
    try await withTemporaryDirectory { directory in
      var target = models[1]
      let store = try Store(
        path: directory.path, configuration: StoreConfiguration(dimension: 16, model: "first"))
      let memories = (0..<600).map { models[0].memory("memory \($0)", scope: Scope(user: "u")) }
      for (id, memory) in zip(try await store.insert(memories), memories) { texts[id] = memory.text }
      try await store.close()
      for round in 1...Self.rounds {
        let child = try Child(
          store: directory, durability: generator.oneIn(2) ? .full : .process, writers: 2,
          work: "reembed", environment: ["MODEL": target.name, "DIMENSION": "\(target.dimension)"])
        child.wait(for: "open")
        let line = ["embedding 1", "embedding", "moved"].randomElement(using: &generator)
        if let line, !generator.oneIn(4) { child.wait(for: line) }
        usleep(UInt32.random(in: 100...60_000, using: &generator))
        let lines = child.kill()
        #expect(lines.filter { $0.hasPrefix("!") } == [])
        for line in lines where line.hasPrefix("+ ") {
          let parts = line.split(separator: " ", maxSplits: 2)
          if let id = UUID(uuidString: String(parts[1])) { texts[id] = String(parts[2]) }
        }

        let store = try Store(
          path: directory.path, configuration: StoreConfiguration(storedAt: directory.path))
        let active = TextModel(store.model)
        let status = try store.reembedStatus()
        try await check(store, texts, active, "round \(round), \(status)")
        if active == target { moved += 1 } else if status.making != nil { resumed += 1 }
        // What comes next: on to the same, back, or on to another.
        if let kept = status.kept {
          target = TextModel(kept)
          if generator.oneIn(2) {
            try await store.confirmReembed()
            target = models.first { $0.model != status.active } ?? target
          }
        } else if status.making != nil, generator.oneIn(6) {
          try await store.abandonReembed()
        }
        if round == Self.rounds {
          let model = target
          try await store.reembed(model: model.name, dimension: model.dimension) { model.embed($0) }
          try await check(store, texts, target, "at the end")
        }
        try await store.close()
      }
    }
    print(
      "kill, reembed: \(Self.rounds) rounds, \(moved) after the store had moved, \(resumed) before; "
        + "\(texts.count) memories, all found")
  }

  private func check(
    _ store: Store, _ texts: [UUID: String], _ model: TextModel, _ comment: Comment
  ) async throws {
    let problems = try await store.verify().problems
    #expect(problems == [], comment)
    var wrong = 0
    for (number, (id, text)) in texts.enumerated() {
      if try store.get(id).text != text || store.vector(of: id) != model.vector(text) { wrong += 1 }
      guard number % 10 == 0 else { continue }
      let found = try store.search(model.vector(text), k: 1, recall: 1)
      if found.first?.memory.id != id { wrong += 1 }
    }
    #expect(wrong == 0, comment)
  }
}
