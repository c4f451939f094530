import EngramIndex

/// Which rows each user, agent and run has, in memory: no search asks SQLite for it, nor waits for a
/// writer.
package final class ScopePostings: Sendable {
  /// The interned ids of one row's scope; 0 where it has none.
  package struct Key: Equatable {
    var user: UInt32 = 0
    var agent: UInt32 = 0
    var run: UInt32 = 0
  }

  private struct Kind {
    var numbers: [ExactString: UInt32] = [:]
    var names: [String] = []
    /// The rows of each name.
    var postings: [PostingList] = []

    init() {}

    /// - Parameter rows: of each number, ascending; of none first.
    init(names: [String], rows: [[UInt32]]) {
      self.names = names
      postings = rows.dropFirst().map(PostingList.init(sorted:))
      numbers.reserveCapacity(names.count)
      for (index, name) in names.enumerated() where !name.isEmpty {
        numbers[ExactString(name)] = UInt32(index) + 1
      }
    }

    /// The names, empty where they have no row: nothing tells of who has no memory left.
    var namesInUse: [String] { zip(names, postings).map { $1.isEmpty ? "" : $0 } }

    func number(of name: String?) -> UInt32? { name.map { numbers[ExactString($0)] } ?? 0 }

    mutating func intern(_ name: String?) -> UInt32 {
      guard let name else { return 0 }
      if let number = numbers[ExactString(name)] { return number }
      names.append(name)
      postings.append(PostingList())
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

    /// Nil where an id has no number yet.
    func key(of scope: Scope) -> Key? {
      guard let user = user.number(of: scope.user), let agent = agent.number(of: scope.agent),
        let run = run.number(of: scope.run)
      else { return nil }
      return Key(user: user, agent: agent, run: run)
    }

    mutating func insert(_ row: UInt32, _ key: Key) {
      user.insert(row, into: key.user)
      agent.insert(row, into: key.agent)
      run.insert(row, into: key.run)
    }
  }

  private let tables = LeftRight(Tables())

  package init() {}

  package func intern(_ scope: Scope) -> Key {
    if let known = tables.read({ $0.key(of: scope) }) { return known }
    return tables.write {
      Key(
        user: $0.user.intern(scope.user), agent: $0.agent.intern(scope.agent),
        run: $0.run.intern(scope.run))
    }
  }

  package func insert(_ row: UInt32, _ key: Key) {
    tables.write { $0.insert(row, key) }
  }

  /// Takes out a row whose memory is gone; its number may come again for another.
  package func remove(_ row: UInt32, _ key: Key) {
    tables.write {
      $0.user.remove(row, from: key.user)
      $0.agent.remove(row, from: key.agent)
      $0.run.remove(row, from: key.run)
    }
  }

  /// The rows of a scope; none where an id that is asked for is unknown.
  package func rows(of scope: Scope) -> RowSelection {
    let parts = Self.parts(of: scope)
    let found: [PostingList]? = tables.read { tables in
      var found: [PostingList] = []
      for (name, kind) in parts {
        let kind = kind(tables)
        guard let number = kind.numbers[ExactString(name)] else { return nil }
        found.append(kind.postings[Int(number) - 1])
      }
      return found
    }
    return found?.reduce(.all) { $0.intersection(.only($1)) } ?? .none
  }

  /// Lends the rows of runs by their numbers, all in one reading.
  ///
  /// - Parameter body: is given what returns the rows of a run, whose number is not 0.
  func withRowsOfRuns<Result>(_ body: ((UInt32) -> PostingList) -> Result) -> Result {
    tables.read { tables in body { tables.run.postings[Int($0) - 1] } }
  }

  private static func parts(of scope: Scope) -> [(String, (borrowing Tables) -> Kind)] {
    let parts: [(String?, (borrowing Tables) -> Kind)] = [
      (scope.user, { $0.user }), (scope.agent, { $0.agent }), (scope.run, { $0.run }),
    ]
    return parts.compactMap { name, kind in name.map { ($0, kind) } }
  }

  /// The names of each kind in the order of their numbers, for a snapshot.
  var names: (user: [String], agent: [String], run: [String]) {
    tables.read { ($0.user.namesInUse, $0.agent.namesInUse, $0.run.namesInUse) }
  }

  /// Takes the numbering of a snapshot, and its rows.
  ///
  /// - Parameter key: the scope of a row, by numbers that there are; nil for rows of no memory.
  func restore(
    user: [String], agent: [String], run: [String], rows: Range<Int>, key: (Int) -> Key?
  ) {
    var users = [[UInt32]](repeating: [], count: user.count + 1)
    var agents = [[UInt32]](repeating: [], count: agent.count + 1)
    var runs = [[UInt32]](repeating: [], count: run.count + 1)
    for row in rows {
      guard let key = key(row) else { continue }
      if key.user > 0 { users[Int(key.user)].append(UInt32(row)) }
      if key.agent > 0 { agents[Int(key.agent)].append(UInt32(row)) }
      if key.run > 0 { runs[Int(key.run)].append(UInt32(row)) }
    }
    let restored = Tables(
      user: Kind(names: user, rows: users), agent: Kind(names: agent, rows: agents),
      run: Kind(names: run, rows: runs))
    tables.write { $0 = restored }
  }

  /// How many ids of each kind there are.
  var counts: (users: Int, agents: Int, runs: Int) {
    tables.read { ($0.user.numbers.count, $0.agent.numbers.count, $0.run.numbers.count) }
  }
}
