import EngramStore
import Foundation

extension MemoryEngine {
  /// Adds what is said in a text.
  ///
  /// - Returns: what became of it, once that is durable.
  @discardableResult
  public func add(
    _ text: String, scope: Scope, options: AddOptions = AddOptions()
  ) async throws(EngramError) -> [Added] {
    try await add([Message(.user, text)], scope: scope, options: options)
  }

  /// Adds what is said in messages: the messages as they are and the memories made of them, in one
  /// transaction.
  ///
  /// - Parameters:
  ///   - messages: in their order; what the system said is instructions, and no memory is made of it.
  ///   - scope: whose memories they are; at least one id.
  /// - Returns: what became of them, once that is durable; empty where nothing was said that lasts.
  @discardableResult
  public func add(
    _ messages: [Message], scope: Scope, options: AddOptions = AddOptions()
  ) async throws(EngramError) -> [Added] {
    try Self.require(scope)
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
    return try await remember(messages, as: Episode(messages, scope: scope), options)
  }

  /// Keeps each message as a memory of its own.
  private func remember(
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
    let ids = try await write(batch)
    return zip(ids, kept).map { id, message in
      Added(
        id: id, memory: message.content, event: .add, superseded: [], role: message.role.rawValue,
        actor: message.name)
    }
  }

  private func write(_ batch: WriteBatch) async throws(EngramError) -> [UUID] {
    try await asEngramError { try await store.write(batch) }
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
  /// Messages as they were said.
  init(_ messages: [Message], scope: Scope) throws(EngramError) {
    let body = JSONValue.array(
      messages.map { message in
        var members: [String: JSONValue] = [
          "role": .string(message.role.rawValue), "content": .string(message.content),
        ]
        if let name = message.name { members["name"] = .string(name) }
        return .object(members)
      })
    self.init(scope: scope, body: try asEngramError { try body.canonicalText })
  }
}
