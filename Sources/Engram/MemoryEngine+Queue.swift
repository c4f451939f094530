import EngramModels
import EngramStore
import Foundation

// What was added where a chat model makes the memories, and waits for it.

extension MemoryEngine {
  /// The episodes of which memories are still to be made, in the order in which they were said: with
  /// `attempts` and `failure` where that has failed, and `retryAt`, when it is tried next.
  ///
  /// - Parameter limit: how many at most.
  public func pending(limit: Int = 1_000) throws(EngramError) -> [Episode] {
    try asEngramError { try store.waitingEpisodes(limit: limit) }
  }

  /// The episodes of which making memories has been given up: after 16 attempts, or after 5 where the
  /// model answered nonsense or refused. What was said is kept with them.
  ///
  /// - Parameter limit: how many at most.
  public func deadLetters(limit: Int = 1_000) throws(EngramError) -> [Episode] {
    try asEngramError { try store.deadEpisodes(limit: limit) }
  }

  /// Tries an episode again that was given up, or waits, with all its attempts before it.
  ///
  /// What it says was said when it was: memories that were made since may be changed by it.
  ///
  /// - Throws: `StoreError.notWaiting` where it is neither.
  public func retry(_ episode: UUID) async throws(EngramError) {
    try await asEngramError { try await store.requeue(episode, retryAt: Date()) }
    await queue?.wake()
  }

  /// Makes no memories of an episode that waits or was given up. What was said stays.
  ///
  /// - Throws: `StoreError.notWaiting` where it is neither.
  public func drop(_ episode: UUID) async throws(EngramError) {
    try await asEngramError { try await store.requeue(episode, retryAt: nil) }
  }

  /// Works off what waits, also what was to be tried later, and returns when nothing waits any more, or
  /// what does has failed once meanwhile: the others of its scope wait behind it.
  ///
  /// - Returns: how many episodes still wait; why, ``pending(limit:)`` says.
  /// - Throws: `EngramError.invalid` where something waits and there is no chat model.
  @discardableResult
  public func drain() async throws(EngramError) -> Int {
    var failed = Set<Scope>()
    while true {
      let first = try asEngramError {
        try store.dueEpisodes(by: .distantFuture, limit: failed.count + Self.drainedAtOnce)
      }.filter { !failed.contains($0.scope) }.prefix(Self.drainedAtOnce)
      guard !first.isEmpty else {
        await queue?.wake()
        return try asEngramError { try store.waitingCount() }
      }
      guard let maker else {
        throw .invalid(
          field: "chat", reason: "messages wait for a chat model; open the engine with one")
      }
      let errors = await withTaskGroup { group in
        for episode in first {
          group.addTask { () -> (Scope, EngramError)? in
            do throws(EngramError) {
              try await maker.makeFirst(in: episode.scope, by: .distantFuture)
              return nil
            } catch { return (episode.scope, error) }
          }
        }
        return await group.reduce(into: [Scope: EngramError]()) { errors, failure in
          if let (scope, error) = failure { errors[scope] = error }
        }
      }
      for error in errors.values {
        switch error {
        case .model(.cancelled), .store: throw error
        default: break
        }
      }
      failed.formUnion(errors.keys)
    }
  }

  private static let drainedAtOnce = 4

  /// Writes what was said, to make memories of it with the chat model: later, or before it returns.
  func enqueue(
    _ episode: Episode, _ maker: MemoryMaker, waits: Bool
  ) async throws(EngramError) -> [Added] {
    guard waits else {
      guard try await write(episode) else { return [] }
      await queue?.wake()
      let text = episode.messages.map(\.content).joined(separator: "\n")
      return [Added(id: episode.id, memory: text, event: .pending, superseded: [])]
    }
    do throws(EngramError) {
      return try await turns.run(in: episode.scope) { () async throws(EngramError) in
        guard try await write(episode) else { return [] }
        while let first = try asEngramError({ try store.firstWaiting(in: episode.scope) }) {
          let added = try await maker.make(first)
          if first.id == episode.id { return added }
        }
        // Another process was faster.
        return try maker.made(of: episode)
      }
    } catch {
      // It is tried again in the background.
      await queue?.wake()
      throw error
    }
  }

  /// Writes an episode that is to wait.
  ///
  /// - Returns: whether it waits; not so where a call with its key has been worked off.
  private func write(_ episode: Episode) async throws(EngramError) -> Bool {
    var batch = WriteBatch()
    batch.episodes = [episode]
    return try await asEngramError {
      try await store.write(batch)
      guard let written = try store.episode(episode.id) else { return false }
      if written.isDead {
        throw EngramError.invalid(
          field: "key",
          reason: """
            making memories of the call with it has been given up \
            (\(written.failure ?? "unknown")); retry or drop \(written.id.uuidString.lowercased())
            """)
      }
      return written.retryAt != nil
    }
  }
}
