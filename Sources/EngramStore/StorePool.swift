import Foundation
import Synchronization
import SystemPackage

/// The stores of many tenants, each in a directory of its own below one: opened when they are used,
/// shared by all who use them at once, closed when others need their place.
///
/// ```swift
/// let pool = try StorePool(directory: "tenants", configuration: StoreConfiguration(dimension: 384))
/// let found = try await pool.withStore(of: "anna@example.org") { store in
///   try store.search(v, k: 10)
/// }
/// ```
///
/// The directory is the boundary between tenants: no query can cross it, a damaged store is damaged for
/// one tenant only, and to erase a tenant is to remove a directory.
///
/// Several pools, in any processes, may have the same directory open.
public final class StorePool: Sendable {
  /// Of every tenant's store.
  public let configuration: StoreConfiguration
  private let directory: FilePath
  private let patience: Duration
  private let state: Mutex<PoolState>
  private let tickets = Atomic<Int>(0)

  /// Opens the pool over a directory, making it where it is missing. No store is opened yet.
  ///
  /// - Parameters:
  ///   - directory: holds one directory for each tenant, side by side, and nothing else.
  ///   - configuration: of every tenant's store.
  /// - Throws: `StoreError` where the directory is not usable or the configuration impossible.
  public init(
    directory: String, configuration: StoreConfiguration, limits: Limits = Limits()
  ) throws(StoreError) {
    do { try StoreCore.checkConfiguration(configuration) } catch { throw StoreError(error) }
    let open = limits.openStores ?? Limits.defaultOpenStores(configuration)
    guard open >= 1 else { throw .invalid(field: "openStores", reason: "it must be at least 1") }
    self.configuration = configuration
    self.directory = FilePath(directory)
    patience = limits.patience
    state = Mutex(
      PoolState(
        limit: open, byteLimit: limits.memoryBytes,
        spare: min(open / 8, StoreConfiguration.processorCount)))
    try StoreCore.prepare(self.directory)
    try Self.finishRemovals(in: self.directory)
  }

  // MARK: Using stores

  /// Runs `body` with the store of a tenant, which stays open as long as that takes. It is opened at first
  /// use, and made where there is none.
  ///
  /// Where as many stores as may be are open, the one that has not been used for longest is closed; where
  /// all of them are in use, callers wait, in their order. A body that asks for the store of yet another
  /// tenant holds one place while it waits for the next: where all do, none gets on before its patience
  /// is over.
  ///
  /// - Parameters:
  ///   - tenant: any text that is not empty. Names that differ in any byte of their UTF-8 are different
  ///     tenants. It may take 255 bytes, where each byte that is none of a-z, 0-9, `-` and `_` counts for
  ///     three: any name of up to 85 bytes will do.
  ///   - body: does not keep the store, which may be closed once it has returned.
  /// - Returns: what the body returned.
  /// - Throws: what the body throws, or a `StoreError`: why the store could not be opened, which the next
  ///   call tries again; `.busy` where that took too long; `.cancelled`; `.closed` after `close`.
  public func withStore<Value>(
    of tenant: String, isolation: isolated (any Actor)? = #isolation,
    _ body: (Store) async throws -> Value
  ) async throws -> Value {
    let name = try TenantName(tenant)
    let store: Store
    if let open = try change({ state throws(StoreError) in try state.lease(name) }) {
      store = open
    } else {
      store = try await wait(for: name) { state, ticket, answer in
        state.wait(for: name, ticket: ticket, answer)
      }
    }
    defer { change { $0.endLease(name, bytes: store.core.memoryBytes) } }
    return try await body(store)
  }

  /// Removes a tenant with all that is kept of it: when this returns, neither the process nor the system
  /// nor the disk that ends brings it back. The bytes are free for the file system to use, not overwritten;
  /// backups and exports lie elsewhere.
  ///
  /// Whoever uses the store is waited for; calls that come later find no tenant, and may make a new one.
  /// A tenant that is not there is removed already.
  ///
  /// - Throws: `StoreError.inUse` where another pool or process has the store open; `.busy`; `.cancelled`;
  ///   `.closed`.
  public func remove(_ tenant: String) async throws(StoreError) {
    let name = try TenantName(tenant)
    try await wait(for: name) { state, ticket, answer in
      state.hold(name, ticket: ticket, answer)
    }
    defer { change { $0.endHold(name) } }
    try await offload { [directory] () throws(StoreError) in
      try Self.remove(directory.appending(name.directory), in: directory)
    }
  }

