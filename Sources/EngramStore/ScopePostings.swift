import EngramIndex
import Synchronization

/// Which rows each user, agent and run has, in memory: no search asks SQLite for it.
package final class ScopePostings: Sendable {
  /// The interned ids of one row's scope; 0 where it has none.
  package struct Key: Equatable {
    var user: UInt32 = 0
    var agent: UInt32 = 0
    var run: UInt32 = 0
  }

  /// The rows of one id.
  private struct Postings {
    var rows = PostingList()
    /// The same as the index takes many rows; nil until a search asks for it.
    var set: RowSet?
    /// How often rows were added or removed: tells whether a set that was made meanwhile is true.
    var version = 0

    mutating func insert(_ row: UInt32) {
      rows.insert(row)
      set?.insert(Int(row))
      version += 1
    }

    mutating func remove(_ row: UInt32) {
      rows.remove(row)
      set = nil
      version += 1
    }
  }

  private struct Kind {
    var numbers: [ExactString: UInt32] = [:]
    var names: [String] = []
    var postings: [Postings] = []

    mutating func intern(_ name: String?) -> UInt32 {
      guard let name else { return 0 }
      if let number = numbers[ExactString(name)] { return number }
      names.append(name)
      postings.append(Postings())
      let number = UInt32(names.count)
      numbers[ExactString(name)] = number
      return number
    }

    mutating func insert(_ row: UInt32, into number: UInt32) {
      if number > 0 { postings[Int(number) - 1].insert(row) }
    }

    mutating func remove(_ row: UInt32, from number: UInt32) {
      if number > 0 { postings[Int(number) - 1].remove(row) }
    }
  }

  private struct Tables {
    var user = Kind()
    var agent = Kind()
    var run = Kind()
  }

  private let tables = Mutex(Tables())

  package init() {}

  package func intern(_ scope: Scope) -> Key {
    tables.withLock {
      Key(
        user: $0.user.intern(scope.user), agent: $0.agent.intern(scope.agent),
        run: $0.run.intern(scope.run))
    }
  }

  package func insert(_ row: UInt32, _ key: Key) {
    tables.withLock {
      $0.user.insert(row, into: key.user)
      $0.agent.insert(row, into: key.agent)
      $0.run.insert(row, into: key.run)
    }
  }

  /// Takes out a row whose memory is gone; its number may come again for another.
  package func remove(_ row: UInt32, _ key: Key) {
    tables.withLock {
      $0.user.remove(row, from: key.user)
      $0.agent.remove(row, from: key.agent)
      $0.run.remove(row, from: key.run)
    }
  }

  /// The rows of a scope; none where an id that is asked for is unknown.
  package func rows(of scope: Scope) -> RowSelection {
    guard let found = find(scope) else { return .none }
    return found.reduce(.all) { $0.intersection(.only($1.rows)) }
  }

  /// The rows of a scope as the index takes many of them, kept for the next search where the scope
  /// is one id.
  package func rowSet(of scope: Scope, rowCount: Int) -> RowSet {
    guard let found = find(scope), found.count == 1 else {
      return rows(of: scope).rowSet(rowCount: rowCount)
    }
    if let set = found[0].set { return set }
    let set = RowSelection.only(found[0].rows).rowSet(rowCount: rowCount)
    tables.withLock { tables in
      for (name, kind) in Self.parts(of: scope) {
        guard let number = tables[keyPath: kind].numbers[ExactString(name)],
          tables[keyPath: kind].postings[Int(number) - 1].version == found[0].version
        else { continue }
        tables[keyPath: kind].postings[Int(number) - 1].set = set
      }
    }
    return set
  }

  /// Nil where an id is unknown.
  private func find(_ scope: Scope) -> [Postings]? {
    let parts = Self.parts(of: scope)
    return tables.withLock { tables in
      var found: [Postings] = []
      for (name, kind) in parts {
        guard let number = tables[keyPath: kind].numbers[ExactString(name)] else { return nil }
        found.append(tables[keyPath: kind].postings[Int(number) - 1])
      }
      return found
    }
  }

  private static func parts(of scope: Scope) -> [(String, WritableKeyPath<Tables, Kind>)] {
    let parts: [(String?, WritableKeyPath<Tables, Kind>)] = [
      (scope.user, \.user), (scope.agent, \.agent), (scope.run, \.run),
    ]
    return parts.compactMap { name, kind in name.map { ($0, kind) } }
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
