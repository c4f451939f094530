import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A value that any number of threads read while one changes it, and no reader ever waits: two
/// copies, one of which is read while the other is changed (Ramalhete & Correia, Left-Right, 2015).
/// The writer changes one, turns readers to it, waits until nobody reads the other, and changes that
/// in the same way. Whoever reads must not write inside: the writer would wait for itself.
///
/// Unchecked, for the copies lie in raw memory: readers read the copy that `active` named after they
/// had entered the epoch; the writer, of whom there is one at a time, changes a copy only when
/// `active` names the other and the epoch in which it still named this one is over. `active` is 0 or
/// 1 by construction, nothing from outside decides which memory is touched.
package final class LeftRight<Value: Sendable>: @unchecked Sendable {
  private let copies: UnsafeMutablePointer<Value>
  private let active = Atomic<Int>(0)
  private let readers = Epochs()
  private let writer = Mutex<Void>(())

  package init(_ value: Value) {
    copies = .allocate(capacity: 2)
    copies.initialize(repeating: value, count: 2)
  }

  deinit {
    copies.deinitialize(count: 2)
    copies.deallocate()
  }

  package func read<Result, Failure: Error>(
    _ body: (borrowing Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try readers.reading { () throws(Failure) in
      try body(copies[active.load(ordering: .sequentiallyConsistent)])
    }
  }

  /// - Parameter change: called twice, and must do the same both times.
  /// - Returns: what it returned.
  @discardableResult
  package func write<Result>(_ change: (inout Value) -> Result) -> Result {
    writer.withLock { _ in
      let old = active.load(ordering: .relaxed)
      let result = change(&copies[1 - old])
      active.store(1 - old, ordering: .sequentiallyConsistent)
      let epoch = readers.current
      while !readers.isOver(epoch) { sched_yield() }
      _ = change(&copies[old])
      return result
    }
  }
}