  /// The tenants that there are, in no order; one whose store has never been opened is none.
  public func tenants() throws(StoreError) -> [String] {
    try Directory.names(directory).compactMap { TenantName(directory: $0)?.tenant }
  }

  /// How the pool stands now.
  public func statistics() -> PoolStatistics { state.withLock { $0.statistics } }

  /// Waits until no store is in use, and closes all. Calls that come later, and those that wait for a
  /// store, are refused.
  ///
  /// - Throws: why a store could not be closed in order, now or when it had to make way for another; the
  ///   others are closed nevertheless.
  public func close() async throws(StoreError) {
    let result: Result<Void, StoreError> = await withCheckedContinuation { continuation in
      change { $0.close { continuation.resume(returning: $0) } }
    }
    try result.get()
  }

  // MARK: Waiting

  /// Waits for an answer of the state, but no longer than patience has it, and not once the task is
  /// cancelled.
  private func wait<Value: Sendable>(
    for name: TenantName,
    _ ask: @Sendable (inout PoolState, Int, @escaping PoolState.Answer<Value>) -> Void
  ) async throws(StoreError) -> Value {
    let ticket = tickets.wrappingAdd(1, ordering: .relaxed).newValue
    let giveUp: @Sendable (StoreError) -> Void = { [self] error in
      change { $0.giveUp(name, ticket: ticket, error) }
    }
    let timer = Task { [patience] in
      do { try await Task.sleep(for: patience) } catch { return }
      giveUp(.busy(tenant: name.tenant))
    }
    defer { timer.cancel() }
    let result: Result<Value, StoreError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        change { ask(&$0, ticket) { continuation.resume(returning: $0) } }
        // Cancelled before there was anything to give up.
        if Task.isCancelled { giveUp(.cancelled) }
      }
    } onCancel: {
      giveUp(.cancelled)
    }
    return try result.get()
  }

  // MARK: Work

  /// Changes the state and does what follows from it.
  private func change<Value: Sendable, Failure: Error>(
    _ body: (inout PoolState) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let (result, steps) = state.withLock { state in
      let result = Result { () throws(Failure) in try body(&state) }
      return (result, state.takeSteps())
    }
    for step in steps { perform(step) }
    return try result.get()
  }

  private func perform(_ step: PoolState.Step) {
    switch step {
    case .answer(let answer): answer()
    case .open(let name): Thread { [self] in open(name) }.start()
    case .close(let name, let store): Thread { [self] in close(name, store) }.start()
    }
  }

  private func open(_ name: TenantName) {
    let path = directory.appending(name.directory).string
    let result = Result { () throws(StoreError) in
      try Store(path: path, configuration: configuration)
    }
    let bytes = (try? result.get())?.core.memoryBytes ?? 0
    change { $0.hasOpened(name, result, bytes: bytes) }
  }

  private func close(_ name: TenantName, _ store: Store) {
    var failure: StoreError?
    do throws(StoreError) { try store.core.close() } catch { failure = error }
    change { $0.hasClosed(name, failure: failure) }
  }

  // MARK: Removing

  /// What a tenant's directory is called while it is being removed: no tenant's is called so.
  private static let removed = ".removed"

  private static func remove(_ store: FilePath, in directory: FilePath) throws(StoreError) {
    guard try Directory.kind(of: store) != .absent else {
      // An earlier attempt may have ended in an error half way.
      try finishRemovals(in: directory)
      return try Directory.synchronise(directory)
    }
    let removed = directory.appending(UUID().uuidString + removed)
    do {
      try Store.withLocks(store) {
        // At once: what has begun to open the store finds it either whole or gone.
        try Directory.rename(store, to: removed)
        try Directory.synchronise(directory)
      }
    } catch { throw StoreError(error) }
    try Directory.removeWithFiles(removed)
    try Directory.synchronise(directory)
  }

  /// Goes on where a removal ended in the middle.
  private static func finishRemovals(in directory: FilePath) throws(StoreError) {
    for name in try Directory.names(directory) where name.hasSuffix(removed) {
      guard UUID(uuidString: String(name.dropLast(removed.count))) != nil else { continue }
      try Directory.removeWithFiles(directory.appending(name))
    }
  }
}

/// How a pool stands.
public struct PoolStatistics: Sendable, Hashable {
  /// Stores that are open, with those being opened and closed; and how many somebody uses.
  public var open: Int
  public var inUse: Int
  /// Callers who wait for a store.
  public var waiting: Int
  /// Stores opened since the pool was, and those of them that were closed to make room.
  public var opened: Int
  public var evicted: Int
  /// Bytes of memory that open stores may take, as `StorePool.Limits` counts them.
  public var memoryBytes: Int
}
