import EngramModels
import EngramStore
import Foundation
import Testing

@testable import Engram

/// The rules' cases, and what else calls do to each other, on real stores.
///
/// One after the other: all tests begin at once, and Foundation's `Process` reads past the end of the list of open
/// files where a process has 1,360 of them.
@Suite(.serialized) struct ConsolidationTests {
  private func engine(_ path: String? = nil) throws -> (MemoryEngine, String) {
    let path = path ?? NSTemporaryDirectory() + "engram-" + UUID().uuidString
    return (
      try MemoryEngine(path: path, embedder: try HashingEmbedder(), durability: .process), path
    )
  }

  /// What a full verify finds, but for rows that links do not reach: a graph of few rows, many of them
  /// equal, is connected every 512 inserts only, and is not walked before it has 2,000 rows.
  private func problems(_ engine: MemoryEngine) async throws -> [String] {
    try await engine.store.verify().problems.filter { !$0.hasSuffix("rows cannot be reached") }
  }

  /// The facts that a scope holds, as the rules' figures compare them.
  private func facts(_ engine: MemoryEngine, _ scope: Scope) throws -> [RuleFact] {
    try engine.getAll(scope: scope).memories.map { memory in
      guard let held = FactSlot.read(memory.metadata) else {
        let read = RuleExtractor().facts(in: memory.text)
        return read.count == 1 ? read[0] : RuleFact(text: memory.text, importance: 0)
      }
      let read = RuleExtractor().facts(in: memory.text).first { $0.slot == held.slot }
      return RuleFact(
        text: memory.text, slot: held.slot, value: held.value, previousValue: read?.previousValue,
        importance: 0)
    }
  }

