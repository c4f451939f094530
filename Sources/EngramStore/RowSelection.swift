import EngramIndex

/// The rows that meet a condition: those named, or all but those. A condition that most rows meet,
/// such as `ne`, needs no list of them all.
package enum RowSelection: Sendable {
  case only(PostingList)
  case allBut(PostingList)

  package static let all = RowSelection.allBut(PostingList())
  package static let none = RowSelection.only(PostingList())

  package var inverted: RowSelection {
    switch self {
    case .only(let rows): .allBut(rows)
    case .allBut(let rows): .only(rows)
    }
  }

  package func intersection(_ other: RowSelection) -> RowSelection {
    switch (self, other) {
    case (.only(let a), .only(let b)): .only(a.intersection(b))
    case (.only(let a), .allBut(let b)): .only(a.subtracting(b))
    case (.allBut(let a), .only(let b)): .only(b.subtracting(a))
    case (.allBut(let a), .allBut(let b)): .allBut(a.union(b))
    }
  }

  package func union(_ other: RowSelection) -> RowSelection {
    inverted.intersection(other.inverted).inverted
  }

  package func contains(_ row: UInt32) -> Bool {
    switch self {
    case .only(let rows): rows.contains(row)
    case .allBut(let rows): !rows.contains(row)
    }
  }

  /// Selects a row, or not; nil for one that no memory has any more, so that it counts nowhere.
  package mutating func set(_ row: UInt32, selected: Bool?) {
    switch self {
    case .only(var rows):
      self = .none
      if selected == true { rows.insert(row) } else { rows.remove(row) }
      self = .only(rows)
    case .allBut(var rows):
      self = .none
      if selected == false { rows.insert(row) } else { rows.remove(row) }
      self = .allBut(rows)
    }
  }

  /// How many of so many live rows are selected.
  package func count(of live: Int) -> Int {
    switch self {
    case .only(let rows): rows.count
    case .allBut(let rows): max(live - rows.count, 0)
    }
  }

  /// As a bitmap of the index over its first `rowCount` rows.
  package func rowSet(rowCount: Int) -> RowSet {
    switch self {
    case .only(let rows): return rows.rowSet
    case .allBut(let rows):
      var words = rows.bitmap(words: (rowCount + 63) / 64).map { ~$0 }
      // The last word has bits for rows that there are not.
      if rowCount % 64 != 0 { words[words.count - 1] &= (1 << UInt64(rowCount % 64)) - 1 }
      return RowSet(words: words)
    }
  }
}
