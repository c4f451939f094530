import Synchronization

/// Which rows each user, agent and run has, in memory: no search asks SQLite for it.
final class ScopePostings: Sendable {
  /// The interned ids of one row's scope; 0 where it has none.
  struct Key: Equatable {
    var user: UInt32 = 0
    var agent: UInt32 = 0
    var run: UInt32 = 0
  }

  private struct Kind {
    var numbers: [ExactString: UInt32] = [:]
    var names: [String] = []
    var lists: [PostingList] = []

    mutating func intern(_ name: String?) -> UInt32 {
      guard let name else { return 0 }
      if let number = numbers[ExactString(name)] { return number }
      names.append(name)
      lists.append(PostingList())
      let number = UInt32(names.count)
      numbers[ExactString(name)] = number
      return number
    }

    mutating func add(_ row: UInt32, to number: UInt32) {
      if number > 0 { lists[Int(number) - 1].append(row) }
    }
  }

  private struct Tables {
    var user = Kind()
    var agent = Kind()
    var run = Kind()
  }

  private let tables = Mutex(Tables())

  func intern(_ scope: Scope) -> Key {
    tables.withLock {
      Key(
        user: $0.user.intern(scope.user), agent: $0.agent.intern(scope.agent),
        run: $0.run.intern(scope.run))
    }
  }

  func add(_ row: UInt32, _ key: Key) {
    tables.withLock {
      $0.user.add(row, to: key.user)
      $0.agent.add(row, to: key.agent)
      $0.run.add(row, to: key.run)
    }
  }

  /// The key of a scope and the shortest of its lists; nil where an id that is asked for is
  /// unknown, and so has no rows. A scope without ids has no list.
  func find(_ scope: Scope) -> (key: Key, shortest: PostingList?)? {
    tables.withLock { tables in
      var key = Key()
      var shortest: PostingList?
      let parts: [(String?, KeyPath<Tables, Kind>, WritableKeyPath<Key, UInt32>)] = [
        (scope.user, \.user, \.user), (scope.agent, \.agent, \.agent), (scope.run, \.run, \.run),
      ]
      for (name, kind, part) in parts {
        guard let name else { continue }
        guard let number = tables[keyPath: kind].numbers[ExactString(name)] else { return nil }
        key[keyPath: part] = number
        let list = tables[keyPath: kind].lists[Int(number) - 1]
        if let found = shortest, found.count <= list.count { continue }
        shortest = list
      }
      return (key, shortest)
    }
  }

  /// The names of each kind in the order of their numbers, for a snapshot.
  var names: (user: [String], agent: [String], run: [String]) {
    tables.withLock { ($0.user.names, $0.agent.names, $0.run.names) }
  }

  /// Restores the numbering of a snapshot.
  func restore(user: [String], agent: [String], run: [String]) {
    tables.withLock { tables in
      for name in user { _ = tables.user.intern(name) }
      for name in agent { _ = tables.agent.intern(name) }
      for name in run { _ = tables.run.intern(name) }
    }
  }

  /// How many ids of each kind there are.
  var counts: (users: Int, agents: Int, runs: Int) {
    tables.withLock { ($0.user.names.count, $0.agent.names.count, $0.run.names.count) }
  }
}

/// A list of rows, ascending, that only grows. A copy sees the rows that were there when it was
/// made.
///
/// Invariant, which makes the unchecked conformance of its memory sound: elements below the count
/// of any copy never change, and one writer at a time (under the lock of `ScopePostings`) writes
/// the elements above.
struct PostingList: Sendable {
  private final class Memory: @unchecked Sendable {
    let base: UnsafeMutablePointer<UInt32>
    let capacity: Int
    init(capacity: Int) {
      self.capacity = capacity
      base = .allocate(capacity: capacity)
    }
    deinit { base.deallocate() }
  }

  private var memory = Memory(capacity: 4)
  private(set) var count = 0

  mutating func append(_ row: UInt32) {
    if count == memory.capacity {
      let larger = Memory(capacity: 2 * count)
      larger.base.update(from: memory.base, count: count)
      memory = larger
    }
    memory.base[count] = row
    count += 1
  }

  func withRows<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt32>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeBufferPointer(start: memory.base, count: count))
  }
}
