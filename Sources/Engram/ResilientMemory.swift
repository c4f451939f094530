import EngramStore
import Foundation
import Logging
import Synchronization

/// A memory engine that an agent can do without: where the database or a service is gone, reads answer with
/// what the caller names instead, mostly nothing, and say so in the log.
///
/// ```swift
/// let memory = ResilientMemory { try MemoryEngine(path: "memories", embedder: MiniLM.installed()) }
/// let context = try await memory.read(or: []) { engine in
///   try await engine.search("Where does she live?", scope: alice)
/// }
/// try await memory.write { engine in try await engine.add("I moved to Berlin", scope: alice) }
/// ```
///
/// - **Reads** never throw for an outage (`EngramError.isOutage`). What is wrong with the call itself is
///   thrown as ever: bad input, an unknown memory, a store of another model; and so is cancellation.
/// - **Writes** throw for an outage, too: nothing is kept in this process that could be lost with it. The
///   caller still has what was said, and knows that it has not been remembered.
/// - **Opening** is part of it: the engine is opened when it is first needed, and an engine whose store has
///   failed is closed and opened anew. After each such failure nothing is tried for a while, twice as long
///   each time, and calls have their answer at once. A service has limits and retries of its own
///   (`OpenAIEndpoint`); while it fails the store stays open, and what needs no service goes on.
///
/// A store that was there and has vanished is not made anew: an empty one would hide that the other comes
/// back, as with a volume that is not mounted for a moment.
public final class ResilientMemory: Sendable {
  private struct State {
    var engine: MemoryEngine?
    var opening: Task<Result<MemoryEngine, EngramError>, Never>?
    var failures = 0
    /// Nothing is tried before; nil where all is well.
    var retryAt: ContinuousClock.Instant?
    var lastFailure: EngramError?
    /// Of an engine that has been open.
    var path: String?
    var isClosed = false
  }

  private let open: @Sendable () throws -> MemoryEngine
  private let pauses: ClosedRange<Duration>
  private let logger: Logger
  private let state = Mutex(State())

  /// - Parameters:
  ///   - pauses: how long nothing is tried after a first failure to open the engine, or of its store, and at
  ///     most after several.
  ///   - logger: told with a warning of each failure, and when the memory is back.
  ///   - open: opens the engine; called off Swift's pool, again after each failure of its store.
  public init(
    pauses: ClosedRange<Duration> = .milliseconds(500)...(.seconds(30)),
    logger: Logger = Logger(label: "engram"), open: @escaping @Sendable () throws -> MemoryEngine
  ) {
    self.open = open
    self.pauses = pauses
    self.logger = logger
  }

  /// Whether the last call found everything in order; false before the first one.
  public var isAvailable: Bool {
    state.withLock { $0.engine != nil && $0.lastFailure == nil && !$0.isClosed }
  }

  /// Why the last call found no memory; nil where it did.
  public var lastFailure: EngramError? { state.withLock { $0.lastFailure } }

  /// Asks the engine, or answers with something else while it cannot be asked.
  ///
  /// - Parameters:
  ///   - fallback: the answer in an outage: an empty list, nil.
  ///   - body: asks the engine.
  /// - Throws: what is no outage; `StoreError.closed` after ``close()``.
  public func read<Value: Sendable>(
    or fallback: Value, _ body: (MemoryEngine) async throws -> Value
  ) async throws(EngramError) -> Value {
    if try isPausing() { return fallback }
    do throws(EngramError) {
      return try await attempt(body)
    } catch {
      guard error.isOutage, !isClosed else { throw error }
      return fallback
    }
  }

  /// Has the engine write something.
  ///
  /// - Throws: whatever kept it from being written; in an outage that is known already, what was found then.
  @discardableResult
  public func write<Value: Sendable>(
    _ body: (MemoryEngine) async throws -> Value
  ) async throws(EngramError) -> Value {
    if try isPausing(), let failure = lastFailure { throw failure }
    return try await attempt(body)
  }

  /// Closes the engine, where it is open. Calls that come later are refused.
  public func close() async throws(EngramError) {
    let (engine, opening) = state.withLock { state in
      defer {
        state.isClosed = true
        state.engine = nil
      }
      return (state.engine, state.opening)
    }
    if case .success(let engine)? = await opening?.value { try await engine.close() }
    try await engine?.close()
  }

  private var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Whether nothing is to be tried yet.
  private func isPausing() throws(EngramError) -> Bool {
    let (isClosed, retryAt) = state.withLock { ($0.isClosed, $0.retryAt) }
    if isClosed { throw .store(.closed) }
    return retryAt.map { $0 > .now } ?? false
  }

  private func attempt<Value>(
    _ body: (MemoryEngine) async throws -> Value
  ) async throws(EngramError) -> Value {
    let engine: MemoryEngine
    do throws(EngramError) { engine = try await opened() } catch {
      if error.isOutage { failed(error, nil) }
      throw error
    }
    do throws(EngramError) {
      let value = try await asEngramError { try await body(engine) }
      succeeded()
      return value
    } catch {
      if error.isOutage { failed(error, engine) }
      throw error
    }
  }

  // MARK: Opening

  /// The engine; of those who need it while it is closed one opens it.
  private func opened() async throws(EngramError) -> MemoryEngine {
    let opening = state.withLock { state -> Task<Result<MemoryEngine, EngramError>, Never>? in
      if state.engine != nil { return nil }
      if let opening = state.opening { return opening }
      let (open, path) = (open, state.path)
      let task = Task.detached { await Self.open(open, path) }
      state.opening = task
      return task
    }
    guard let opening else {
      guard let engine = state.withLock({ $0.engine }) else { return try await opened() }
      return engine
    }
    let result = await opening.value
    return try state.withLock { state throws(EngramError) in
      if state.opening == opening {
        state.opening = nil
        if case .success(let engine) = result, !state.isClosed {
          state.engine = engine
          state.path = engine.path
        }
      }
      guard !state.isClosed else { throw .store(.closed) }
      return try result.get()
    }
  }

  private static func open(
    _ open: @escaping @Sendable () throws -> MemoryEngine, _ path: String?
  ) async -> Result<MemoryEngine, EngramError> {
    await withCheckedContinuation { continuation in
      Thread {
        continuation.resume(
          returning: Result { () throws(EngramError) in
            try asEngramError {
              if let path { _ = try StoreConfiguration(storedAt: path) }
              return try open()
            }
          })
      }.start()
    }
  }

  // MARK: What calls find

  private func succeeded() {
    let wasOut = state.withLock { state in
      defer { (state.lastFailure, state.retryAt, state.failures) = (nil, nil, 0) }
      return state.lastFailure != nil
    }
    if wasOut { logger.notice("memory is back") }
  }

  /// - Parameter engine: that failed; nil where it could not be opened.
  private func failed(_ error: EngramError, _ engine: MemoryEngine?) {
    let isService = if case .model = error { engine != nil } else { false }
    let isNews = state.withLock { state in
      // Others may have found the same before.
      let isKnown = engine == nil && state.retryAt.map { $0 > .now } ?? false
      guard state.engine === engine, !isKnown else { return false }
      state.lastFailure = error
      if isService { return true }
      let pause = min(pauses.lowerBound * (1 << min(state.failures, 20)), pauses.upperBound)
      state.retryAt = .now + pause
      state.failures += 1
      state.engine = nil
      return true
    }
    guard isNews else { return }
    logger.warning("memory is not available; going on without it: \(error)")
    // Whatever this says, the store is opened anew.
    if let engine, !isService { Task { try? await engine.close() } }
  }
}
