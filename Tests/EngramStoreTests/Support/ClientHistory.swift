import StoreClients

/// The calls of clients on one store, and whether a store that takes one call after the other might
/// have answered so.
///
/// Every call but a search is linearizable, over all memories together: insert, update and delete of
/// one or several, get, vector and list. Of a search less is promised: there is a moment while it
/// runs at which all that it returns was current; what is missing was not there at that moment, or
/// was being written while the search ran.
struct ClientHistory: SequentialObject {
  struct Call {
    var call: StoreClients.Call
    /// What a search may miss.
    var written: Set<Int> = []
  }

  /// Of each memory.
  struct Entry: Hashable {
    /// Versions of text and vector; 0 where there is no memory.
    var version = 0
    var vector = 0
    /// The version that came with the key; 0 where none has.
    var key = 0
  }

  typealias State = [Entry]

  static let empty = State(repeating: Entry(), count: Client.memories)

  // MARK: One call after the other

  static func states(after call: Call, in state: State) -> [State] {
    guard let answer = call.call.answer else {
      // It took place, or it did not.
      return states(after: call.call.request, .done, [], in: state) + [state]
    }
    return states(after: call.call.request, answer, call.written, in: state)
  }

  private static func states(
    after request: StoreClients.Call.Request, _ answer: StoreClients.Call.Answer,
    _ written: Set<Int>, in state: State
  ) -> [State] {
    func unchanged(if holds: Bool) -> [State] { holds ? [state] : [] }
    func isThere(_ memory: Int) -> Bool { state[memory].version != 0 }
    func read(_ memory: Int) -> StoreClients.Call.Read? {
      let entry = state[memory]
      return isThere(memory) ? .init(memory, entry.version, vector: entry.vector) : nil
    }

    switch (request, answer) {
    case (.get(let memory), .memory(let found)): return unchanged(if: found == read(memory))
    case (.vector(let memory), .vector(let found)):
      return unchanged(if: found == read(memory)?.vector)
    case (.list(let user), .memories(let found)):
      let all = state.indices.filter { user == nil || Client.user(of: $0) == user }
      return unchanged(
        if: Set(found) == Set(all.compactMap(read)) && found.count == Set(found).count)
    case (.search(let user, let even), .memories(let found)):
      let due = state.indices.compactMap(read).filter { memory in
        (user == nil || Client.user(of: memory.memory) == user) && (!even || memory.vector % 2 == 0)
          && !written.contains(memory.memory)
      }
      return unchanged(
        if: found.allSatisfy { $0 == read($0.memory) } && Set(found).isSuperset(of: due))
    case (.get, _), (.vector, _), (.list, _), (.search, _): return []

    case (_, .cancelled): return [state]
    case (.insert(let memories), .done):
      guard memories.allSatisfy({ !isThere($0.memory) }) else { return [] }
      var state = state
      for written in memories { state[written.memory].write(written.version) }
      return [state]
    case (.insert(let memories), .duplicateID):
      return unchanged(if: memories.contains { isThere($0.memory) })

    case (.insertOnce(let written), .done):
      let entry = state[written.memory]
      if entry.key != 0 { return unchanged(if: entry.key == written.version) }
      guard !isThere(written.memory) else { return [] }
      var state = state
      state[written.memory].write(written.version)
      state[written.memory].key = written.version
      return [state]
    case (.insertOnce(let written), .conflictingKey):
      let key = state[written.memory].key
      return unchanged(if: key != 0 && key != written.version)
    case (.insertOnce(let written), .duplicateID):
      return unchanged(if: state[written.memory].key == 0 && isThere(written.memory))

    case (.update(let written, let hasVector), .done):
      guard isThere(written.memory) else { return [] }
      var state = state
      state[written.memory].version = written.version
      if hasVector { state[written.memory].vector = written.version }
      return [state]
    case (.update(let written, _), .unknownMemory): return unchanged(if: !isThere(written.memory))

    case (.delete(let memories), .done):
      guard memories.allSatisfy(isThere) else { return [] }
      var state = state
      for memory in memories { (state[memory].version, state[memory].vector) = (0, 0) }
      return [state]
    case (.delete(let memories), .unknownMemory):
      return unchanged(if: !memories.allSatisfy(isThere))

    default: return []
    }
  }

  // MARK: A history

  /// What is wrong with a history that began with an empty store; nil where it is right.
  static func problem(of calls: [StoreClients.Call]) -> String? {
    let known = withWrites(calls)
    var checker = LinearizabilityChecker<ClientHistory>(empty)
    guard let failed = checker.check(known.map { ($0.call.begin, $0.call.end, $0) }) else {
      return nil
    }
    let call = calls[failed]
    let before = calls.filter { $0.begin <= call.end && $0.end + 2_000_000 > call.begin }
      .sorted { $0.begin < $1.begin }.suffix(40)
    return (["no order explains \(call)", "around it:"] + before.map { "\($0)" })
      .joined(separator: "\n")
  }

  /// The calls, and of each search the memories of which a write overlaps it.
  private static func withWrites(_ calls: [StoreClients.Call]) -> [Call] {
    var known = calls.map { Call(call: $0) }
    var running: [Int] = []
    for number in calls.indices.sorted(by: { calls[$0].begin < calls[$1].begin }) {
      let call = calls[number]
      running.removeAll { calls[$0].end < call.begin }
      for other in running {
        for (search, writer) in [(number, other), (other, number)] {
          guard case .search = calls[search].request else { continue }
          known[search].written.formUnion(calls[writer].request.writes)
        }
      }
      running.append(number)
    }
    return known
  }
}

extension ClientHistory.Entry {
  fileprivate mutating func write(_ version: Int) {
    self.version = version
    vector = version
  }
}

extension StoreClients.Call.Request {
  /// The memories that it changes if it takes place.
  fileprivate var writes: [Int] {
    switch self {
    case .insert(let written): written.map(\.memory)
    case .insertOnce(let written), .update(let written, _): [written.memory]
    case .delete(let memories): memories
    case .get, .vector, .list, .search: []
    }
  }
}
