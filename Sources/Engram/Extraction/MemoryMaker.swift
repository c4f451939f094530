import EngramModels
import EngramStore
import Foundation

/// Makes memories of the episodes that wait for it, with a chat model.
///
/// An episode is worked on in three steps, and only the last of them writes: the model finds facts, then
/// says what they do to the memories near them, and all of it is written at once, together with the note
/// that the episode waits no longer. Until then it waits, whatever happens.
struct MemoryMaker: Sendable {
  let embedders: EngineEmbedder
  let chat: any ChatModel
  let turns: ScopeTurns
  var backOff = BackOff()

  var store: Store { embedders.store }

  /// Memories near a fact that are compared with it, and those of them that the model is shown.
  private static let near = 32
  private static let shown = 6
  /// Calls before the episode that help to understand it, and how much of a message.
  private static let remembered = 4
  private static let rememberedCharacters = 1_000
  /// How often the model is asked anew where the memories it was asked about have ended meanwhile.
  private static let asked = 3

  /// Works in a scope's turn on the episode that is the first to wait there by then, if it is due.
  func makeFirst(in scope: Scope, by time: Date = Date()) async throws(EngramError) {
    _ = try await turns.run(in: scope) { () async throws(EngramError) -> [Added] in
      if Task.isCancelled { throw .model(.cancelled) }
      guard let first = try asEngramError({ try store.firstWaiting(in: scope) }),
        let due = first.retryAt, due <= time
      else { return [] }
      return try await make(first)
    }
  }

  /// Makes memories of an episode, or notes why that failed and when to try again.
  ///
  /// - Throws: why it failed. Where the task was cancelled or the store fails, the episode stays as it
  ///   is.
  func make(_ episode: Episode) async throws(EngramError) -> [Added] {
    do throws(EngramError) {
      return try await memories(of: episode)
    } catch {
      switch error {
      case .store(.notWaiting): return try made(of: episode)
      case .model(.cancelled), .store(.closed), .store(.cancelled): throw error
      // Another process has moved the store to another model, and can do it.
      case .otherModel, .store(.mismatch): throw error
      default: break
      }
      do {
        try await store.postpone(
          episode.id, failure: "\(error)".filter { $0 != "\0" },
          retryAt: backOff.retryAt(after: error, attempts: episode.attempts + 1))
      } catch .notWaiting {
        return try made(of: episode)
      } catch { throw .store(error) }
      throw error
    }
  }

  /// The memories that somebody else has made of an episode.
  func made(of episode: Episode) throws(EngramError) -> [Added] {
    try asEngramError {
      try store.memories(madeOf: episode.id).compactMap { id in
        do { return Added(id: id, memory: try store.get(id).text, event: .add, superseded: []) } catch
          StoreError.unknownMemory
        { return nil }
      }
    }
  }

  // MARK: Facts

  private func memories(of episode: Episode) async throws(EngramError) -> [Added] {
    guard let options = episode.options, !episode.messages.isEmpty else {
      throw .invalid(field: "episode", reason: "it holds no messages that this version can read")
    }
    try embedders.check()
    let facts = try await facts(of: episode)
    return try await embedders.using { embedder async throws(EngramError) in
      try await write(facts, of: episode, options, embedder)
    }
  }

  private func write(
    _ facts: [ExtractedFact], of episode: Episode, _ options: AddOptions, _ embedder: any Embedder
  ) async throws(EngramError) -> [Added] {
    let vectors = try await embedder.vectors(of: facts.map(\.text))
    var asked = 1
    while true {
      let plan = try await plan(facts, vectors, of: episode, options, embedder)
      var batch = plan.batch
      batch.model = embedder.model
      do {
        _ = try await store.write(batch)
        return plan.added
      } catch .unknownMemory where asked < Self.asked {
        // One of the memories that the model was shown has ended: what is there now decides.
        asked += 1
      } catch { throw EngramError(error) }
    }
  }

  private func facts(of episode: Episode) async throws(EngramError) -> [ExtractedFact] {
    let said = try asEngramError {
      try store.episodes(
        scope: episode.scope, last: Self.remembered, before: episode.createdAt)
    }
    let earlier = said.flatMap(\.messages).map { message in
      Message(message.role, String(message.content.prefix(Self.rememberedCharacters)), name: message.name)
    }
    let request = ExtractionRequest(
      messages: episode.messages, earlier: earlier, isNote: episode.isNote, date: episode.createdAt)
    let chat = try request.chat
    do { return try ExtractedFact.read(try await self.chat.reply(to: chat)) } catch { throw .model(error) }
  }

