/// A set of row numbers as a bitmap.
public struct RowSet: Sendable {
  private var words: [UInt64]
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

  @inline(__always)
  public func contains(_ row: Int) -> Bool {
    let word = row >> 6
    return row >= 0 && word < words.count && words[word] >> UInt64(row & 63) & 1 != 0
  }

  /// The rows, ascending.
  public var rows: [Int] {
    var result: [Int] = []
    result.reserveCapacity(count)
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        result.append(index << 6 + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
    return result
  }
}
