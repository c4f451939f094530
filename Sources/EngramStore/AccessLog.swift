import Foundation
import Synchronization

/// Which memories searches have returned, collected in memory so that a search never writes.
final class AccessLog: Sendable {
  private let pending = Mutex<[UUID: Access]>([:])

  /// From this many memories on they are worth writing.
  private static let batch = 1_024

  /// Notes that memories were returned; true when it is time to write what has been collected.
  func note(_ ids: some Sequence<UUID>) -> Bool {
    let now = Timestamp.now
    return pending.withLock { pending in
      let before = pending.count
      for id in ids {
        pending[id, default: Access(count: 0, at: now)].count += 1
        pending[id]?.at = now
      }
      return before < Self.batch && pending.count >= Self.batch
    }
  }

  /// Takes what has been collected.
  func take() -> [UUID: Access] {
    pending.withLock { pending in
      defer { pending = [:] }
      return pending
    }
  }
}
