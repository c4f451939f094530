/// Which memories were said one after the other in a run.
extension LiveIndex {
  /// Rows in the order in which their memories changed last. Their numbers mostly have that order, but
  /// one whose memory is gone comes again.
  func inOrderOfChanges(_ rows: [UInt32]) -> [UInt32] {
    var last = Int64.min
    for row in rows {
      let change = table.change(Int(row))
      if change < last { return rows.sorted { table.change(Int($0)) < table.change(Int($1)) } }
      last = change
    }
    return rows
  }

  /// Of each row, the place of the one before it in the same run of the same user; -1 where there is
  /// none.
  ///
  /// - Parameter rows: in the order of their changes.
  func previousTurns(of rows: [UInt32]) -> [Int32] {
    var previous = [Int32](repeating: -1, count: rows.count)
    var last: [UInt64: Int32] = [:]
    var (run, place) = (UInt64(0), Int32(-1))
    for (index, row) in rows.enumerated() {
      let key = table.key(Int(row))
      guard key.run > 0 else { continue }
      let this = UInt64(key.run) << 32 | UInt64(key.user)
      if this != run {
        // The turns of a run mostly follow each other.
        if place >= 0 { last[run] = place }
        place = last[this] ?? -1
        run = this
      }
      previous[index] = place
      place = Int32(index)
    }
    return previous
  }
}

/// The turns of the runs that one search comes by.
struct TurnsOfRuns {
  private let live: LiveIndex
  private var rows: [UInt32: [UInt32]] = [:]

  init(_ live: LiveIndex) { self.live = live }

  /// The rows up to two turns before and after one in the same run of the same user, and itself.
  mutating func around(_ row: UInt32) -> [UInt32] {
    let key = live.table.key(Int(row))
    guard key.run > 0 else { return [] }
    let turns = rows[key.run] ?? live.postings.rows(ofRun: key.run)
    rows[key.run] = turns
    let place = turns.firstPlace(from: row)
    let table = live.table
    func isTheirs(_ turn: UInt32) -> Bool { table.key(Int(turn)).user == key.user }
    let before = turns[..<place].reversed().lazy.filter(isTheirs).prefix(2)
    let after = turns[place...].dropFirst().lazy.filter(isTheirs).prefix(2)
    return before + [row] + after
  }
}

extension LiveIndex.Domain {
  func contains(_ row: UInt32) -> Bool {
    switch self {
    case .everything: true
    case .list(let list): list.contains(row)
    case .set(let set): set.contains(Int(row))
    }
  }
}

extension [UInt32] {
  /// Of ascending numbers, the place of the first that is not below one.
  fileprivate func firstPlace(from number: UInt32) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
