import EngramIndex
import EngramModels
import EngramStore
import Foundation
import Logging

/// What an agent has learned: texts and messages in, the right memories out.
///
/// ```swift
/// let engine = try MemoryEngine(path: "memories", embedder: MiniLM.installed())
/// try await engine.add("I moved to Berlin", scope: Scope(user: "alice"))
/// let found = try await engine.search("Where does she live?", scope: Scope(user: "alice"))
/// try await engine.close()
/// ```
///
/// Writes return once they are durable. Any number of processes may use one store at a time.
public final class MemoryEngine: Sendable {
  /// The store beneath, for what this layer has no word for: copies, proofs, figures.
  public let store: Store
  /// The directory of the store.
  public let path: String
  let embedders: EngineEmbedder
  /// Finds facts and writes summaries; without one, rules do.
  let chat: (any ChatModel)?
  let turns = ScopeTurns()
  /// Makes memories with the chat model.
  let maker: MemoryMaker?
  /// Lets it do so in the background.
  let queue: MemoryQueue?
  /// How long memories and messages are kept.
  let retentionPolicy: RetentionPolicy
  let logger: Logger
  let background = BackgroundWork()

  /// Opens the memories in a directory, making it where there is none.
  ///
  /// - Parameters:
  ///   - path: a directory; nil for ``defaultPath``.
  ///   - embedder: makes the vectors; a store belongs to the model that it was made with, until `reembed`.
  ///   - chat: finds facts and writes summaries; nil leaves both to rules.
  ///   - worksQueue: whether what waits for the chat model is worked off in the background, from now on
  ///     until `close`, also what another process has left. Without it that is left to `drain` and to
  ///     calls that wait: for processes that end soon, and where another one does the work.
  ///   - durability: what an acknowledged write survives.
  ///   - retention: how long memories and messages are kept, once ``startRetention(every:)`` is called; by
  ///     default all of them for ever.
  ///   - logger: told what goes wrong in the background.
  /// - Throws: `EngramError.otherModel` where the store was made with another model, `.store` where it
  ///   cannot be opened.
  public init(
    path: String? = nil, embedder: any Embedder, chat: (any ChatModel)? = nil,
    worksQueue: Bool = true, durability: Durability = .full,
    retention: RetentionPolicy = RetentionPolicy(), logger: Logger = Logger(label: "engram")
  ) throws(EngramError) {
    try retention.check()
    // Queries and facts come again, and even a model on this processor takes milliseconds for each.
    let embedder = CachedEmbedder(embedder)
    self.chat = chat
    self.logger = logger
    retentionPolicy = retention
    self.path = path ?? Self.defaultPath
    let configuration = StoreConfiguration(
      dimension: embedder.dimension, metric: .cosine, model: embedder.model, durability: durability)
    store = try asEngramError { [path = self.path] in try Store(path: path, configuration: configuration) }
    embedders = EngineEmbedder(embedder, of: store)
    maker = chat.map { [embedders, turns] chat in
      MemoryMaker(embedders: embedders, chat: chat, turns: turns)
    }
    queue = worksQueue ? maker.map(MemoryQueue.init) : nil
    if let queue { Task { await queue.wake() } }
  }

  deinit { background.cancel() }

  /// Where memories are where no path is given: `ENGRAM_STORE`, or the folder `engram` in the platform's
  /// directory for data of the user (`$XDG_DATA_HOME`, `~/.local/share`; `~/Library/Application Support`).
  public static var defaultPath: String {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["ENGRAM_STORE"], !path.isEmpty { return path }
    #if canImport(Darwin)
      return NSHomeDirectory() + "/Library/Application Support/engram"
    #else
      if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/engram" }
      return NSHomeDirectory() + "/.local/share/engram"
    #endif
  }

  /// Ends the engine's work and leaves everything on disk. What waits for the chat model goes on waiting.
  public func close() async throws(EngramError) {
    await queue?.close()
    await background.stop()
    try await asEngramError { try await store.close() }
  }

  /// - Throws: `EngramError.noScope` where a scope names nobody.
  static func require(_ scope: Scope) throws(EngramError) {
    guard scope != .all else { throw .noScope }
  }
}
