import EngramIndex
import Foundation
import HeapModule
import Synchronization

/// What a committed change does to the index.
enum AppliedChange: Sendable {
  /// A version with a vector of its own; `replacing` is the slot of the vector that its memory had, where
  /// that is known. Metadata and text are nil while the store is opened and nothing has been made of them
  /// yet.
  case added(
    change: Int64, slot: Int, replacing: Int?, scope: Scope, expiresAt: Int64?,
    signals: RankingSignals.Own, metadata: String?, text: String?)
  /// A new version of the memory whose vector lies in `slot`, with the same vector; metadata and text
  /// are nil where they are as they were, and it expires when it did.
  case renewed(
    change: Int64, slot: Int, scope: Scope, expiresAt: Int64?, signals: RankingSignals.Own,
    metadata: String?, text: String?)
  /// The memory whose vector lies in `slot` is no more, or has another vector now.
  case removed(slot: Int)
}

/// The searchable state of a store: the index over its vectors and what each row stands for.
/// Everything here is derived from the pages and the catalogue.
final class LiveIndex: Sendable {
  let index: HNSWIndex
  let table: RowTable
  let postings: ScopePostings
  let signals: RankingSignals
  let metadata = MetadataPostings()
  let text: LiveText
  let pages: VectorPages
  /// What it keeps of each row beside the index and the texts.
  static let bytesPerRow = RowTable.bytesPerRow + RankingSignals.bytesPerRow
  /// Held while changes are applied, and by whoever takes the index and its change together.
  private let state: Mutex<Expirations>
  private let lastChange: Atomic<Int64>
  /// When the next memory expires; searches compare the clock with it.
  private let nextExpiry = Atomic<Int64>(.max)

  init(
    index: HNSWIndex, table: RowTable, postings: ScopePostings, signals: RankingSignals,
    text: LiveText = LiveText(), pages: VectorPages, covered: Int64
  ) {
    self.index = index
    self.table = table
    self.postings = postings
    self.signals = signals
    self.text = text
    self.pages = pages
    state = Mutex(Expirations())
    lastChange = Atomic(covered)
  }

  /// The change up to which searches see the store.
  var covered: Int64 { lastChange.load(ordering: .acquiring) }

  /// Makes room for `count` more rows, so that `apply` cannot fail after a commit.
  func reserve(_ count: Int, slots: Int) throws(IndexError) {
    try index.reserve(count)
    try table.reserve(rows: index.rowCount + count, slots: slots)
    try signals.reserve(rows: index.rowCount + count)
  }

  /// Makes committed changes visible to searches, in their order; room has been reserved.
  func apply(_ changes: [AppliedChange], covering change: Int64) throws(IndexError) {
    try state.withLock { expirations throws(IndexError) in
      var changed: [(row: UInt32, metadata: String?)] = []
      var texts: [LiveText.Change] = []
      for applied in changes {
        switch applied {
        case .added(
          let change, let slot, let replaced, let scope, let expiresAt, let own, let metadata, let text):
          let before = replaced.flatMap { table.row(ofSlot: $0) }
          let row = UInt32(try append(change, slot, scope, own, accessesOf: before))
          if let metadata { changed.append((row, metadata)) }
          if let text { texts.append((row, text)) }
          expirations.set(slot, to: expiresAt)
        case .renewed(
          let change, let slot, let scope, let expiresAt, let own, let metadata, let text):
          let row: Int
          if let known = table.row(ofSlot: slot) {
            row = known
            table.setChange(row, change)
            signals.set(row, own)
          } else {
            // It had expired.
            guard metadata != nil, text != nil, expiresAt ?? .max > Timestamp.now else { continue }
            row = try append(change, slot, scope, own, accessesOf: nil)
          }
          if let metadata { changed.append((UInt32(row), metadata)) }
          if let text { texts.append((UInt32(row), text)) }
          expirations.set(slot, to: expiresAt)
        case .removed(let slot):
          expirations.set(slot, to: nil)
          // Its expiry may have taken it out already.
          if let row = remove(slot) {
            changed.append((row, nil))
            texts.append((row, nil))
          }
        }
      }
      // After the table knows the rows: see `MetadataPostings`.
      metadata.record(changed)
      text.record(texts)
      lastChange.store(change, ordering: .releasing)
      nextExpiry.store(expirations.next ?? .max, ordering: .relaxed)
    }
  }

  /// Brings the index up to what the catalogue says; whether there was anything new.
  func apply(_ committed: CommittedChanges) throws -> Bool {
    guard committed.head > covered else { return false }
    try pages.reach(slots: committed.slots)
    try reserve(committed.changes.count, slots: committed.slots)
    try apply(committed.changes, covering: committed.head)
    return true
  }

  /// Puts a memory into the index and its scope; its row.
  ///
  /// - Parameter other: the row that stood for it before.
  private func append(
    _ change: Int64, _ slot: Int, _ scope: Scope, _ own: RankingSignals.Own, accessesOf other: Int?
  ) throws(IndexError) -> Int {
    let key = postings.intern(scope)
    let row = try index.append(at: pages.vector(slot)) { row in
      table.set(row, change: change, slot: slot, key: key)
      signals.set(row, own)
      signals.setAccesses(row, asOf: other)
    }
    postings.insert(UInt32(row), key)
    return row
  }

