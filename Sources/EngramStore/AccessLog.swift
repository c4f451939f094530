import Foundation
import Synchronization

/// Which memories searches have returned, collected in memory so that a search never writes.
final class AccessLog: Sendable {
  private let pending = Mutex<[(id: UUID, at: Int64)]>([])

  /// From this many results on they are worth writing: a commit makes every reading connection
  /// fetch its pages anew, which the searches after it pay for.
  private static let batch = 32_768

  /// Notes that memories were returned; true when it is time to write what has been collected.
  func note(_ memories: some Sequence<UUID>) -> Bool {
    let now = Timestamp.now
    return pending.withLock { pending in
      let before = pending.count
      for id in memories { pending.append((id, now)) }
      return before < Self.batch && pending.count >= Self.batch
    }
  }

  /// Takes what has been collected.
  func take() -> [UUID: Access] {
    let taken = pending.withLock { pending in
      defer { pending = [] }
      return pending
    }
    var accesses: [UUID: Access] = [:]
    for (id, at) in taken {
      accesses[id, default: Access(count: 0, at: at)].count += 1
      accesses[id]?.at = at
    }
    return accesses
  }
}
