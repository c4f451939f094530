import Dispatch
import EngramIndex
import Synchronization

/// Which rows hold which metadata, in memory, for the keys that filters name.
///
/// The postings of a key are built from the catalogue once and never change; rows that have changed
/// since are kept beside them and asked one by one, until there are so many that new postings are
/// made of both. So a search works on values that nobody changes, and waits for no writer.
///
/// Nothing is recorded while there are no postings. A build says that it has begun, and only then
/// looks at the catalogue; a commit is in the catalogue and its rows in the table before it asks
/// whether to record. So each change is seen by the build, or recorded, or both; what is recorded
/// is a row's whole metadata and wins.
package final class MetadataPostings: Sendable {
  /// What bounds the memory. Beyond it the keys go that have not been used for longest.
  package struct Limits: Sendable {
    package var keys = 64
    package var bytes = 64 << 20
    /// Changed rows from which on new postings are made.
    package var changed = 512

    package init() {}
  }

  private final class Key: Sendable {
    let path: MetadataPath
    let postings: KeyPostings
    let lastUse: Atomic<Int>

    init(_ path: MetadataPath, _ postings: KeyPostings, lastUse: Int) {
      self.path = path
      self.postings = postings
      self.lastUse = Atomic(lastUse)
    }
  }

  /// What a row holds now; nil where it stands for no memory any more.
  private struct Change {
    var metadata: JSONValue?
    /// In the order of the changes.
    var number: Int
  }

  private struct State {
    var keys: [String: Key] = [:]
    /// Rows that changed since the oldest of the postings was begun.
    var changed: [UInt32: Change] = [:]
    var recorded = 0
    var isBuilding = false
    /// Keys whose postings are larger than the limit, alone or beside the others of a filter.
    var refused = Set<String>()
    /// How many memories were read for a filter on a key that has no postings.
    var reads: [String: Int] = [:]

    var isRecording: Bool { isBuilding || !keys.isEmpty }
  }

  private let limits: Limits
  private let state = LeftRight(State())
  /// Held by whoever changes the state.
  private let writer = Mutex<Void>(())
  /// Held while postings are made; which keys there are changes under it only.
  private let builder = Mutex<Void>(())
  private let isMerging = Atomic<Bool>(false)
  private let uses = Atomic<Int>(0)

  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Changes a copy of the state and exchanges it.
  private func update(_ body: (inout State) -> Void) {
    writer.withLock { _ in
      var copy = state.read { copy $0 }
      body(&copy)
      if !copy.isRecording { copy.changed = [:] }
      state.write { [copy] in $0 = copy }
    }
  }

  // MARK: Searching

  /// The rows that pass a filter; nil where one of its keys has no postings.
  package func rows(passing filter: Filter) -> RowSelection? {
    let now = state.read { copy $0 }
    let use = uses.add(1, ordering: .relaxed).newValue
    for key in filter.keys {
      guard let key = now.keys[key] else { return nil }
      key.lastUse.store(use, ordering: .relaxed)
    }
    var rows = filter.rows { now.keys[$0.key]?.postings.rows(meeting: $0) ?? .none }
    for (row, change) in now.changed {
      rows.set(row, selected: change.metadata.map(filter.matches))
    }
    return rows
  }

  /// Whether the keys of a filter should get postings now: once as many memories have been read
  /// without them as a build would read, so that what is read in vain never exceeds what is read
  /// for good.
  ///
  /// - Parameters:
  ///   - count: how many memories would be read this time.
  ///   - total: how many there are.
  func isWorthBuilding(for filter: Filter, reading count: Int, of total: Int) -> Bool {
    guard filter.keys.count <= limits.keys else { return false }
    var isWorth = false
    update { state in
      let missing = filter.keys.filter { state.keys[$0] == nil }
      guard state.refused.isDisjoint(with: missing) else { return }
      // Names come from outside: they must not pile up.
      if state.reads.count > limits.keys { state.reads = [:] }
      for key in missing { state.reads[key, default: 0] += count }
      isWorth = missing.allSatisfy { state.reads[$0, default: 0] >= total }
    }
    return isWorth
  }

  // MARK: Building

  /// Makes the postings of a filter's keys that have none.
  ///
  /// - Parameter scan: calls its argument with the row and the metadata of each current memory, as
  ///   of a moment after it was called itself.
  package func build<Failure: Error>(
    for filter: Filter,
    scan: ((_ row: UInt32, _ metadata: JSONValue) -> Void) throws(Failure) -> Void
  ) throws(Failure) {
    try builder.withLock { _ throws(Failure) in
      update { $0.isBuilding = true }
      defer { update { $0.isBuilding = false } }
      let now = state.read { copy $0 }
      let names = filter.keys.filter { now.keys[$0] == nil && !now.refused.contains($0) }
      // Whoever held the lock before may have made them.
      guard !names.isEmpty else { return }
      var made = names.map { (name: $0, path: MetadataPath($0), postings: KeyPostings()) }
      try scan { row, metadata in
        for index in made.indices where made[index].postings.bytes <= limits.bytes {
          made[index].postings.set(row, to: made[index].path.value(in: metadata))
        }
      }
      var keys = now.keys
      let use = uses.add(1, ordering: .relaxed).newValue
      for key in made { keys[key.name] = Key(key.path, key.postings, lastUse: use) }
      let own = filter.keys.compactMap { keys[$0] }
      for key in own { key.lastUse.store(use, ordering: .relaxed) }
      // Keys of one filter that do not fit together would put each other out at every search.
      var bytes = own.reduce(0) { $0 + $1.postings.bytes }
      var refused: [String] = []
      for key in made.sorted(by: { $0.postings.bytes > $1.postings.bytes })
      where bytes > limits.bytes {
        keys[key.name] = nil
        bytes -= key.postings.bytes
        refused.append(key.name)
      }
      publish(keys, refusing: refused)
    }
  }

  private var isMergeDue: Bool { state.read { $0.changed.count } >= limits.changed }

  /// As `mergeIfDue`, on another thread: all postings are copied, and the next commit should not wait
  /// for that.
  func mergeSoonIfDue() {
    guard isMergeDue, !isMerging.exchange(true, ordering: .acquiring) else { return }
    DispatchQueue.global(qos: .utility).async { [self] in
      mergeIfDue()
      isMerging.store(false, ordering: .releasing)
    }
  }

  /// Makes new postings of the old ones and the rows that changed since, where these are many.
  package func mergeIfDue() {
    guard isMergeDue else { return }
    _ = builder.withLockIfAvailable { _ in
      let now = state.read { copy $0 }
      let keys = now.keys.mapValues { key in
        var postings = key.postings
        for (row, change) in now.changed {
          postings.set(row, to: change.metadata.flatMap(key.path.value))
        }
        return Key(key.path, postings, lastUse: key.lastUse.load(ordering: .relaxed))
      }
      publish(keys, without: now.changed)
    }
  }

  /// - Parameter merged: changes that the postings hold.
  private func publish(
    _ keys: [String: Key], refusing refused: [String] = [], without merged: [UInt32: Change] = [:]
  ) {
    var keys = keys
    var refused = refused
    for (name, key) in keys where key.postings.bytes > limits.bytes {
      keys[name] = nil
      refused.append(name)
    }
    var bytes = keys.values.reduce(0) { $0 + $1.postings.bytes }
    let byUse = keys.sorted {
      $0.value.lastUse.load(ordering: .relaxed) < $1.value.lastUse.load(ordering: .relaxed)
    }
    for (name, key) in byUse where bytes > limits.bytes || keys.count > limits.keys {
      keys[name] = nil
      bytes -= key.postings.bytes
    }
    update { state in
      state.keys = keys
      state.refused.formUnion(refused)
      for name in Array(keys.keys) + refused { state.reads[name] = nil }
      state.changed = state.changed.filter { merged[$0.key]?.number != $0.value.number }
    }
  }

  // MARK: Writing

  /// Notes what rows hold from now on; nil where they stand for no memory any more.
  package func record(_ changes: [(row: UInt32, metadata: String?)]) {
    guard !changes.isEmpty, state.read({ $0.isRecording }) else { return }
    // What the store wrote is JSON; if it were not, no filter would find it.
    let parsed = changes.map { row, text in
      (row, text.map { (try? JSONValue(parsing: $0)) ?? .null })
    }
    update { state in
      guard state.isRecording else { return }
      for (row, metadata) in parsed {
        state.recorded += 1
        state.changed[row] = Change(metadata: metadata, number: state.recorded)
      }
    }
  }

  /// How many keys have postings, and about how much memory they take.
  package var size: (keys: Int, bytes: Int) {
    let keys = state.read { $0.keys }
    return (keys.count, keys.values.reduce(0) { $0 + $1.postings.bytes })
  }
}

extension Filter {
  /// The metadata keys that it names.
  var keys: Set<String> {
    switch self {
    case .and(let filters), .or(let filters):
      filters.reduce(into: []) { $0.formUnion($1.keys) }
    case .not(let filter): filter.keys
    case .comparison(let comparison): [comparison.key]
    }
  }

  /// The rows that pass, put together from those of each comparison.
  func rows(of comparison: (Comparison) -> RowSelection) -> RowSelection {
    switch self {
    case .and(let filters):
      filters.reduce(.all) { $0.intersection($1.rows(of: comparison)) }
    case .or(let filters):
      filters.reduce(.none) { $0.union($1.rows(of: comparison)) }
    case .not(let filter): filter.rows(of: comparison).inverted
    case .comparison(let one): comparison(one)
    }
  }
}