  /// Takes the memory whose vector lies in `slot` out of the index and its scope; its row, unless it
  /// is out already.
  private func remove(_ slot: Int) -> UInt32? {
    guard let row = table.row(ofSlot: slot) else { return nil }
    try? index.delete(row)
    postings.remove(UInt32(row), table.key(row))
    table.forget(row)
    return UInt32(row)
  }

  /// Runs `body` with the number of rows and the change they cover, between two changes.
  func withState<Result>(_ body: (_ rows: Int, _ covered: Int64) -> Result) -> Result {
    state.withLock { _ in body(index.rowCount, covered) }
  }

  /// When a memory expires, for those that were there when the store was opened.
  func expect(expiry: Int64, ofSlot slot: Int) {
    state.withLock {
      $0.set(slot, to: expiry)
      nextExpiry.store($0.next ?? .max, ordering: .relaxed)
    }
  }

  // MARK: Searching

  /// A result: the version that was current, and its exact score.
  struct Hit {
    var row: UInt32
    var change: Int64
    var score: Float
  }

  /// The rows among which a search looks, in the form that its way of searching takes.
  enum Domain {
    case everything
    /// Few: all of them are scored.
    case list(PostingList)
    /// Many: the graph is walked with them inside the walk.
    case set(RowSet)
  }

  /// The width of the graph's candidate list for a search; nil where it scores every row.
  func width(ef: Int?, recall: Double, k: Int) throws(StoreError) -> Int? {
    do throws(IndexError) { return try index.width(ef: ef, recall: recall, k: k) } catch {
      throw .index(error)
    }
  }

  /// The rows of a scope that pass a metadata filter, and how many they are.
  ///
  /// - Parameters:
  ///   - passing: nil for no filter.
  ///   - width: of the walk; nil where there is to be none.
  func domain(
    scope: Scope, passing: RowSelection?, width: Int?
  ) -> (domain: Domain, count: Int) {
    let scoped = postings.rows(of: scope)
    let selected = passing.map { scoped.intersection($0) } ?? scoped
    let count = selected.count(of: index.count)
    switch selected {
    case .allBut(let rows) where rows.isEmpty:
      return (.everything, count)
    case .only(let rows)
    where width.map { index.isScanCheaper(rows: rows.count, width: $0) } ?? true:
      return (.list(rows), count)
    default:
      return (.set(selected.rowSet(rowCount: index.rowCount)), count)
    }
  }

  /// The `k` nearest memories of a domain. Domain and results belong to one `index.reading`.
  func search(
    _ query: [Float], k: Int, width: Int?, in domain: Domain, statistics: inout SearchStatistics
  ) throws(IndexError) -> [Hit] {
    let found: [Neighbour]
    switch domain {
    case .everything:
      found = try index.search(query, k: k, width: width, among: nil, statistics: &statistics)
    case .list(let list):
      found = try list.rows.withUnsafeBufferPointer { rows throws(IndexError) in
        try index.search(query, k: k, amongRows: rows, statistics: &statistics)
      }
      statistics.plan = .scan
    case .set(let set):
      found = try index.search(query, k: k, width: width, among: set, statistics: &statistics)
    }
    return found.map { Hit(row: UInt32($0.row), change: table.change($0.row), score: $0.score) }
  }

  /// Takes memories whose time has come out of the index, unless a writer is at it; searches leave
  /// them out in any case. They stay in the catalogue.
  ///
  /// - Returns: whether there were any.
  func buryExpired() -> Bool {
    guard nextExpiry.load(ordering: .relaxed) != .max else { return false }
    let now = Timestamp.now
    guard nextExpiry.load(ordering: .relaxed) <= now else { return false }
    return state.withLockIfAvailable { expirations in
      var gone: [(row: UInt32, metadata: String?)] = []
      while let slots = expirations.popDue(at: now) {
        // An update or a delete may have taken one out before.
        for slot in slots { if let row = remove(slot) { gone.append((row, nil)) } }
      }
      metadata.record(gone)
      text.record(gone.map { ($0.row, nil) })
      nextExpiry.store(expirations.next ?? .max, ordering: .relaxed)
      return !gone.isEmpty
    } ?? false
  }
}

/// Slots of memories by the time they expire. Not rows: the number of one that is deleted before may
/// come again for another memory.
private struct Expirations {
  private var byTime: [Int64: [Int]] = [:]
  private var times = Heap<Int64>()
  /// What counts: a slot stays listed at a time that an update has taken from it.
  private var timeOf: [Int: Int64] = [:]

  var next: Int64? { times.min }

  /// - Parameter time: nil for never.
  mutating func set(_ slot: Int, to time: Int64?) {
    guard timeOf[slot] != time else { return }
    timeOf[slot] = time
    guard let time else { return }
    if byTime[time, default: []].isEmpty { times.insert(time) }
    byTime[time, default: []].append(slot)
  }

  /// The slots of the next time that has come.
  mutating func popDue(at now: Int64) -> [Int]? {
    guard let time = times.min, time <= now else { return nil }
    times.removeMin()
    let due = (byTime.removeValue(forKey: time) ?? []).filter { timeOf[$0] == time }
    for slot in due { timeOf[slot] = nil }
    return due
  }
}
