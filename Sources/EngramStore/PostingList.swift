import EngramIndex

/// A set of rows, changed in any order: a sorted list where they are few, a bitmap where that takes
/// less. A value: whoever has a copy sees the rows that were there when it was made.
package struct PostingList: Sendable {
  /// Ascending; empty where the rows are a bitmap.
  private var list: [UInt32] = []
  /// Without words where the rows are a list.
  private var bits = RowSet()

  package init() {}

  /// - Parameter rows: ascending, each once.
  package init(sorted rows: [UInt32]) {
    list = rows
    chooseForm()
  }

  private init(words: [UInt64]) {
    bits = RowSet(words: words)
    chooseForm()
  }

  package var count: Int { list.count + bits.count }

  package var isEmpty: Bool { count == 0 }

  private var isBitmap: Bool { !bits.words.isEmpty }

  package func contains(_ row: UInt32) -> Bool {
    if isBitmap { return bits.contains(Int(row)) }
    let place = place(of: row)
    return place < list.count && list[place] == row
  }

  package mutating func insert(_ row: UInt32) {
    // A bitmap that reached so far might take more than the list.
    if isBitmap, Int(row >> 6) >= max(bits.words.count, count + 1) { becomeList() }
    if isBitmap {
      bits.insert(Int(row))
    } else {
      let place = place(of: row)
      if place < list.count, list[place] == row { return }
      list.insert(row, at: place)
      chooseForm()
    }
  }

  package mutating func remove(_ row: UInt32) {
    if isBitmap {
      bits.remove(Int(row))
    } else {
      let place = place(of: row)
      guard place < list.count, list[place] == row else { return }
      list.remove(at: place)
    }
    chooseForm()
  }

  /// Where a row is in the list, or belongs.
  private func place(of row: UInt32) -> Int {
    guard let last = list.last, last >= row else { return list.count }
    var (low, high) = (0, list.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if list[middle] < row { low = middle + 1 } else { high = middle }
    }
    return low
  }

  // MARK: Forms

  /// A list takes 4 bytes a row and a bitmap 8 a word; between the two bounds both forms stay.
  private mutating func chooseForm() {
    if isBitmap {
      if count < bits.words.count { becomeList() }
    } else if let last = list.last, count >= 2 * (Int(last >> 6) + 1) {
      bits = rowSet
      list = []
    }
  }

  private mutating func becomeList() {
    list = rows
    bits = RowSet()
  }

  /// As the index takes many rows; no copy where that is how they are kept.
  var rowSet: RowSet { isBitmap ? bits : RowSet(words: bitmap(words: wordsNeeded)) }

  /// A bit for each row, in so many words; rows beyond them are left out.
  func bitmap(words count: Int) -> [UInt64] {
    var words = Array(bits.words.prefix(count))
    words.append(contentsOf: repeatElement(0, count: count - words.count))
    for row in list where Int(row >> 6) < count { words[Int(row >> 6)] |= 1 << UInt64(row & 63) }
    return words
  }

  /// The rows, ascending.
  package var rows: [UInt32] { isBitmap ? bits.numbers : list }

  /// Calls `body` with those rows beside one that are wanted, up to `count` on each side.
  func forEach(
    around row: UInt32, _ count: Int, where isWanted: (UInt32) -> Bool, _ body: (UInt32) -> Void
  ) {
    let place = place(of: row)
    for step in [-1, 1] {
      var left = count
      var distance = step
      // In a bitmap rows lie close together: it is one because it holds many of them.
      while left > 0, abs(distance) <= Self.reach {
        defer { distance += step }
        let other: UInt32
        if isBitmap {
          guard let number = UInt32(exactly: Int(row) + distance), bits.contains(Int(number)) else { continue }
          other = number
        } else {
          guard list.indices.contains(place + distance) else { break }
          other = list[place + distance]
        }
        if isWanted(other) {
          body(other)
          left -= 1
        }
      }
    }
  }

  /// How far `forEach(around:)` looks.
  private static let reach = 1_024

  // MARK: Set operations

  package func intersection(_ other: PostingList) -> PostingList {
    switch (isBitmap, other.isBitmap) {
    case (true, true): PostingList(words: zip(bits.words, other.bits.words).map { $0 & $1 })
    case (true, false): PostingList(sorted: other.list.filter(contains))
    case (false, true): PostingList(sorted: list.filter(other.contains))
    case (false, false): merging(other, own: false, others: false, shared: true)
    }
  }

  package func subtracting(_ other: PostingList) -> PostingList {
    switch (isBitmap, other.isBitmap) {
    case _ where other.isEmpty: self
    case (true, _):
      PostingList(
        words: zip(bits.words, other.bitmap(words: bits.words.count)).map { $0 & ~$1 })
    case (false, true): PostingList(sorted: list.filter { !other.contains($0) })
    case (false, false): merging(other, own: true, others: false, shared: false)
    }
  }

  package func union(_ other: PostingList) -> PostingList {
    guard isBitmap || other.isBitmap else {
      return merging(other, own: true, others: true, shared: true)
    }
    return Self.union(of: [self, other])
  }

  package static func union(of lists: [PostingList]) -> PostingList {
    if lists.count == 1 { return lists[0] }
    let words = lists.reduce(0) { max($0, $1.wordsNeeded) }
    guard lists.reduce(0, { $0 + $1.count }) >= words else {
      var rows = lists.flatMap(\.rows)
      rows.sort()
      var distinct: [UInt32] = []
      distinct.reserveCapacity(rows.count)
      for row in rows where row != distinct.last { distinct.append(row) }
      return PostingList(sorted: distinct)
    }
    var union = [UInt64](repeating: 0, count: words)
    for list in lists {
      for (index, word) in list.bits.words.enumerated() { union[index] |= word }
      for row in list.list { union[Int(row >> 6)] |= 1 << UInt64(row & 63) }
    }
    return PostingList(words: union)
  }

  private var wordsNeeded: Int { list.last.map { Int($0 >> 6) + 1 } ?? bits.words.count }

  /// Both lists in one pass; which rows are kept depends on who has them.
  private func merging(
    _ other: PostingList, own: Bool, others: Bool, shared: Bool
  ) -> PostingList {
    var rows: [UInt32] = []
    var (left, right) = (0, 0)
    while left < list.count, right < other.list.count {
      let (a, b) = (list[left], other.list[right])
      if a <= b { left += 1 }
      if b <= a { right += 1 }
      if a == b ? shared : a < b ? own : others { rows.append(min(a, b)) }
    }
    if own { rows += list[left...] }
    if others { rows += other.list[right...] }
    return PostingList(sorted: rows)
  }
}
