import EngramIndex
import EngramModels
import EngramStore
import Foundation
import Testing

@testable import Engram

/// Texts in, memories out, against plain lists.
///
/// One after the other: all tests begin at once, and Foundation's `Process` reads past the end of the list of open
/// files where a process has 1,360 of them.
@Suite(.serialized) struct MemoryEngineTests {
  private static let alice = Scope(user: "alice")
  private static let verbatim = AddOptions(mode: .verbatim)

  private static func with(_ metadata: [String: JSONValue]) throws -> AddOptions {
    AddOptions(mode: .verbatim, metadata: try Metadata(metadata))
  }

  private static func add(
    _ text: String, to engine: MemoryEngine, _ scope: Scope = alice, _ options: AddOptions = verbatim
  ) async throws -> UUID {
    try #require(try await engine.add(text, scope: scope, options: options).first).id
  }

  /// All pages of a list.
  private static func pages(
    of engine: MemoryEngine, _ scope: Scope, filter: Filter? = nil, limit: Int = 100,
    showExpired: Bool = false
  ) throws -> [Memory] {
    var memories: [Memory] = []
    var cursor: String?
    repeat {
      let page = try engine.getAll(
        scope: scope, filter: filter, after: cursor, limit: limit, showExpired: showExpired)
      #expect(page.memories.count <= limit)
      // A page that is not full is the last one.
      #expect(page.memories.count == limit || page.next == nil)
      memories += page.memories
      cursor = page.next
    } while cursor != nil
    return memories
  }

  // MARK: Adding and finding

