import Synchronization

/// Tells when whoever was reading at some moment has ended, so that what they may still look at is
/// given to others only then: epoch-based reclamation (Fraser, Practical lock-freedom, 2004, section
/// 5.2.3). Readers do not wait, nor does anybody else.
final class Epochs: Sendable {
  private let now = Atomic<Int>(0)
  /// Readers that began in an even epoch, and in an odd one.
  private let even = Atomic<Int>(0)
  private let odd = Atomic<Int>(0)

  /// The epoch; what nobody can find any more is nobody's from `isOver` on.
  var current: Int { now.load(ordering: .sequentiallyConsistent) }

  /// Begins to read; `leave` must be told the result.
  func enter() -> Int {
    while true {
      let epoch = current
      add(1, epoch)
      if epoch == current { return epoch }
      add(-1, epoch)
    }
  }

  func leave(_ epoch: Int) { add(-1, epoch) }

  /// Runs `body` as a reader.
  func reading<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let epoch = enter()
    defer { leave(epoch) }
    return try body()
  }

  /// Whether all who read in an epoch have ended. The caller is a writer, one at a time.
  func isOver(_ epoch: Int) -> Bool {
    // Two steps: the first ends when those of the epoch before have, the second when its own have.
    while current < epoch + 2 {
      let next = current + 1
      guard readers(next) == 0 else { return false }
      now.store(next, ordering: .sequentiallyConsistent)
    }
    return true
  }

  private func readers(_ epoch: Int) -> Int {
    epoch & 1 == 0
      ? even.load(ordering: .sequentiallyConsistent) : odd.load(ordering: .sequentiallyConsistent)
  }

  private func add(_ count: Int, _ epoch: Int) {
    if epoch & 1 == 0 {
      even.add(count, ordering: .sequentiallyConsistent)
    } else {
      odd.add(count, ordering: .sequentiallyConsistent)
    }
  }
}
