/// Which memories were said one after the other in a run.
struct Turns {
  /// Of each of some places, the one before it in the same run; -1 where there is none.
  private(set) var previous: [Int32]
  private var last: [UInt64: Int32] = [:]
  private var run: UInt64 = 0
  private var place: Int32 = -1

  init(count: Int) { previous = [Int32](repeating: -1, count: count) }

  /// The next turn, in the order in which they came.
  @inline(__always)
  mutating func visit(_ index: Int, run this: UInt64) {
    if this != run {
      // The turns of a run mostly follow each other.
      if place >= 0 { last[run] = place }
      place = last[this] ?? -1
      run = this
    }
    previous[index] = place
    place = Int32(index)
  }
}

extension LiveIndex {
  /// Of each row, the place of the one before it in the same run of the same user; -1 where there is
  /// none.
  func previousTurns(of rows: [UInt32]) -> [Int32] {
    var turns = Turns(count: rows.count)
    func visit(_ index: Int) {
      let key = table.key(Int(rows[index]))
      if key.run > 0 { turns.visit(index, run: UInt64(key.run) << 32 | UInt64(key.user)) }
    }
    // The numbers of rows mostly have the order in which memories came, but one whose memory is gone
    // comes again.
    if areInOrder(rows) {
      for index in rows.indices { visit(index) }
    } else {
      let changes = rows.map { table.change(Int($0)) }
      for index in rows.indices.sorted(by: { changes[$0] < changes[$1] }) { visit(index) }
    }
    return turns.previous
  }

  private func areInOrder(_ rows: [UInt32]) -> Bool {
    var last = Int64.min
    for row in rows {
      let change = table.change(Int(row))
      if change < last { return false }
      last = change
    }
    return true
  }

  /// The same rows and those up to two turns before and after one of them in the same run of the same
  /// user; ascending, each once.
  func withTurns(around rows: [UInt32]) -> [UInt32] {
    var all = rows
    postings.withRowsOfRuns { turns in
      for row in rows {
        let key = table.key(Int(row))
        guard key.run > 0 else { continue }
        turns(key.run).forEach(around: row, 2, where: { table.key(Int($0)).user == key.user }) {
          all.append($0)
        }
      }
    }
    return all.sortedOnce
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
  /// Ascending, each once.
  var sortedOnce: [UInt32] {
    var rows = sorted()
    var kept = 0
    for row in rows where kept == 0 || rows[kept - 1] != row {
      rows[kept] = row
      kept += 1
    }
    rows.removeLast(rows.count - kept)
    return rows
  }

  /// Where a row is among ascending ones.
  func place(of row: UInt32) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < row { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] == row ? low : nil
  }
}