  @Test func addsSearchesChangesAndForgets() async throws {
    try await withTemporaryDirectory { directory in
      var engine = try MemoryEngine(path: directory, embedder: WordEmbedder())
      let options = AddOptions(
        mode: .verbatim, metadata: try Metadata(["team": "a"]), categories: ["drinks"], importance: 0.5,
        createdAt: Date(timeIntervalSince1970: 1_700_000_000))
      let added = try await engine.add(
        [
          Message(.system, "Be kind"), Message(.user, "I like green tea"),
          Message(.assistant, "Noted: tea", name: "Bot"),
        ], scope: Self.alice, options: options)
      #expect(added.map(\.memory) == ["I like green tea", "Noted: tea"])
      #expect(added.map(\.event) == [.add, .add] && added.map(\.role) == ["user", "assistant"])
      #expect(added.map(\.actor) == [nil, "Bot"])
      let tea = try engine.get(added[0].id)
      #expect(tea.text == "I like green tea" && tea.scope == Self.alice && tea.role == "user")
      #expect(tea.metadata["team"] == "a" && tea.categories == ["drinks"] && tea.importance == 0.5)
      #expect(tea.createdAt == options.createdAt)
      _ = try await Self.add("The bicycle is red", to: engine)

      let found = try await engine.search("  Which tea?\n", scope: Self.alice)
      #expect(found.first?.memory.text.contains("tea") == true)
      #expect(found.allSatisfy { (0...1).contains($0.score) })
      #expect(zip(found, found.dropFirst()).allSatisfy { $0.score >= $1.score })
      let best = try #require(found.first)
      for threshold in [0, best.score.nextDown, best.score, 1] {
        let some = try await engine.search("Which tea?", scope: Self.alice, options: SearchOptions(threshold: threshold))
        #expect(some.allSatisfy { $0.score >= threshold })
        #expect(some.contains { $0.memory.id == best.memory.id } == (threshold <= best.score))
      }
      #expect(try await engine.search("Which tea?", scope: Self.alice, options: SearchOptions(limit: 1)).count == 1)

      try await engine.update(tea.id, text: "I like black coffee")
      #expect(try engine.get(tea.id).text == "I like black coffee")
      #expect(
        try await engine.search("black coffee", scope: Self.alice).first?.memory.id == tea.id)
      try await engine.delete(tea.id)
      #expect(await refusal { _ = try engine.get(tea.id) } == "unknownMemory")
      try await engine.close()

      engine = try MemoryEngine(path: directory, embedder: WordEmbedder())
      let rest = try await engine.search("black coffee tea", scope: Self.alice, options: SearchOptions(threshold: 0))
      #expect(Set(rest.map(\.memory.text)) == ["Noted: tea", "The bicycle is red"])
      let history = try engine.history(of: tea.id)
      #expect(history.map(\.event) == [.add, .update, .delete])
      #expect(history.map(\.oldMemory) == [nil, "I like green tea", "I like black coffee"])
      #expect(history.map(\.newMemory) == ["I like green tea", "I like black coffee", nil])
      #expect(history.map(\.isDeleted) == [false, false, true])
      #expect(zip(history, history.dropFirst()).allSatisfy { $0.sequence < $1.sequence })
      #expect(try await engine.store.verify().isSound)
      try await engine.close()
    }
  }

  /// Random memories of several users: searches and lists give those that pass, all of them, and pages
  /// together are the list.
  @Test(arguments: 1...4 as ClosedRange<UInt64>) func filtersAndPages(seed: UInt64) async throws {
    try await withEngine { engine in
      var generator = Generator(seed: seed)
      var expected: [Memory] = []
      for number in 0..<Int.random(in: 40...120, using: &generator) {
        let scope = Scope(
          user: "user \(Int.random(in: 0..<3, using: &generator))",
          agent: generator.oneIn(2) ? "bot" : nil, run: generator.oneIn(3) ? "run" : nil)
        var metadata: [String: JSONValue] = ["n": .int(Int64.random(in: 0..<8, using: &generator))]
        if generator.oneIn(2) { metadata["kind"] = generator.oneIn(2) ? "a" : "b" }
        if generator.oneIn(4) { metadata["tags"] = ["x", "y"] }
        let id = try await Self.add(
          "memory number \(number)", to: engine, scope, try Self.with(metadata))
        expected.append(try engine.get(id))
        if generator.oneIn(5), let old = expected.randomElement(using: &generator) {
          try await engine.update(old.id, metadata: ["kind": generator.oneIn(2) ? "a" : .null])
          expected.removeAll { $0.id == old.id }
          expected.append(try engine.get(old.id))
        }
      }
      let filters: [(String, (Metadata) -> Bool)] = [
        ("{}", { _ in true }),
        (#"{"kind": "a"}"#, { $0["kind"] == "a" }),
        (#"{"kind": {"ne": "a"}}"#, { $0["kind"] != "a" }),
        (#"{"NOT": [{"kind": "*"}]}"#, { $0["kind"] == nil }),
        (
          #"{"n": {"gte": 2, "lt": 6}}"#,
          { if case .int(2..<6)? = $0["n"] { true } else { false } }
        ),
        (#"{"OR": [{"tags": {"contains": "x"}}, {"n": {"in": [1, 7]}}]}"#,
          { $0["tags"] != nil || $0["n"] == 1 || $0["n"] == 7 }),
        (#"{"n": 99}"#, { _ in false }),
      ]
      for (text, passes) in filters {
        let filter = try Filter(parsing: text)
        for scope in [
          Scope(user: "user 0"), Scope(user: "user 1", agent: "bot"), Scope(run: "run"),
          Scope(user: "user 2", agent: "bot", run: "run"), Scope(user: "nobody"),
        ] {
          let due = expected.filter {
            passes($0.metadata) && (scope.user == nil || $0.scope.user == scope.user)
              && (scope.agent == nil || $0.scope.agent == scope.agent)
              && (scope.run == nil || $0.scope.run == scope.run)
          }
          for limit in [1, Int.random(in: 2...20, using: &generator), max(due.count, 1), 1_000] {
            let listed = try Self.pages(of: engine, scope, filter: filter, limit: limit)
            #expect(listed == due, "seed \(seed), \(text) in \(scope), pages of \(limit)")
          }
          let found = try await engine.search(
            "memory number 7", scope: scope, options: SearchOptions(limit: 1_000, filter: filter, threshold: 0))
          #expect(Set(found.map(\.memory)) == Set(due), "seed \(seed), \(text) in \(scope)")
          #expect(found.count == due.count)
        }
      }
    }
  }

  /// Many at once: all of them, or none.
  @Test func updatesMany() async throws {
    try await withEngine { engine in
      let ids = try await ["green tea", "black tea", "coffee"].asyncMap {
        try await Self.add($0, to: engine)
      }
      let changes = [
        MemoryChange(ids[0], text: "white tea", metadata: ["n": 1]),
        MemoryChange(ids[1], metadata: ["n": 2]), MemoryChange(ids[2], text: "cocoa"),
      ]
      let unknown = changes + [MemoryChange(UUID(), metadata: ["n": 3])]
      #expect(await refusal { try await engine.update(unknown) } == "unknownMemory")
      #expect(try ids.map { try engine.get($0).text } == ["green tea", "black tea", "coffee"])
      try await engine.update(changes)
      #expect(try ids.map { try engine.get($0).text } == ["white tea", "black tea", "cocoa"])
      #expect(try ids.map { try engine.get($0).metadata["n"] } == [1, 2, nil])
      let found = try await engine.search("cocoa", scope: Self.alice, options: SearchOptions(limit: 1))
      #expect(found.map(\.memory.id) == [ids[2]])
    }
  }

  /// A memory that says something else takes no longer part in changes of what it said before.
  @Test func aNewTextIsAboutSomethingElse() async throws {
    try await withEngine { engine in
      let home = try #require(try await engine.add("I live in Paris", scope: Self.alice).first)
      try await engine.update(home.id, text: "I have two cats")
      let berlin = try #require(try await engine.add("I moved to Berlin", scope: Self.alice).first)
      #expect(berlin.superseded.isEmpty)
      #expect(try engine.get(home.id).text == "I have two cats")
      try await engine.update(berlin.id, text: "I live in Rome")
      let oslo = try #require(try await engine.add("I moved to Oslo", scope: Self.alice).first)
      #expect(oslo.superseded == [berlin.id])
      #expect(
        await refusal { try await engine.update(oslo.id, metadata: ["_engram": ["slot": "x"]]) }
          == "invalid metadata")
    }
  }

  /// What one user has is nobody else's, whatever is asked for and whatever is deleted.
  @Test func usersAreApart() async throws {
    try await withEngine { engine in
      let users = ["alice", "Alice", "alice ", "bob", "a", "Zo\u{EB}", "Zoe\u{308}"]
      for user in users {
        for number in 0..<5 {
          _ = try await Self.add(
            "secret number \(number)", to: engine, Scope(user: user), try Self.with(["user": .string(user)]))
        }
      }
      func count(_ user: String) async throws -> Int {
        let scope = Scope(user: user)
        let found = try await engine.search("secret number 1", scope: scope, options: SearchOptions(limit: 100, threshold: 0))
        let listed = try Self.pages(of: engine, scope, limit: 3)
        for memory in found.map(\.memory) + listed {
          #expect(memory.metadata["user"].map { $0.isIdentical(to: user) } == true)
        }
        #expect(Set(found.map(\.memory.id)) == Set(listed.map(\.id)))
        return listed.count
      }
      for user in users { #expect(try await count(user) == 5) }
      #expect(try await engine.deleteAll(scope: Scope(user: "alice")) == 5)
      #expect(try await engine.deleteAll(scope: Scope(user: "Zoe\u{308}")) == 5)
      #expect(try await engine.deleteAll(scope: Scope(user: "bob", agent: "none")) == 0)
      for user in users {
        #expect(try await count(user) == (["alice", "Zoe\u{308}"].contains { $0.utf8.elementsEqual(user.utf8) } ? 0 : 5))
      }
    }
  }

  @Test func nobodyIsRefused() async throws {
    try await withEngine { engine in
      _ = try await Self.add("tea", to: engine)
      let changes = try engine.store.statistics().changes
      let calls: [() async throws -> Void] = [
        { try await engine.add("x", scope: .all, options: Self.verbatim) },
        { try await engine.add([Message(.user, "x")], scope: Scope(), options: Self.verbatim) },
        { _ = try await engine.search("tea", scope: .all) },
        { _ = try engine.getAll(scope: .all) },
        { try await engine.deleteAll(scope: .all) },
      ]
      for (number, call) in calls.enumerated() { #expect(await refusal(call) == "noScope", "\(number)") }
      #expect(try engine.store.statistics().changes == changes)
    }
  }

  // MARK: Changing

  @Test func updatesMergeMetadata() async throws {
    try await withEngine { engine in
      let id = try await Self.add(
        "tea", to: engine, Self.alice, try Self.with(["keep": 1, "change": 1, "drop": ["x": 1]]))
      try await engine.update(id, metadata: ["change": ["y": 2], "drop": .null, "new": "n"])
      var memory = try engine.get(id)
      #expect(memory.metadata.values == ["keep": 1, "change": ["y": 2], "new": "n"])
      #expect(memory.text == "tea")
      try await engine.update(id, text: "coffee", metadata: ["new": false])
      memory = try engine.get(id)
      #expect(memory.metadata.values == ["keep": 1, "change": ["y": 2], "new": false])
      #expect(memory.text == "coffee")
      // What is not there cannot be taken out, and that is no mistake.
      try await engine.update(id, metadata: ["none": .null])
      #expect(try engine.get(id).metadata == memory.metadata)
      try await engine.update(id, text: "water")
      #expect(try engine.get(id).metadata == memory.metadata)
      #expect(try engine.history(of: id).map(\.event) == [.add, .update, .update, .update, .update])
    }
  }

  /// None of them is lost, and each is in the history.
  @Test func manyUpdateOneMemory() async throws {
    try await withEngine { engine in
      let id = try await Self.add("tea", to: engine, Self.alice, try Self.with(["k0": 0, "old": 1]))
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...32 {
          group.addTask {
            var metadata: [String: JSONValue] = ["k\(number)": .int(Int64(number))]
            if number == 7 { metadata["old"] = .null }
            try await engine.update(id, text: number % 4 == 0 ? "tea \(number)" : nil, metadata: metadata)
          }
        }
        try await group.waitForAll()
      }
      let expected = (0...32).map { ("k\($0)", JSONValue.int(Int64($0))) }
      #expect(try engine.get(id).metadata.values == Dictionary(uniqueKeysWithValues: expected))
      let history = try engine.history(of: id)
      #expect(history.count == 33 && history.dropFirst().allSatisfy { $0.event == .update })
      #expect(zip(history, history.dropFirst()).allSatisfy { $0.newMemory == $1.oldMemory })
      let found = try await engine.search("tea", scope: Self.alice, options: SearchOptions(threshold: 0))
      #expect(found.map(\.memory) == [try engine.get(id)])
    }
  }

  @Test func deletesAllOrNone() async throws {
    try await withEngine { engine in
      var ids: [UUID] = []
      for number in 0..<4 { ids.append(try await Self.add("tea \(number)", to: engine)) }
      #expect(await refusal { try await engine.delete([ids[0], UUID(), ids[1]]) } == "unknownMemory")
      #expect(try Self.pages(of: engine, Self.alice).count == 4)
      try await engine.delete([ids[0], ids[1], ids[0]])
      #expect(try Self.pages(of: engine, Self.alice).map(\.id) == [ids[2], ids[3]])
      #expect(await refusal { try await engine.delete(ids[0]) } == "unknownMemory")
      try await engine.delete([])
    }
  }

  /// More than a page of them, and those whose time is over.
  @Test func deletesAScopeAndEverything() async throws {
    try await withEngine { engine in
      var past = Self.verbatim
      past.expiresAt = Date(timeIntervalSince1970: 1_000_000_000)
      for user in ["alice", "bob"] {
        let messages = (0..<1_100).map { Message(.user, "note \($0)") }
        _ = try await engine.add(messages, scope: Scope(user: user), options: Self.verbatim)
        _ = try await Self.add("old", to: engine, Scope(user: user), past)
      }
      #expect(try await engine.deleteAll(scope: Self.alice) == 1_101)
      #expect(try Self.pages(of: engine, Self.alice, showExpired: true).isEmpty)
      #expect(try await engine.search("note 7", scope: Self.alice, options: SearchOptions(threshold: 0)).isEmpty)
      #expect(try await engine.deleteAll(scope: Self.alice) == 0)
      let id = try #require(try engine.getAll(scope: Scope(user: "bob"), limit: 1).memories.first).id
      #expect(try await engine.reset() == 1_101)
      #expect(try engine.store.statistics().memories == 0)
      #expect(try engine.history(of: id).map(\.event) == [.add, .delete])
      #expect(try await engine.reset() == 0)
      #expect(try await Self.add("new", to: engine) != id)
    }
  }

  @Test func whatIsOverIsFoundNoMore() async throws {
    try await withEngine { engine in
      var options = Self.verbatim
      options.expiresAt = Date(timeIntervalSince1970: 1_000_000_000)
      let past = try await Self.add("tea in the past", to: engine, Self.alice, options)
      options.expiresAt = Date(timeIntervalSince1970: 4_000_000_000)
      let future = try await Self.add("tea in the future", to: engine, Self.alice, options)
      #expect(
        try await engine.search("tea past", scope: Self.alice, options: SearchOptions(threshold: 0)).map(\.memory.id) == [future])
      #expect(try Self.pages(of: engine, Self.alice).map(\.id) == [future])
      #expect(try Self.pages(of: engine, Self.alice, showExpired: true).map(\.id) == [past, future])
      #expect(try engine.get(past).text == "tea in the past")
      // A change does not bring it back.
      try await engine.update(past, text: "tea again", metadata: ["x": 1])
      #expect(
        try await engine.search("tea again", scope: Self.alice, options: SearchOptions(threshold: 0)).map(\.memory.id) == [future])
    }
  }

  /// A call that is repeated with its key makes nothing new; the same key of somebody else is another.
  @Test func aKeyMakesAnAddRepeatable() async throws {
    try await withEngine { engine in
      let messages = [Message(.user, "tea"), Message(.assistant, "coffee")]
      var options = Self.verbatim
      options.key = "call 1"
      let first = try await engine.add(messages, scope: Self.alice, options: options)
      for _ in 0..<3 {
        let again = try await engine.add(messages, scope: Self.alice, options: options)
        #expect(again.map(\.id) == first.map(\.id))
      }
      #expect(try engine.store.statistics().changes == 2)
      #expect(
        await refusal { try await engine.add("water", scope: Self.alice, options: options) }
          == "conflictingKey")
      #expect(try engine.store.statistics().changes == 2)
      let bob = try await engine.add(messages, scope: Scope(user: "bob"), options: options)
      #expect(Set(bob.map(\.id)).isDisjoint(with: first.map(\.id)))
      // Without a key the same text is said twice.
      _ = try await Self.add("tea", to: engine)
      #expect(try Self.pages(of: engine, Self.alice).count == 3)
    }
  }

  @Test func manyAddOneKeyAtOnce() async throws {
    try await withEngine { engine in
      let ids = try await withThrowingTaskGroup(of: UUID.self) { group in
        for _ in 0..<16 {
          group.addTask {
            try await Self.add("tea", to: engine, Self.alice, AddOptions(mode: .verbatim, key: "k"))
          }
        }
        return try await group.reduce(into: Set<UUID>()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
      #expect(try Self.pages(of: engine, Self.alice).map(\.id) == Array(ids))
    }
  }

  // MARK: Engines and embedders

  @Test func anotherModelIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine(path: directory, embedder: WordEmbedder())
      _ = try await Self.add("tea", to: engine)
      try await engine.close()
      for other in [WordEmbedder(model: "others"), WordEmbedder(model: "others", dimension: 8)] {
        do throws(EngramError) {
          _ = try MemoryEngine(path: directory, embedder: other)
          Issue.record("another model was taken")
        } catch {
          guard case .otherModel(stored: "words", requested: "others") = error else {
            Issue.record("\(error)")
            continue
          }
          #expect(error.description.contains("words") && error.description.contains("others"))
        }
      }
      let again = try MemoryEngine(path: directory, embedder: WordEmbedder())
      #expect(try Self.pages(of: again, Self.alice).count == 1)
      try await again.close()
    }
  }

  @Test(arguments: BrokenEmbedder.Fault.allCases)
  func aBrokenEmbedderWritesNothing(fault: BrokenEmbedder.Fault) async throws {
    try await withTemporaryDirectory { directory in
      let sound = try MemoryEngine(path: directory, embedder: WordEmbedder())
      let id = try await Self.add("tea", to: sound)
      let engine = try MemoryEngine(path: directory, embedder: BrokenEmbedder(fault: fault))
      let before = try sound.store.statistics().changes
      let expected = switch fault {
      case .throwing, .tooFew: "model"
      case .tooShort, .notANumber: "index"
      }
      let calls: [() async throws -> Void] = [
        { _ = try await Self.add("coffee", to: engine) },
        { _ = try await engine.search("tea", scope: Self.alice) },
        { try await engine.update(id, text: "coffee", metadata: ["x": 1]) },
      ]
      for (number, call) in calls.enumerated() {
        #expect(await refusal(call) == expected, "\(fault), call \(number)")
      }
      #expect(try sound.store.statistics().changes == before)
      #expect(try sound.store.episodes(scope: Self.alice, last: 10).count == 1)
      #expect(try sound.get(id).metadata == .empty)
      // What needs no vector goes on.
      try await engine.update(id, metadata: ["x": 1])
      #expect(try sound.get(id).metadata["x"] == 1)
      try await engine.close()
      try await sound.close()
    }
  }

  @Test func callsAfterCloseAreRefused() async throws {
    try await withTemporaryDirectory { directory in
      let engine = try MemoryEngine(path: directory, embedder: WordEmbedder())
      let id = try await Self.add("tea", to: engine)
      try await engine.close()
      let calls: [(String, () async throws -> Void)] = [
        ("add", { _ = try await Self.add("x", to: engine) }),
        ("search", { _ = try await engine.search("x", scope: Self.alice) }),
        ("get", { _ = try engine.get(id) }), ("history", { _ = try engine.history(of: id) }),
        ("getAll", { _ = try engine.getAll(scope: Self.alice) }),
        ("update", { try await engine.update(id, text: "x") }),
        ("metadata", { try await engine.update(id, metadata: ["x": 1]) }),
        ("delete", { try await engine.delete(id) }), ("deletes", { try await engine.delete([id]) }),
        ("deleteAll", { try await engine.deleteAll(scope: Self.alice) }),
        ("reset", { try await engine.reset() }),
      ]
      for (name, call) in calls { #expect(await refusal(call) == "closed", "\(name)") }
      try await engine.close()
    }
  }

  /// On stores of their own, and two on each: each sees its own and what the other one writes.
  @Test func manyEngines() async throws {
    try await withTemporaryDirectory { directory in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 {
          group.addTask {
            let path = "\(directory)/\(number)"
            let engines = try (0..<2).map { _ in
              try MemoryEngine(path: path, embedder: WordEmbedder(), durability: .process)
            }
            for round in 0..<10 {
              let id = try await Self.add("tea \(number) \(round)", to: engines[round % 2])
              let found = try await engines[1 - round % 2].search(
                "tea \(number) \(round)", scope: Self.alice, options: SearchOptions(limit: 100, threshold: 0))
              #expect(found.count == round + 1 && found.contains { $0.memory.id == id })
              #expect(found.allSatisfy { $0.memory.text.hasPrefix("tea \(number) ") })
            }
            for engine in engines { try await engine.close() }
          }
        }
        try await group.waitForAll()
      }
    }
  }
}

extension JSONValue {
  /// By bytes: `==` equates the two forms of an accented letter.
  fileprivate func isIdentical(to text: String) -> Bool {
    if case .string(let own) = self { own.utf8.elementsEqual(text.utf8) } else { false }
  }
}
