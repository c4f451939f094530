import EngramModels
import EngramStore
import Foundation

extension MemoryEngine {
  /// Adds what a text says: facts about the speaker, as of a message, or else, where it states something,
  /// the text as it is.
  ///
  /// - Returns: what became of it, once that is durable; empty where it says nothing that lasts. With a
  ///   chat model as for messages.
  @discardableResult
  public func add(
    _ text: String, scope: Scope, options: AddOptions = AddOptions()
  ) async throws(EngramError) -> [Added] {
    try await add([Message(.user, text)], isNote: true, scope: scope, options: options)
  }

  /// Adds what is said in messages: the messages as they are and the memories made of them, in one
  /// transaction.
  ///
  /// Unless they are kept `verbatim`, rules find lasting facts in what users say; chatter, questions and
  /// what assistants say leave none.
  ///
  /// With a chat model the messages are made durable, and the call returns one `Added` that is `pending`.
  /// The model makes memories of them in the background, of each scope in the order of the calls; what
  /// fails is tried again, see ``pending(limit:)`` and ``deadLetters(limit:)``. With `AddOptions.waits`
  /// the call returns what became of them; where it throws the model's error, they wait all the same.
  /// Greetings, thanks and plain questions are kept without asking the model.
  ///
  /// - Parameters:
  ///   - messages: in their order; what the system said is instructions, and no memory is made of it.
  ///   - scope: whose memories they are; at least one id.
  /// - Returns: what became of them, once that is durable; empty where nothing was said that lasts.
  @discardableResult
  public func add(
    _ messages: [Message], scope: Scope, options: AddOptions = AddOptions()
  ) async throws(EngramError) -> [Added] {
    try await add(messages, isNote: false, scope: scope, options: options)
  }

  /// - Parameter isNote: whether it need not be about who says it.
  private func add(
    _ messages: [Message], isNote: Bool, scope: Scope, options: AddOptions
  ) async throws(EngramError) -> [Added] {
    try Self.require(scope)
    try Self.check(messages, options)
    if let maker, options.mode != .verbatim {
      return try await enqueue(messages, isNote: isNote, maker, scope: scope, options)
    }
    let episode = try ending(
      Episode(messages, scope: scope, key: options.key, isNote: isNote), options)
    if options.mode == .verbatim { return try await keep(messages, as: episode, options) }
    // The decisions of one call stand on what the one before it has written.
    return try await turns.run(in: scope) { () async throws(EngramError) in
      let said = try asEngramError { try store.episodes(scope: scope, last: Self.remembered) }
      var facts = Self.facts(in: messages, after: said.flatMap(\.messages))
      if facts.isEmpty, isNote, Note.isKept(messages[0].content) {
        facts = [RuleFact(text: messages[0].content, importance: 0.5)]
      }
      return try await consolidate(facts, of: episode, options)
    }
  }

  /// Leaves messages to the chat model, but for those that hold nothing.
  private func enqueue(
    _ messages: [Message], isNote: Bool, _ maker: MemoryMaker, scope: Scope, _ options: AddOptions
  ) async throws(EngramError) -> [Added] {
    try asEngramError {
      let vector = [Float](repeating: 1, count: embedders.current.dimension)
      var memory = options.memory(messages[0].content, vector, scope: scope)
      memory.key = options.key
      // What would be refused later is refused now.
      try store.check(memory)
    }
    let last = try asEngramError { try store.episodes(scope: scope, last: 1) }.last?.messages.last
    guard !SalienceGate.holdsNothing(messages, after: last) else {
      let episode = try ending(
        Episode(messages, scope: scope, key: options.key, isNote: isNote), options)
      var batch = WriteBatch()
      batch.episodes = [episode]
      _ = try await asEngramError { [batch] in try await store.write(batch) }
      return []
    }
    let episode = try ending(
      Episode(messages, scope: scope, key: options.key, isNote: isNote, options: options), options)
    return try await enqueue(episode, maker, waits: options.waits)
  }

  private static func check(_ messages: [Message], _ options: AddOptions) throws(EngramError) {
    guard messages.contains(where: { $0.role != .system }) else {
      throw .invalid(field: "messages", reason: "there is none of a user or an assistant")
    }
    for message in messages {
      guard message.content.utf8.count <= StoreLimits.textBytes else {
        throw .invalid(
          field: "messages", reason: "one is longer than \(StoreLimits.textBytes) bytes; split it")
      }
      guard message.content.contains(where: { !$0.isWhitespace }) else {
        throw .invalid(field: "messages", reason: "one is empty")
      }
    }
    guard options.metadata[FactSlot.key] == nil else {
      throw .invalid(field: "metadata", reason: "\(FactSlot.key) is Engram's own; take another name")
    }
  }