  /// The same figures as those of the rules alone: what is lost or stale is the rules', not the engine's.
  @Test(arguments: [Consolidation.supersede, .update])
  func theRulesCases(mode: Consolidation) async throws {
    let (engine, path) = try engine()
    var made = RuleFigures()
    var heldOut = RuleFigures()
    for (number, test) in (RuleCase.changes + RuleCase.nothings + RuleCase.lasting).enumerated() {
      let scope = Scope(user: "made \(number)")
      for text in test.says {
        try await engine.add([Message(.user, text)], scope: scope, options: AddOptions(mode: mode))
      }
      made.add(test, facts: try facts(engine, scope))
    }
    for (number, test) in RuleCase.heldOut.enumerated() {
      let scope = Scope(user: "held out \(number)")
      for text in test.says {
        try await engine.add([Message(.user, text)], scope: scope, options: AddOptions(mode: mode))
      }
      heldOut.add(test, facts: try facts(engine, scope))
    }
    print("engine, \(mode): cases | stale | lost | extra facts | nothings kept | cases at fault")
    print("  made with | \(made.row)\n  held out | \(heldOut.row)")
    #expect(made.stale == 0 && made.lost == 0 && made.extra == 0 && made.nothingsKept == 0, "\(made.faults)")
    #expect(
      heldOut.stale <= 2 && heldOut.lost == 0 && heldOut.extra == 0 && heldOut.nothingsKept == 0,
      "\(heldOut.faults)")
    #expect(try await problems(engine).isEmpty)
    try await engine.close()
    try FileManager.default.removeItem(atPath: path)
  }

  /// Facts of one call that contradict each other, and what is there: the last is left, alone.
  @Test(arguments: [Consolidation.supersede, .update])
  func contradictionsWithinACall(mode: Consolidation) async throws {
    let (engine, path) = try engine()
    let (scope, options) = (Scope(user: "u"), AddOptions(mode: mode))
    let paris = try #require(try await engine.add("I live in Paris", scope: scope).first)
    let added = try await engine.add(
      "I moved to Berlin. I moved to Rome.", scope: scope, options: options)
    #expect(try engine.getAll(scope: scope).memories.map(\.text) == ["I moved to Rome"])
    #expect(added.count == 1, "\(added)")
    #expect(added.first?.event == (mode == .update ? .update : .add))
    #expect(added.first?.superseded == (mode == .update ? [] : [paris.id]))
    #expect(added.first?.previousMemory == (mode == .update ? "I live in Paris" : nil))
    try await engine.close()
    try FileManager.default.removeItem(atPath: path)
  }

  /// What was superseded keeps its history, and says by what.
  @Test func nothingIsDestroyed() async throws {
    let (engine, path) = try engine()
    let scope = Scope(user: "u")
    let paris = try #require(try await engine.add("I live in Paris", scope: scope).first)
    let berlin = try #require(try await engine.add("I moved to Berlin", scope: scope).first)
    #expect(berlin.superseded == [paris.id])
    #expect(try engine.getAll(scope: scope).memories.map(\.id) == [berlin.id])
    let history = try engine.history(of: paris.id)
    #expect(history.map(\.event) == [.add, .supersede] && history.last?.successor == berlin.id)
    // Said again, it is known.
    let again = try await engine.add("I live in Berlin", scope: scope)
    #expect(again.map(\.event) == [.none] && again.first?.id == berlin.id)
    // Of another user nothing is known.
    let other = try await engine.add("I live in Berlin", scope: Scope(user: "v"))
    #expect(other.map(\.event) == [.add])
    try await engine.close()
    try FileManager.default.removeItem(atPath: path)
  }

  /// Of facts that many calls state at once on one scope, one home city is left, and each hobby once.
  @Test func callsAtOnceOnOneScope() async throws {
    let path = NSTemporaryDirectory() + "engram-" + UUID().uuidString
    let engines = try [engine(path).0, engine(path).0]
    let cities = ["Paris", "Berlin", "Rome", "Oslo", "Vienna", "Madrid"]
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<60 {
        group.addTask {
          let scope = Scope(user: "u")
          try await engines[number % 2].add("I live in \(cities[number % 6])", scope: scope)
          try await engines[number % 2].add("I like chess", scope: Scope(user: "u\(number % 2)"))
        }
      }
      try await group.waitForAll()
    }
    let held = try engines[0].getAll(scope: Scope(user: "u")).memories
    // Two engines decide each for itself; within one it is exactly one.
    #expect((1...2).contains(held.count), "\(held.map(\.text))")
    for user in ["u0", "u1"] {
      #expect(try engines[0].getAll(scope: Scope(user: user)).memories.map(\.text) == ["I like chess"])
    }
    #expect(try await problems(engines[0]).isEmpty)
    for engine in engines { try await engine.close() }
    try FileManager.default.removeItem(atPath: path)
  }

  @Test func aKeyedCallIsOneCall() async throws {
    let (engine, path) = try engine()
    let scope = Scope(user: "u")
    for _ in 0..<3 {
      try await engine.add(
        "I have a dog. I live in Rome.", scope: scope, options: AddOptions(key: "turn 1"))
    }
    #expect(try engine.getAll(scope: scope).memories.count == 2)
    #expect(try engine.store.episodes(scope: scope, last: 10).count == 1)
    try await engine.close()
    try FileManager.default.removeItem(atPath: path)
  }

  @Test func notesAreKeptAndChatterIsNot() async throws {
    let (engine, path) = try engine()
    let scope = Scope(agent: "bot")
    for (text, isKept) in [
      ("Deploys happen on Fridays", true), ("Thanks a lot!", false), ("ok", false),
      ("Is the office open?", false), ("I'm on my way", false), ("The password rotates monthly", true),
    ] {
      let added = try await engine.add(text, scope: scope)
      #expect(added.isEmpty == !isKept, "\(text)")
    }
    // In a conversation only what users say of themselves.
    let said = try await engine.add(
      [Message(.assistant, "I live in the cloud"), Message(.user, "Deploys happen on Mondays")],
      scope: scope)
    #expect(said.isEmpty)
    try await engine.close()
    try FileManager.default.removeItem(atPath: path)
  }
}
