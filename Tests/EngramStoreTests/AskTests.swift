import EngramIndex
import Foundation
import Testing

@testable import EngramStore

/// Questions to a store, against a plain implementation of what the ranking says.
///
/// One after the other: all tests begin at once, and Foundation's `Process` reads past the end of the list of open
/// files where a process has 1,360 of them.
@Suite(.serialized) struct AskTests {
  private static let dimension = 8

  // MARK: Against the formulas

  /// Whatever is done to a store, all its answers are those of the formulas; to another that has it open,
  /// and after it has been closed and opened, too.
  @Test(arguments: Metric.allCases, [1, 2, 3] as [UInt64])
  func answersAsTheFormulasSay(metric: Metric, seed: UInt64) async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: seed)
      var store = try openStore(directory, dimension: Self.dimension, metric: metric)
      let other = try openStore(directory, dimension: Self.dimension, metric: metric)
      for step in 1...120 {
        try await change(store, &generator)
        guard step % 6 == 0 else { continue }
        if step % 60 == 0 {
          try await store.close()
          if generator.oneIn(2) { try directory.snapshot.remove() }
          store = try openStore(directory, dimension: Self.dimension, metric: metric)
        }
        let model = try AskModel(store, metric: metric)
        for _ in 1...4 {
          let (question, vector) = (question(&generator), generator.vector(Self.dimension))
          let scope = generator.oneIn(2) ? Scope.all : self.scope(&generator)
          let filter = generator.oneIn(3) ? try self.filter(&generator) : nil
          let k = [1, 5, 100, 10_000].randomElement(using: &generator) ?? 1
          let weights = generator.oneIn(2) ? RankingWeights.relevance : Self.weights
          let all = model.answers(to: question, vector, scope: scope, filter: filter, weights: weights)
          let options = AskOptions(scope: scope, filter: filter, weights: weights)
          for (name, store) in [("writer", store), ("other", other)] {
            let found = try store.ask(question, vector: vector, k: k, options: options)
            let problem = AskModel.problem(with: found, against: all, k: k)
            #expect(
              problem == nil,
              "seed \(seed), step \(step), \(name), \"\(question)\" for \(k) in \(scope), filter \(String(describing: filter))"
            )
          }
        }
      }
      let report = try await store.verify()
      #expect(report.isSound)
      try await store.close()
      try await other.close()
    }
  }

  private static let weights = RankingWeights(
    text: 0.3, recency: 0.2, importance: 0.3, access: 0, recencyHalfLife: 20 * 86_400)

  /// Something is written: at most fifty memories are there at any time, so that all of them are
  /// candidates, whatever is asked.
  private func change(_ store: Store, _ generator: inout Generator) async throws {
    let current = try store.list(limit: 1_000).memories.map(\.id)
    let id = current.randomElement(using: &generator)
    switch (Int.random(in: 0..<12, using: &generator), id) {
    case (0, let id?): try await store.update(id, MemoryUpdate(text: text(&generator)))
    case (1, let id?):
      try await store.update(id, MemoryUpdate(vector: generator.vector(Self.dimension)))
    case (2, let id?):
      try await store.update(
        id, MemoryUpdate(text: text(&generator), vector: generator.vector(Self.dimension)))
    case (3, let id?):
      try await store.update(id, MemoryUpdate(metadata: try metadata(&generator)))
    case (4, let id?):
      try await store.update(id, MemoryUpdate(merging: try metadata(&generator)))
    case (5, let id?):
      var memory = try memory(&generator)
      memory.supersedes = [id]
      try await store.insert(memory)
    case (6, _?), (7, _?) where current.count > 30:
      try await store.delete(Array(current.shuffled(using: &generator).prefix(10)))
    case (8, let id?): try await store.delete(id)
    default:
      if current.count > 40 { return }
      let memories = try (0..<Int.random(in: 1...10, using: &generator)).map { _ in
        try memory(&generator)
      }
      try await store.insert(memories)
    }
  }

  /// Several thousand memories, so that most are no candidates: those that are have the scores that the
  /// formulas give them, whether few or many share the scope, and the best by words alone is there.
  @Test func manyMemories() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 7)
      let store = try openStore(directory, dimension: Self.dimension)
      try await store.insert(try (0..<3_000).map { _ in try memory(&generator) })
      try await store.waitUntilIndexed()
      let model = try AskModel(store, metric: .cosine)
      for round in 1...20 {
        let (question, vector) = (question(&generator), generator.vector(Self.dimension))
        let scope = round % 2 == 0 ? Scope.all : self.scope(&generator)
        let all = model.answers(to: question, vector, scope: scope)
        let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.memory.id, $0) })
        let found = try store.ask(question, vector: vector, k: 20, options: AskOptions(scope: scope, weights: .relevance))
        #expect(found.count == min(20, all.count))
        #expect(Set(found.map(\.memory.id)).count == found.count)
        for answer in found {
          guard let expected = byID[answer.memory.id] else {
            Issue.record("\(answer.memory) is not in \(scope)")
            continue
          }
          #expect(abs(answer.score - expected.score) < 1e-4, "round \(round), \"\(question)\", \(scope)")
        }
        #expect(zip(found, found.dropFirst()).allSatisfy { $0.score >= $1.score })
        // As many as there are candidates of either kind: nothing is left out.
        let every = try store.ask(
          question, vector: vector, k: 10_000, options: AskOptions(scope: scope, weights: .relevance))
        #expect(
          AskModel.problem(with: every, against: all, k: 10_000) == nil, "round \(round), \"\(question)\"")
      }
      try await store.close()
    }
  }

  // MARK: The past

  /// Questions about moments that have been, about what memories said before, and about expired ones, have
  /// the answers of the formulas over what was there; also after a compaction and another opening.
  @Test(arguments: [11, 12, 13, 14] as [UInt64])
  func thePast(seed: UInt64) async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: seed)
      var store = try openStore(directory, dimension: Self.dimension)
      var moments: [(Date, [AskModel.Version])] = [(Date(), [])]
      var versions: [Int64: AskModel.Version] = [:]
      for step in 1...60 {
        if generator.oneIn(10), let id = try store.list(limit: 1).memories.first?.id {
          // Erased, it was never there.
          _ = try await store.erase([id])
          moments = moments.map { ($0, $1.filter { $0.memory.id != id }) }
          versions = versions.filter { $1.memory.id != id }
        }
        try await change(store, &generator)
        let now = try AskModel.current(store, includeExpired: true)
        for version in now { versions[version.memory.change] = version }
        moments.append((Date(), now))
        if step % 20 == 0 {
          if generator.oneIn(2) { _ = try await store.compact() }
          try await store.close()
          store = try openStore(directory, dimension: Self.dimension)
        }
        guard step % 5 == 0 else { continue }
        let deleted = try Set(
          versions.values.map(\.memory.id).filter { try store.history(of: $0).last?.event == .delete })
        let said = versions.values.filter { !deleted.contains($0.memory.id) }
          .sorted { $0.memory.change < $1.memory.change }
        for _ in 1...4 {
          let (question, vector) = (question(&generator), generator.vector(Self.dimension))
          var options = AskOptions(
            scope: generator.oneIn(2) ? .all : scope(&generator),
            filter: generator.oneIn(3) ? try filter(&generator) : nil, weights: Self.weights)
          options.includeExpired = generator.oneIn(3)
          var (time, there) = (Date(), now)
          switch Int.random(in: 0..<3, using: &generator) {
          case 0:
            (time, there) = moments.randomElement(using: &generator) ?? (time, there)
            options.asOf = time
          case 1: (options.latestOnly, there) = (false, said)
          default: options.includeExpired = true
          }
          if !options.includeExpired { there = there.filter { $0.memory.expiresAt.map { $0 > time } ?? true } }
          // The mean length is that of the texts that are looked at.
          there = there.filter { memory, _ in
            memory.scope.lies(in: options.scope)
              && options.filter?.matches(.object(memory.metadata.values)) != false
          }
          let found = try store.ask(question, vector: vector, k: 10_000, options: options)
          let all = AskModel(there, metric: .cosine).answers(
            to: question, vector, weights: Self.weights, now: time)
          let problem = AskModel.problem(with: found, against: all, k: 10_000)
          #expect(problem == nil, "seed \(seed), step \(step), \(options), \"\(question)\"")
        }
      }
      // What compaction cuts nobody can ask for any more.
      _ = try await store.compact(before: Date())
      let vector = generator.vector(Self.dimension)
      let old = await refusal {
        _ = try store.ask(
          "tea", vector: vector, k: 1, options: AskOptions(asOf: moments[moments.count / 2].0))
      }
      #expect(old == "beforeHorizon")
      _ = try store.ask("tea", vector: vector, k: 1, options: AskOptions(asOf: Date()))
      try await store.close()
    }
  }

  // MARK: What is found often

  /// Searches count what they return, for this process at once and through openings, an update of the
  /// vector included.
  @Test(arguments: [true, false]) func accesses(withSnapshot: Bool) async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 3)
      var store = try openStore(directory, dimension: Self.dimension)
      let vectors = (0..<300).map { _ in generator.vector(Self.dimension) }
      let ids = try await store.insert(
        vectors.map { NewMemory(text: text(&generator), vector: $0, scope: .all) })
      var counts: [UUID: Int] = [:]
      for round in 1...6 {
        for _ in 1...20 {
          let query = generator.vector(Self.dimension)
          let found =
            generator.oneIn(2)
            ? try store.search(query, k: 5).map(\.memory.id)
            : try store.ask(question(&generator), vector: query, k: 5).map(\.memory.id)
          for id in found { counts[id, default: 0] += 1 }
        }
        let changed = ids[round]
        try await store.update(changed, MemoryUpdate(vector: generator.vector(Self.dimension)))
        if round % 2 == 0 {
          try await store.close()
          if !withSnapshot { try? directory.snapshot.remove() }
          store = try openStore(directory, dimension: Self.dimension)
        }
        let all = try store.ask("tea", vector: vectors[0], k: 10_000)
        #expect(all.count == 300)
        for answer in all {
          let count = Double(counts[answer.memory.id] ?? 0)
          #expect(abs(answer.access - count / (count + 4)) < 1e-3, "round \(round), \(count)")
          counts[answer.memory.id, default: 0] += 1
        }
      }
      try await store.close()
    }
  }

  /// A snapshot holds the words: the next opening does not read the texts anew.
  @Test func wordsComeWithTheSnapshot() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 5)
      var store = try openStore(directory, dimension: Self.dimension)
      let ids = try await store.insert((0..<2_000).map { _ in try memory(&generator) })
      let vector = generator.vector(Self.dimension)
      _ = try store.ask("tea", vector: vector, k: 1)
      try await store.close()
      store = try openStore(directory, dimension: Self.dimension)
      #expect(store.core.index.live.text.index?.count ?? 0 > 1_000)
      try await store.update(ids[0], MemoryUpdate(text: "xylophone"))
      let options = AskOptions(weights: .relevance)
      let found = try store.ask("xylophone", vector: vector, k: 10_000, options: options)
      let model = try AskModel(store, metric: .cosine)
      #expect(
        AskModel.problem(with: found, against: model.answers(to: "xylophone", vector), k: 10_000) == nil)
      try await store.close()
      // What is not in the snapshot comes from the catalogue.
      store = try openStore(directory, dimension: Self.dimension)
      let again = try store.ask("xylophone", vector: vector, k: 1)
      #expect(again.first?.memory.text == "xylophone")
      try await store.close()
    }
  }

  // MARK: Diversity

  /// Results are in the order of maximal marginal relevance.
  @Test(arguments: [0.2, 0.5, 0.9, 1]) func diversity(_ diversity: Double) async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 9)
      let store = try openStore(directory, dimension: Self.dimension)
      // In clumps, so that the nearest are much alike.
      var memories: [NewMemory] = []
      for clump in 0..<6 {
        let centre = generator.vector(Self.dimension)
        for _ in 0..<8 {
          let vector = centre.map { $0 + Float.random(in: -0.05...0.05, using: &generator) }
          memories.append(NewMemory(text: "clump \(clump)", vector: vector, scope: .all))
        }
      }
      try await store.insert(memories)
      for _ in 1...10 {
        let vector = generator.vector(Self.dimension)
        let plain = AskOptions(weights: .relevance)
        let all = try store.ask("clump", vector: vector, k: 48, options: plain)
        let options = AskOptions(weights: .relevance, diversity: diversity)
        let found = try store.ask("clump", vector: vector, k: 12, options: options)
        #expect(found.count == 12)
        var open = all
        var chosen: [[Float]] = []
        for answer in found {
          func marginal(_ one: RankedMemory) throws -> Double {
            let own = try store.vector(of: one.memory.id)
            let alike = chosen.map { (1 + Metric.cosine.exactScore($0, own)) / 2 }.max() ?? 0
            return (1 - diversity) * one.score - diversity * alike
          }
          let best = try open.map(marginal).max() ?? 0
          #expect(abs(try marginal(answer) - best) < 1e-4)
          chosen.append(try store.vector(of: answer.memory.id))
          open.removeAll { $0.memory.id == answer.memory.id }
        }
      }
      try await store.close()
    }
  }

  // MARK: From both sides

  /// The vector says the contrary of what is asked; its words find it.
  @Test(arguments: [Scope.all, Scope(user: "anna")])
  func onlyWordsTell(scope: Scope) async throws {
    try await withStoreOfMany { store, vector in
      let id = try await store.insert(
        NewMemory(
          text: "The passphrase is xylophone", vector: Self.acrossTo(vector), scope: Scope(user: "anna")))
      let near = try store.search(vector, k: 100, scope: scope).map(\.memory.id)
      #expect(!near.contains(id))
      let found = try store.ask("Xylophones?", vector: vector, k: 10, options: AskOptions(scope: scope))
      #expect(found.first?.memory.id == id)
      #expect(abs((found.first?.similarity ?? 1) - 0.5) < 1e-4 && (found.first?.text ?? 0) > 0.3)
      // Among those of others it is not.
      let others = try store.ask("Xylophones?", vector: vector, k: 10, options: AskOptions(scope: Scope(user: "ben")))
      #expect(others.count == 10 && !others.contains { $0.memory.id == id })
    }
  }

  @Test(arguments: [Scope.all, Scope(user: "anna")])
  func onlyTheVectorTells(scope: Scope) async throws {
    try await withStoreOfMany { store, vector in
      let id = try await store.insert(
        NewMemory(text: "Kaffee um acht", vector: vector, scope: Scope(user: "anna")))
      for question in ["when does she have breakfast", "?!", "is it the", "雨"] {
        let found = try store.ask(question, vector: vector, k: 10, options: AskOptions(scope: scope))
        #expect(found.first?.memory.id == id, "\(question)")
        #expect(found.first?.text == 0 && (found.first?.similarity ?? 0) > 0.999)
      }
      // Without a word to look for the score is how near it is.
      let found = try store.ask(
        "?!", vector: vector, k: 3, options: AskOptions(scope: scope, weights: .relevance))
      #expect(found.allSatisfy { abs($0.score - $0.similarity) < 1e-6 })
    }
  }

  /// A turn that has none of the words is found by the turn before it, and no other user's is.
  @Test func aTurnIsFoundByTheOneBefore() async throws {
    try await withStoreOfMany { store, vector in
      let far = Self.acrossTo(vector)
      func turn(_ text: String, user: String) -> NewMemory {
        NewMemory(text: text, vector: far, scope: Scope(user: user, run: "talk"))
      }
      let ids = try await store.insert([
        turn("Where did the xylophone come from?", user: "anna"), turn("Not mine.", user: "ben"),
        turn("From my grandmother.", user: "anna"),
      ])
      let found = try store.ask("xylophone", vector: vector, k: 10_000)
      #expect(found.prefix(2).map(\.memory.id) == [ids[0], ids[2]])
      #expect(found.first { $0.memory.id == ids[2] }.map { $0.text == 0 && $0.context > 0.1 } == true)
      #expect(found.first { $0.memory.id == ids[1] }?.context == 0)
    }
  }

  /// A vector at a right angle to another.
  private static func acrossTo(_ vector: [Float]) -> [Float] {
    stride(from: 0, to: vector.count, by: 2).flatMap { [vector[$0 + 1], -vector[$0]] }
  }

  /// Runs `body` with 2,000 memories in all directions, of two users.
  private func withStoreOfMany(_ body: (Store, _ vector: [Float]) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 5)
      let store = try openStore(directory, dimension: 64)
      let vector = generator.vector(64)
      try await store.insert(
        (0..<2_000).map { number in
          NewMemory(
            text: "note \(number) about gardens", vector: generator.vector(64),
            scope: Scope(user: number % 2 == 0 ? "anna" : "ben"))
        })
      try await body(store, vector)
      try await store.close()
    }
  }

  // MARK: While others work

  /// Four write and two ask: no error, and what is found was current at some moment of the search.
  @Test(.timeLimit(.minutes(10))) func whileOthersWrite() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: Self.dimension)
      /// Of each memory the version that is acknowledged, and the last that has been begun; nil once it
      /// is being deleted.
      struct Versions { var (done, begun) = (0, 0); var (mayBeGone, isGone) = (false, false) }
      let ledger = Shared<[UUID: Versions]>([:])
      try await withThrowingTaskGroup(of: Void.self) { group in
        let left = Shared(4)
        for writer in 0..<4 {
          group.addTask {
            defer { left.change { $0 -= 1 } }
            var generator = Generator(seed: UInt64(writer))
            for round in 0..<60 {
              let id = UUID()
              ledger.change { $0[id] = Versions() }
              let memory = NewMemory(
                id: id, text: "garden version 0", vector: generator.vector(Self.dimension),
                scope: Scope(user: "user \(writer)", run: "run"))
              try await store.insert(memory)
              ledger.change { $0[id]?.done = 1 }
              ledger.change { $0[id]?.begun = 1 }
              let vector = round % 2 == 0 ? generator.vector(Self.dimension) : nil
              try await store.update(id, MemoryUpdate(text: "garden version 1", vector: vector))
              ledger.change { $0[id]?.done = 2 }
              guard round % 3 == 0 else { continue }
              ledger.change { $0[id]?.mayBeGone = true }
              try await store.delete(id)
              ledger.change { $0[id]?.isGone = true }
            }
          }
        }
        for asker in 0..<2 {
          group.addTask {
            var generator = Generator(seed: UInt64(100 + asker))
            while left.value > 0 {
              let user = "user \(Int.random(in: 0..<4, using: &generator))"
              let scope = generator.oneIn(3) ? Scope.all : Scope(user: user)
              let before = ledger.value
              let found = try store.ask(
                "gardens", vector: generator.vector(Self.dimension), k: 50,
                options: AskOptions(scope: scope))
              let after = ledger.value
              #expect(Set(found.map(\.memory.id)).count == found.count)
              for answer in found {
                let memory = answer.memory
                #expect(memory.scope.lies(in: scope))
                let version = memory.text == "garden version 1" ? 1 : 0
                #expect(before[memory.id]?.isGone != true, "\(memory.id) had been deleted")
                // `done` counts the acknowledged versions: an older one than the last is out of date.
                #expect(version >= (before[memory.id]?.done ?? 0) - 1)
                #expect(version <= (after[memory.id]?.begun ?? -1))
              }
              await Task.yield()
            }
          }
        }
        try await group.waitForAll()
      }
      let model = try AskModel(store, metric: .cosine)
      var generator = Generator(seed: 9)
      let vector = generator.vector(Self.dimension)
      #expect(
        AskModel.problem(
          with: try store.ask(
            "garden", vector: vector, k: 1_000, options: AskOptions(weights: .relevance)),
          against: model.answers(to: "garden", vector), k: 1_000) == nil)
      try await store.close()
    }
  }

  // MARK: What is gone

  @Test func whatIsErasedIsFoundNoMore() async throws {
    try await withTemporaryDirectory { directory in
      var generator = Generator(seed: 21)
      var store = try openStore(directory, dimension: Self.dimension)
      let ids = try await store.insert(try (0..<60).map { _ in try memory(&generator) })
      let secret = try await store.insert(
        NewMemory(
          text: "The passphrase is xylophone", vector: generator.vector(Self.dimension),
          scope: Scope(user: "anna", run: "r1")))
      let vector = generator.vector(Self.dimension)
      func check(_ place: String, isThere: Bool) throws {
        let found = try store.ask(
          "xylophone passphrase", vector: vector, k: 100, options: AskOptions(weights: .relevance))
        #expect(found.contains { $0.memory.id == secret } == isThere, "\(place)")
        let all = try AskModel(store, metric: .cosine).answers(to: "xylophone passphrase", vector)
        let problem = AskModel.problem(with: found, against: all, k: 100)
        #expect(problem == nil, "\(place)")
      }
      try check("at first", isThere: true)
      try await store.delete(Array(ids.prefix(10)))
      _ = try await store.compact(before: Date().addingTimeInterval(60))
      try check("after a compaction", isThere: true)
      try await store.update(ids[20], MemoryUpdate(text: text(&generator)))
      try check("after another text", isThere: true)
      _ = try await store.erase([secret, ids[30]])
      try check("after the erasure", isThere: false)
      try await store.insert(memory(&generator))
      try check("after an insert", isThere: false)
      try await store.close()
      store = try openStore(directory, dimension: Self.dimension)
      try check("opened again", isThere: false)
      try await store.close()
    }
  }

  @Test func whatIsNoVectorIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: Self.dimension)
      let vector = [Float](repeating: 1, count: Self.dimension)
      #expect(try store.ask("anything", vector: vector, k: 10).isEmpty)
      try await store.insert(NewMemory(text: "tea", vector: vector, scope: .all))
      for wrong: [Float] in [[], [1, 2], vector.map { _ in .nan }, vector.map { _ in 0 }] {
        let kind = await refusal { _ = try store.ask("tea", vector: wrong, k: 10) }
        #expect(kind?.hasPrefix("index ") == true, "\(wrong): \(kind ?? "accepted")")
      }
      for k in [0, -1, 10_001, .max, .min] {
        let kind = await refusal { _ = try store.ask("tea", vector: vector, k: k) }
        #expect(kind?.hasPrefix("index ") == true, "\(k): \(kind ?? "accepted")")
      }
      #expect(try store.ask("tea", vector: vector, k: 10).count == 1)
      try await store.close()
      #expect(await refusal { _ = try store.ask("tea", vector: vector, k: 10) } == "closed")
    }
  }

  // MARK: Random values

  /// Few words, so that they meet; some stand in most texts, some in few.
  private static let words =
    "tea coffee garden Berlin moved running shoes the is she my cat dog Café 雨の日 likes likes likes sister".split(
      separator: " ").map(String.init) + (0..<30).map { "word\($0)" }

  private func text(_ generator: inout Generator) -> String {
    if generator.oneIn(25) { return "?!" }
    return (0..<Int.random(in: 1...14, using: &generator)).map { _ in
      Self.words.randomElement(using: &generator) ?? ""
    }.joined(separator: " ")
  }

  private func question(_ generator: inout Generator) -> String {
    switch Int.random(in: 0..<12, using: &generator) {
    case 0: "?"
    case 1: "is it the"
    case 2: "unheard"
    default:
      (0..<Int.random(in: 1...5, using: &generator)).map { _ in
        Self.words.randomElement(using: &generator) ?? ""
      }.joined(separator: " ") + "?"
    }
  }

  private func scope(_ generator: inout Generator) -> Scope {
    Scope(
      user: ["anna", "ben", nil].randomElement(using: &generator) ?? nil,
      agent: ["a", nil, nil].randomElement(using: &generator) ?? nil,
      run: ["r1", "r2", "r3", nil].randomElement(using: &generator) ?? nil)
  }

  private func metadata(_ generator: inout Generator) throws -> Metadata {
    try Metadata([
      "kind": .string(["a", "b", "c"].randomElement(using: &generator) ?? ""),
      "n": .int(Int64.random(in: 0..<10, using: &generator)),
    ])
  }

  private func filter(_ generator: inout Generator) throws -> Filter {
    try Filter(
      parsing: [#"{"kind": "a"}"#, #"{"kind": {"in": ["a", "c"]}}"#, #"{"n": {"gte": 5}}"#]
        .randomElement(using: &generator) ?? "{}")
  }

  private func memory(_ generator: inout Generator) throws -> NewMemory {
    var memory = NewMemory(
      text: text(&generator), vector: generator.vector(Self.dimension), scope: scope(&generator),
      metadata: try metadata(&generator))
    if generator.oneIn(3) { memory.importance = Double.random(in: 0...1, using: &generator) }
    if generator.oneIn(3) {
      let day = Double.random(in: -100...10, using: &generator)
      memory.createdAt = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + day * 86_400).rounded())
    }
    if generator.oneIn(12) { memory.expiresAt = Date(timeIntervalSince1970: 1_000_000_000) }
    if generator.oneIn(12) { memory.expiresAt = Date(timeIntervalSince1970: 4_000_000_000) }
    return memory
  }
}