  /// Calls before it to which a correction reaches back: "No, I meant Lyon".
  private static let remembered = 4

  private static func facts(in messages: [Message], after said: [Message]) -> [RuleFact] {
    let extractor = RuleExtractor()
    func facts(in messages: [Message], after before: [RuleFact]) -> [RuleFact] {
      messages.lazy.filter { $0.role == .user }.reduce(into: before) { facts, message in
        facts += extractor.facts(in: message.content, after: facts)
      }
    }
    let before = facts(in: said, after: [])
    return Array(facts(in: messages, after: before).dropFirst(before.count))
  }

  /// Keeps each message as a memory of its own.
  private func keep(
    _ messages: [Message], as episode: Episode, _ options: AddOptions
  ) async throws(EngramError) -> [Added] {
    let kept = messages.filter { $0.role != .system }
    let ids = try await embedders.using { embedder async throws(EngramError) in
      let vectors = try await embedder.vectors(of: kept.map(\.content))
      var batch = WriteBatch()
      batch.model = embedder.model
      batch.episodes = [episode]
      for (number, (message, vector)) in zip(kept, vectors).enumerated() {
        var memory = options.memory(message.content, vector, scope: episode.scope)
        memory.key = options.key.map { "\($0)/\(number)" }
        memory.role = message.role.rawValue
        memory.actor = message.name
        batch.inserts.append(memory)
      }
      return try await asEngramError { try await store.write(batch) }
    }
    return zip(ids, kept).map { id, message in
      Added(
        id: id, memory: message.content, event: .add, superseded: [], role: message.role.rawValue,
        actor: message.name)
    }
  }

  /// Writes what facts do to the memories of their scope.
  private func consolidate(
    _ facts: [RuleFact], of episode: Episode, _ options: AddOptions
  ) async throws(EngramError) -> [Added] {
    try await embedders.using { embedder async throws(EngramError) in
      try await consolidate(facts, of: episode, options, embedder)
    }
  }

  private func consolidate(
    _ facts: [RuleFact], of episode: Episode, _ options: AddOptions, _ embedder: any Embedder
  ) async throws(EngramError) -> [Added] {
    let vectors = facts.isEmpty ? [] : try await embedder.vectors(of: facts.map(\.text))
    var attempts = 0
    while true {
      var plan = ConsolidationPlan(episode: episode, options: options)
      try asEngramError {
        for (number, (fact, vector)) in zip(facts, vectors).enumerated() {
          let held = try held(near: fact, vector, of: embedder.model, scope: episode.scope)
          try plan.add(fact, vector, number, held: held)
        }
      }
      var batch = plan.batch
      batch.model = embedder.model
      do {
        _ = try await store.write(batch)
        return plan.added
      } catch .unknownMemory where attempts < Self.attempts {
        // Another process has ended one of them meanwhile: what is there now decides.
        attempts += 1
      } catch { throw EngramError(error) }
    }
  }

  private static let attempts = 100
  /// Memories near a fact that are compared with it, beside those of its slot.
  private static let near = 64

  /// The memories that a fact may say again, or may contradict.
  private func held(
    near fact: RuleFact, _ vector: [Float], of model: String, scope: Scope
  ) throws -> [ScoredMemory] {
    var held = try store.search(vector, k: Self.near, scope: scope, model: model)
      .filter { MemoryKind.read($0.memory.metadata) == nil }
    guard let slot = fact.slot else { return held }
    let known = Set(held.map(\.memory.id))
    held += try store.search(
      vector, k: Self.near, scope: scope, filter: FactSlot.filter(slot), model: model
    ).filter { !known.contains($0.memory.id) }
    return held
  }
}

extension AddOptions {
  /// A memory with what comes with this call.
  func memory(_ text: String, _ vector: [Float], scope: Scope) -> NewMemory {
    NewMemory(
      text: text, vector: vector, scope: scope, metadata: metadata, categories: categories,
      importance: importance, createdAt: createdAt, expiresAt: expiresAt)
  }
}
