import EngramStore
import Foundation

extension MemoryEngine {
  /// Adds what a text says: facts about the speaker, as of a message, or else, where it states something,
  /// the text as it is.
  ///
  /// - Returns: what became of it, once that is durable; empty where it says nothing that lasts.
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
    let episode = try Episode(messages, scope: scope, key: options.key)
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
    let vectors = try await vectors(of: kept.map(\.content))
    var batch = WriteBatch()
    batch.episodes = [episode]
    for (number, (message, vector)) in zip(kept, vectors).enumerated() {
      var memory = options.memory(message.content, vector, scope: episode.scope)
      memory.key = options.key.map { "\($0)/\(number)" }
      memory.role = message.role.rawValue
      memory.actor = message.name
      batch.inserts.append(memory)
    }
    let ids = try await asEngramError { try await store.write(batch) }
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
    let vectors = facts.isEmpty ? [] : try await vectors(of: facts.map(\.text))
    var attempts = 0
    while true {
      var plan = ConsolidationPlan(episode: episode, options: options)
      try asEngramError {
        for (number, (fact, vector)) in zip(facts, vectors).enumerated() {
          try plan.add(fact, vector, number, held: held(near: fact, vector, scope: episode.scope))
        }
      }
      do {
        _ = try await store.write(plan.batch)
        return plan.added
      } catch .unknownMemory where attempts < Self.attempts {
        // Another process has ended one of them meanwhile: what is there now decides.
        attempts += 1
      } catch { throw .store(error) }
    }
  }

  private static let attempts = 100
  /// Memories near a fact that are compared with it, beside those of its slot.
  private static let near = 64

  /// The memories that a fact may say again, or may contradict.
  private func held(near fact: RuleFact, _ vector: [Float], scope: Scope) throws -> [ScoredMemory] {
    var held = try store.search(vector, k: Self.near, scope: scope)
    guard let slot = fact.slot else { return held }
    let known = Set(held.map(\.memory.id))
    held += try store.search(vector, k: Self.near, scope: scope, filter: FactSlot.filter(slot))
      .filter { !known.contains($0.memory.id) }
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

extension Episode {
  /// What was said; none of it where another layer wrote the episode.
  var messages: [Message] {
    guard case .array(let values)? = try? JSONValue(parsing: body) else { return [] }
    return values.compactMap { value in
      guard case .object(let members) = value, case .string(let role)? = members["role"],
        let role = Message.Role(rawValue: role), case .string(let content)? = members["content"]
      else { return nil }
      return Message(role, content)
    }
  }

  /// Messages as they were said.
  ///
  /// - Parameter key: of the call: said again with it, it is the same episode.
  init(_ messages: [Message], scope: Scope, key: String?) throws(EngramError) {
    let body = JSONValue.array(
      messages.map { message in
        var members: [String: JSONValue] = [
          "role": .string(message.role.rawValue), "content": .string(message.content),
        ]
        if let name = message.name { members["name"] = .string(name) }
        return .object(members)
      })
    let text = try asEngramError { try body.canonicalText }
    self.init(id: key.map { UUID(named: $0, scope) }, scope: scope, body: text)
  }
}
