import GRDB
import Synchronization

/// A transaction that adds nothing to the history, for the commit thread to make under the writer lock.
struct CatalogueWork: Sendable {
  let body: @Sendable (Database) throws -> Void

  init(_ body: @escaping @Sendable (Database) throws -> Void) { self.body = body }
}

extension Store {
  /// Runs `body` in a transaction of its own on the commit thread; on disk when it returns.
  func transact<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(StoreError) -> Value {
    let value = Mutex<Value?>(nil)
    _ = try await core.queue.submit(
      .work(CatalogueWork { db in
        let made = try body(db)
        value.withLock { $0 = made }
      }))
    guard let made = value.withLock({ $0 }) else { throw .closed }
    return made
  }
}
