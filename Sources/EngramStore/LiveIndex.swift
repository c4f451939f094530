import EngramIndex
import Foundation
import HeapModule
import Synchronization

/// What a committed change does to the index.
enum AppliedChange: Sendable {
  /// A version with a vector of its own.
  case added(change: Int64, slot: Int, scope: Scope, expiresAt: Int64?)
  /// A new version of the memory whose vector lies in `slot`, with the same vector.
  case renewed(change: Int64, slot: Int)
  /// The memory whose vector lies in `slot` is no more, or has another vector now.
  case removed(slot: Int)
}

/// The searchable state of a store: the index over its vectors and what each row stands for.
/// Everything here is derived from the pages and the catalogue.
final class LiveIndex: Sendable {
  let index: HNSWIndex
  let table: RowTable
  let postings: ScopePostings
  private let pages: VectorPages
  private struct State {
    var covered: Int64 = 0
    var expirations = Expirations()
  }
  private let state: Mutex<State>
  /// When the next memory expires; searches compare the clock with it.
  private let nextExpiry = Atomic<Int64>(.max)

  init(
    index: HNSWIndex, table: RowTable, postings: ScopePostings, pages: VectorPages, covered: Int64
  ) {
    self.index = index
    self.table = table
    self.postings = postings
    self.pages = pages
    state = Mutex(State(covered: covered))
  }

  /// The change up to which searches see the store.
  var covered: Int64 { state.withLock { $0.covered } }

  /// Makes room for `count` more rows, so that `apply` cannot fail after a commit.
  func reserve(_ count: Int, slots: Int) throws(IndexError) {
    try index.reserve(count)
    try table.reserve(rows: index.rowCount + count, slots: slots)
  }

  /// Makes committed changes visible to searches, in their order; room has been reserved.
  func apply(_ changes: [AppliedChange], covering change: Int64) throws(IndexError) {
    try state.withLock { state throws(IndexError) in
      for applied in changes {
        switch applied {
        case .added(let change, let slot, let scope, let expiresAt):
          let row = index.rowCount
          let key = postings.intern(scope)
          table.set(row, change: change, slot: slot, key: key)
          _ = try index.append(at: [pages.vector(slot)])
          postings.add(UInt32(row), key)
          if let expiresAt { state.expirations.insert(row, at: expiresAt) }
        case .renewed(let change, let slot):
          if let row = table.row(ofSlot: slot) { table.setChange(row, change) }
        case .removed(let slot):
          // Its expiry may have taken it out already.
          if let row = table.row(ofSlot: slot) { try? index.delete(row) }
        }
      }
      state.covered = change
      nextExpiry.store(state.expirations.next ?? .max, ordering: .relaxed)
    }
  }

  /// Runs `body` with the number of rows and the change they cover, between two changes.
  func withState<Result>(_ body: (_ rows: Int, _ covered: Int64) -> Result) -> Result {
    state.withLock { body(index.rowCount, $0.covered) }
  }

  /// Rows that expire, for memories that were there when the store was opened.
  func expect(expiry: Int64, ofSlot slot: Int) {
    guard let row = table.row(ofSlot: slot) else { return }
    state.withLock {
      $0.expirations.insert(row, at: expiry)
      nextExpiry.store($0.expirations.next ?? .max, ordering: .relaxed)
    }
  }

  // MARK: Searching

  /// A result: the version that was current, and its exact score.
  struct Hit {
    var change: Int64
    var score: Float
  }

  /// The `k` nearest memories of a scope.
  ///
  /// Few rows are scored exactly, all of them; many are found by the graph with the scope inside
  /// the walk. Nothing is filtered out of results afterwards.
  ///
  /// - Parameter passing: rows that pass a metadata filter; nil for no filter.
  func search(
    _ query: [Float], k: Int, ef: Int?, scope: Scope, passing: RowSet?,
    statistics: inout SearchStatistics
  ) throws(IndexError) -> [Hit] {
    guard IndexLimits.k.contains(k) else { throw .kOutOfRange(k) }
    if let ef, !IndexLimits.ef.contains(ef) { throw .efOutOfRange(ef) }
    buryExpired()
    // An id that no memory has: the query is still checked, and the answer is empty.
    guard let (key, list) = postings.find(scope) else {
      _ = try index.search(query, k: k, ef: ef, among: RowSet(), statistics: &statistics)
      return []
    }
    let found: [Neighbour]
    if let list {
      found = try search(
        query, k: k, ef: ef, key: key, list: list, passing: passing, statistics: &statistics)
    } else {
      found = try index.search(query, k: k, ef: ef, among: passing, statistics: &statistics)
    }
    return found.map { Hit(change: table.change($0.row), score: $0.score) }
  }

  private func search(
    _ query: [Float], k: Int, ef: Int?, key: ScopePostings.Key, list: PostingList,
    passing: RowSet?, statistics: inout SearchStatistics
  ) throws(IndexError) -> [Neighbour] {
    let budget = index.scanBudget(ef: ef ?? index.defaultEF)
    let conditions = [key.user, key.agent, key.run].count { $0 > 0 }
    if conditions == 1, passing == nil, list.count <= budget {
      return try list.withRows { rows throws(IndexError) in
        try index.search(query, k: k, amongRows: rows, statistics: &statistics)
      }
    }
    var chosen: [UInt32] = []
    list.withRows { rows in
      for row in rows where matches(Int(row), key) && passing?.contains(Int(row)) != false {
        chosen.append(row)
      }
    }
    if chosen.count <= budget {
      return try chosen.withUnsafeBufferPointer { rows throws(IndexError) in
        try index.search(query, k: k, amongRows: rows, statistics: &statistics)
      }
    }
    return try index.search(
      query, k: k, ef: ef, among: RowSet(chosen.lazy.map(Int.init)), statistics: &statistics)
  }

  private func matches(_ row: Int, _ key: ScopePostings.Key) -> Bool {
    let own = table.key(row)
    return (key.user == 0 || key.user == own.user) && (key.agent == 0 || key.agent == own.agent)
      && (key.run == 0 || key.run == own.run)
  }

  /// Takes memories whose time has come out of the index. They stay in the catalogue.
  private func buryExpired() {
    guard nextExpiry.load(ordering: .relaxed) != .max else { return }
    let now = Timestamp.now
    guard nextExpiry.load(ordering: .relaxed) <= now else { return }
    state.withLock { state in
      while let rows = state.expirations.popDue(at: now) {
        // An update or a delete may have taken a row out before.
        for row in rows { try? index.delete(row) }
      }
      nextExpiry.store(state.expirations.next ?? .max, ordering: .relaxed)
    }
  }
}

/// Rows by the time they expire.
private struct Expirations {
  private var byTime: [Int64: [Int]] = [:]
  private var times = Heap<Int64>()

  var next: Int64? { times.min }

  mutating func insert(_ row: Int, at time: Int64) {
    if byTime[time, default: []].isEmpty { times.insert(time) }
    byTime[time, default: []].append(row)
  }

  /// The rows of the next time that has come.
  mutating func popDue(at now: Int64) -> [Int]? {
    guard let time = times.min, time <= now else { return nil }
    times.removeMin()
    return byTime.removeValue(forKey: time) ?? []
  }
}
