import EngramModels
import EngramStore
import Foundation
import Synchronization
import Testing

@testable import Engram

/// The engine uses the embedder that the store's vectors are of, exactly from when they are.
@Suite struct ReembedTests {
  /// Tells what it is called with.
  private struct Watched: Embedder {
    var words: WordEmbedder
    let called: @Sendable () async -> Void

    var model: String { words.model }
    var dimension: Int { words.dimension }

    func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] {
      await called()
      return try await words.embed(texts)
    }
  }

  private let scope = Scope(user: "anna")

  private func memories(_ engine: MemoryEngine, _ count: Int) async throws {
    for number in 0..<count {
      try await engine.add(
        [Message(.user, "note number\(number) about topic\(number)")], scope: scope,
        options: AddOptions(mode: .verbatim))
    }
  }

  @Test(arguments: [32, 48]) func movesAndGoesOn(dimension: Int) async throws {
    try await withEngine { engine in
      try await memories(engine, 200)
      let next = WordEmbedder(model: "other words", dimension: dimension)
      let report = try await engine.reembed(to: next)
      #expect(report.vectors == 200 && report.model.name == "other words")
      #expect(try await engine.search("topic17", scope: scope).first?.memory.text.contains("topic17") == true)
      try await engine.add("I moved to Berlin", scope: scope)
      let id = try #require(try await engine.search("Berlin", scope: scope).first?.memory.id)
      try await engine.update(id, text: "Moved to Lyon")
      #expect(try engine.store.vector(of: id) == (try await next.embed(["Moved to Lyon"]))[0])
      #expect(try await engine.store.verify().problems == [])
      #expect(try await engine.reembed(to: WordEmbedder()).model.name == "words")
      #expect(try await engine.search("Lyon", scope: scope).first?.memory.id == id)
      try await engine.store.confirmReembed()
    }
  }

  /// A question that was embedded just before the store moved is embedded again; so is a memory.
  @Test(arguments: [32, 48]) func callsUnderWayMeanwhile(dimension: Int) async throws {
    try await withTemporaryDirectory { directory in
      let box = Box()
      let moves = Box.Number()
      let next = WordEmbedder(model: "other words", dimension: dimension)
      // The store moves while this embedder is at work.
      let first = Watched(words: WordEmbedder()) {
        guard moves.value == 1, let engine = box.engine else { return }
        moves.value = 2
        _ = try? await engine.reembed(to: next)
      }
      let engine = try MemoryEngine(path: directory, embedder: first, durability: .process)
      box.engine = engine
      try await memories(engine, 50)
      for call in 0..<3 {
        switch call {
        case 0:
          moves.value = 1
          let found = try await engine.search("topic17", scope: scope)
          #expect(found.first?.memory.text.contains("topic17") == true)
        case 1:
          moves.value = 1
          #expect(try await engine.add("I live in Oslo", scope: scope).first?.event == .add)
        default:
          let id = try #require(try await engine.search("Oslo", scope: scope).first?.memory.id)
          moves.value = 1
          try await engine.update(id, text: "Lives in Turku")
        }
        #expect(moves.value == 2)
        #expect(engine.embedders.current.model == "other words")
        moves.value = 0
        #expect(try await engine.store.verify().problems == [])
        try await engine.reembed(to: first)
      }
      box.engine = nil
      try await engine.close()
    }
  }

  @Test func whileOthersAddAndSearch() async throws {
    try await withEngine { engine in
      try await memories(engine, 300)
      let isOver = Box.Number()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<3 {
          group.addTask {
            var number = 0
            while isOver.value == 0 {
              number += 1
              let text = "worker\(worker) remark\(number)"
              try await engine.add(
                [Message(.user, text)], scope: scope, options: AddOptions(mode: .verbatim))
              let found = try await engine.search(text, scope: scope, options: SearchOptions(limit: 3))
              #expect(found.first?.memory.text == text)
            }
          }
        }
        group.addTask {
          defer { isOver.value = 1 }
          for dimension in [32, 64, 32] {
            try await engine.reembed(to: WordEmbedder(model: "words \(dimension)", dimension: dimension))
            try await engine.store.confirmReembed()
          }
        }
        try await group.waitForAll()
      }
      #expect(try await engine.store.verify().problems == [])
    }
  }

  @Test func refusals() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine(path: directory, embedder: WordEmbedder(), durability: .process)
      let other = try MemoryEngine(path: directory, embedder: WordEmbedder(), durability: .process)
      try await memories(engine, 20)
      for fault in BrokenEmbedder.Fault.allCases {
        let kind = await refusal {
          try await engine.reembed(to: BrokenEmbedder(model: "broken", fault: fault))
        }
        #expect(kind == (fault == .throwing || fault == .tooFew ? "model" : "index"))
        #expect(engine.embedders.current.model == "words")
      }
      #expect(try await engine.search("topic3", scope: scope).isEmpty == false)
      let next = WordEmbedder(model: "next", dimension: 32)
      #expect(await refusal { try await engine.reembed(to: next) }?.contains("broken") == true)
      try await engine.store.abandonReembed()
      try await engine.reembed(to: next)
      // The other engine's model is not the store's any more, and it says which is.
      await #expect {
        try await other.search("topic3", scope: scope)
      } throws: { error in
        guard case .otherModel("next", "words") = error as? EngramError else { return false }
        return true
      }
      #expect(await refusal { try await other.add("I like tea", scope: scope) } == "otherModel")
      // It is told the same model, and goes on.
      #expect(try await other.reembed(to: next).vectors == 0)
      #expect(try await other.search("topic3", scope: scope).isEmpty == false)
      try await other.close()
      try await engine.close()
    }
  }
}

/// Holds an engine for closures that are made before it.
private final class Box: Sendable {
  private let held = Mutex<MemoryEngine?>(nil)

  var engine: MemoryEngine? {
    get { held.withLock { $0 } }
    set { held.withLock { $0 = newValue } }
  }

  /// A number that tasks share.
  final class Number: Sendable {
    private let held = Atomic(0)

    var value: Int {
      get { held.load(ordering: .relaxed) }
      set { held.store(newValue, ordering: .relaxed) }
    }
  }
}
