/// A set of row numbers as a bitmap.
public struct RowSet: Sendable {
  /// A bit per row, from row 0 on.
  package private(set) var words: [UInt64]
  /// How many rows the set holds.
  public private(set) var count = 0

  /// An empty set with room for rows below `rows`; `insert` makes more.
  public init(rows: Int = 0) {
    let rows = min(max(rows, 0), IndexLimits.rows)
    words = [UInt64](repeating: 0, count: (rows + 63) / 64)
  }

  public init(_ rows: some Sequence<Int>) {
    self.init()
    for row in rows { insert(row) }
  }

  /// - Parameter words: a bit per row, from row 0 on.
  package init(words: [UInt64]) {
    self.words = words
    count = words.reduce(0) { $0 + $1.nonzeroBitCount }
  }

  /// Adds a row number. Those that no index has are ignored: negative ones, and from
  /// `IndexLimits.rows` on.
  public mutating func insert(_ row: Int) {
    guard row >= 0, row < IndexLimits.rows else { return }
    let word = row >> 6
    if word >= words.count {
      words.append(contentsOf: repeatElement(0, count: word + 1 - words.count))
    }
    let bit = UInt64(1) << UInt64(row & 63)
    guard words[word] & bit == 0 else { return }
    words[word] |= bit
    count += 1
  }

  package mutating func remove(_ row: Int) {
    guard contains(row) else { return }
    words[row >> 6] &= ~(UInt64(1) << UInt64(row & 63))
    count -= 1
  }

  @inline(__always)
  public func contains(_ row: Int) -> Bool {
    let word = row >> 6
    return row >= 0 && word < words.count && words[word] >> UInt64(row & 63) & 1 != 0
  }

  /// The rows, ascending.
  public var rows: [Int] { list() }

  /// The rows, ascending, as an index numbers them.
  package var numbers: [UInt32] { list() }

  private func list<Number: FixedWidthInteger>() -> [Number] {
    var result: [Number] = []
    result.reserveCapacity(count)
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        result.append(Number(truncatingIfNeeded: index << 6 + rest.trailingZeroBitCount))
        rest &= rest - 1
      }
    }
    return result
  }
}