  // MARK: Decisions

  private func plan(
    _ facts: [ExtractedFact], _ vectors: [[Float]], of episode: Episode, _ options: AddOptions,
    _ embedder: any Embedder
  ) async throws(EngramError) -> ConsolidationPlan {
    let rules = RuleConsolidator()
    let near = try asEngramError {
      try zip(facts, vectors).map { try held(near: $0.ruleFact, $1, of: embedder.model, scope: episode.scope) }
    }
    // What is known word for word no model is asked about.
    let known = zip(facts, near).map { fact, near in
      rules.duplicate(of: fact.ruleFact, among: near.map(HeldFact.init))
    }
    let open = facts.indices.filter { known[$0] == nil }
    var verdicts: [Int: Verdict] = [:]
    if options.mode != .additive { verdicts = try await decide(open, facts, near) }
    var plan = ConsolidationPlan(finishing: episode, options: options)
    let texts = Dictionary(
      near.joined().map { ($0.memory.id, $0.memory.text) }, uniquingKeysWith: { first, _ in first })
    for (number, fact) in facts.enumerated() {
      let verdict = verdicts[number] ?? Verdict(fact.ruleFact, known: known[number])
      let vector =
        verdict.text == fact.text
        ? vectors[number] : try await embedder.vectors(of: [verdict.text])[0]
      try asEngramError {
        try plan.add(
          fact, verdict, (vectors[number], vector), speaker: episode.speaker(fact.role), texts: texts)
      }
    }
    return plan
  }

  /// Asks the model about the facts that are near anything.
  private func decide(
    _ open: [Int], _ facts: [ExtractedFact], _ near: [[ScoredMemory]]
  ) async throws(EngramError) -> [Int: Verdict] {
    let asked = open.filter { !near[$0].isEmpty }
    guard !asked.isEmpty else { return [:] }
    var (memories, numbers): ([Memory], [UUID: Int]) = ([], [:])
    for found in asked.flatMap({ near[$0].prefix(Self.shown) }) where numbers[found.memory.id] == nil {
      numbers[found.memory.id] = memories.count
      memories.append(found.memory)
    }
    let request = DecisionRequest(memories: memories.map(\.text), facts: asked.map { facts[$0].text })
    let chat = try request.chat
    let decisions: [Decision]
    do {
      decisions = try Decision.read(
        try await self.chat.reply(to: chat), facts: asked.count, memories: memories.count)
    } catch { throw .model(error) }
    let byFact = Dictionary(grouping: decisions, by: \.fact)
    return Dictionary(
      uniqueKeysWithValues: asked.enumerated().map { place, number in
        let verdict = Verdict(
          facts[number].ruleFact, byFact[place] ?? [], memories: memories, near: near[number])
        return (number, verdict)
      })
  }

  /// The memories that a fact may say again, or may contradict: those of its slot before the nearest.
  /// Summaries are none; who wrote them writes them anew.
  private func held(
    near fact: RuleFact, _ vector: [Float], of model: String, scope: Scope
  ) throws -> [ScoredMemory] {
    var held: [ScoredMemory] = []
    if let slot = fact.slot {
      held = try store.search(
        vector, k: Self.shown / 2, scope: scope, filter: FactSlot.filter(slot), model: model)
    }
    let known = Set(held.map(\.memory.id))
    held += try store.search(vector, k: Self.near, scope: scope, model: model)
      .filter { !known.contains($0.memory.id) }
    return held.filter { MemoryKind.read($0.memory.metadata) == nil }
  }
}

extension HeldFact<UUID> {
  init(_ found: ScoredMemory) {
    let slot = FactSlot.read(found.memory.metadata)
    self.init(
      id: found.memory.id, text: found.memory.text, slot: slot?.slot, value: slot?.value,
      similarity: found.score)
  }
}

extension Verdict {
  /// Of a fact that no model was asked about.
  init(_ fact: RuleFact, known: UUID?) {
    text = fact.text
    self.known = known
  }
}

extension Episode {
  /// Who a role was, where the messages name one alone.
  fileprivate func speaker(_ role: Message.Role) -> String? {
    let names = Set(messages.filter { $0.role == role }.map(\.name))
    return names.count == 1 ? names.first ?? nil : nil
  }
}

extension Embedder {
  /// - Throws: `EngramError.model`.
  func vectors(of texts: [String]) async throws(EngramError) -> [[Float]] {
    guard !texts.isEmpty else { return [] }
    do { return try await embed(texts) } catch { throw .model(error) }
  }
}
