import EngramModels
import EngramStore
import Foundation

/// Writes the summary of a scope: one memory, of which each summary is a version.
struct Summarizer: Sendable {
  let embedders: EngineEmbedder
  let chat: (any ChatModel)?

  var store: Store { embedders.store }

  /// How often it begins anew where others have changed the summary or erased something meanwhile.
  private static let attempts = 10

  /// Sums up what is current in a scope.
  ///
  /// - Returns: the summary; nil where there is nothing to sum up, and then there is none any more.
  func summarize(_ scope: Scope, maxTokens: Int) async throws(EngramError) -> Memory? {
    var attempt = 0
    while true {
      do {
        return try await asEngramError { try await write(scope, maxTokens) }
      } catch {
        attempt += 1
        guard attempt < Self.attempts else { throw error }
        switch error {
        case .store(.erasedSince), .store(.unknownMemory), .store(.duplicateID): continue
        default: throw error
        }
      }
    }
  }

  private func write(_ scope: Scope, _ maxTokens: Int) async throws -> Memory? {
    let (latest, change) = try store.latest(scope: scope, limit: SummarySource.most)
    let sources = SummarySource.sources(latest)
    let before = try Self.current(of: scope, store)
    guard let text = try await text(of: sources, maxTokens) else {
      if before != nil { try await store.delete(.summary(of: scope)) }
      return nil
    }
    let metadata = try metadata(of: sources.count, upTo: change)
    try await embedders.using { embedder async throws(EngramError) in
      var batch = WriteBatch()
      batch.readUpTo = change
      batch.model = embedder.model
      if let before, before.text == text {
        batch.updates = [(before.id, MemoryUpdate(metadata: metadata))]
      } else {
        let vector = try await embedder.vectors(of: [text])[0]
        if let before {
          batch.updates = [(before.id, MemoryUpdate(text: text, vector: vector, metadata: metadata))]
        } else {
          batch.inserts = [
            NewMemory(
              id: .summary(of: scope), text: text, vector: vector, scope: scope, metadata: metadata)
          ]
        }
      }
      _ = try await asEngramError { [batch] in try await store.write(batch) }
    }
    return try store.get(.summary(of: scope))
  }

  private func text(of sources: [SummarySource], _ maxTokens: Int) async throws -> String? {
    guard let chat, !sources.isEmpty else {
      return ExtractiveSummary.text(of: sources, maxTokens: maxTokens)
    }
    let reply = try await chat.reply(to: SummaryPrompt.request(sources, maxTokens: maxTokens))
    return try SummaryPrompt.text(of: reply, maxTokens: maxTokens)
  }

  private func metadata(of sources: Int, upTo change: Int64) throws -> Metadata {
    try Metadata([
      FactSlot.key: .object([
        "kind": .string(MemoryKind.summary.rawValue), "upTo": .int(change),
        "sources": .int(Int64(sources)), "by": .string(chat?.model ?? "extraction"),
      ])
    ])
  }

  // MARK: Reading

  /// The summary of exactly this scope; nil where there is none.
  static func current(of scope: Scope, _ store: Store) throws(StoreError) -> Memory? {
    do throws(StoreError) {
      let memory = try store.get(.summary(of: scope))
      return MemoryKind.read(memory.metadata) == .summary ? memory : nil
    } catch {
      if case .unknownMemory = error { return nil }
      throw error
    }
  }

  /// The change up to which a summary sums up its scope.
  static func upTo(_ summary: Memory) -> Int64 {
    guard case .object(let own)? = summary.metadata[FactSlot.key], case .int(let change)? = own["upTo"]
    else { return 0 }
    return change
  }

  /// Whether so much has changed in a scope since its last summary.
  static func isDue(_ scope: Scope, _ changes: Int, _ store: Store) throws(StoreError) -> Bool {
    let upTo = try current(of: scope, store).map(upTo) ?? 0
    return try store.changeCount(in: scope, after: upTo, leavingOut: .summary(of: scope)) >= changes
  }
}
