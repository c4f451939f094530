/// The postings of one metadata key: each distinct value with the rows that hold it. A condition is
/// asked of each value once, not of each memory.
struct KeyPostings: Sendable {
  private struct Entry {
    /// One of those that are alike.
    var value: JSONValue
    var rows = PostingList()
  }

  /// An entry without rows is free.
  private var entries: [Entry] = []
  private var free: [Int] = []
  private var numbers: [DistinctValue: Int] = [:]
  /// Entries found by less than their whole value: lists by their elements, dates by their instant.
  private var holders: [Scalar: [Int]] = [:]
  /// The entry of each row, plus one; 0 where it has none.
  private var entryOfRow: [UInt32] = []
  /// Rows that have the key with a value other than null.
  private var present = PostingList()
  private var valueBytes = 0

  /// About how much memory this takes.
  var bytes: Int { 1_024 + entryOfRow.count * 4 + present.count * 8 + valueBytes }

  /// Files a row under its value alone; nil where it has none or is no more.
  mutating func set(_ row: UInt32, to value: JSONValue?) {
    let old = Int(row) < entryOfRow.count ? Int(entryOfRow[Int(row)]) - 1 : -1
    let new = value.map { number(of: $0) } ?? -1
    guard new != old else { return }
    if old >= 0 {
      entries[old].rows.remove(row)
      if entries[old].rows.isEmpty { release(old) }
    }
    if new >= 0 {
      entries[new].rows.insert(row)
      present.insert(row)
      if Int(row) >= entryOfRow.count {
        entryOfRow.append(
          contentsOf: repeatElement(0, count: Int(row) + 1 - entryOfRow.count))
      }
    } else {
      present.remove(row)
    }
    if Int(row) < entryOfRow.count { entryOfRow[Int(row)] = UInt32(new + 1) }
  }

  /// The entry of a value, made where there is none.
  private mutating func number(of value: JSONValue) -> Int {
    let distinct = DistinctValue(value)
    if let number = numbers[distinct] { return number }
    let number = free.popLast() ?? entries.count
    if number == entries.count { entries.append(Entry(value: value)) }
    entries[number].value = value
    numbers[distinct] = number
    for scalar in DistinctValue.parts(of: value) { holders[scalar, default: []].append(number) }
    valueBytes += DistinctValue.bytes(of: value)
    return number
  }

  private mutating func release(_ number: Int) {
    let value = entries[number].value
    numbers[DistinctValue(value)] = nil
    for scalar in DistinctValue.parts(of: value) {
      holders[scalar]?.removeAll { $0 == number }
      if holders[scalar]?.isEmpty == true { holders[scalar] = nil }
    }
    valueBytes -= DistinctValue.bytes(of: value)
    entries[number].value = .null
    free.append(number)
  }

  // MARK: Asking

  /// The rows whose metadata meets a comparison of this key.
  func rows(meeting comparison: Filter.Comparison) -> RowSelection {
    let rows =
      if case .exists = comparison.condition { present } else {
        PostingList.union(of: lists(meeting: comparison.condition))
      }
    return comparison.isNegated ? .allBut(rows) : .only(rows)
  }

  private func lists(meeting condition: Condition) -> [PostingList] {
    guard let choices = condition.choices else {
      return entries.lazy.filter { condition.holds(for: $0.value) }.map(\.rows)
    }
    var numbers = Set(
      choices.flatMap { choice in
        (holders[choice] ?? []) + (self.numbers[.scalar(choice)].map { [$0] } ?? [])
      })
    numbers = numbers.filter { condition.holds(for: entries[$0].value) }
    guard condition.takesSubstring else { return numbers.map { entries[$0].rows } }
    for (number, entry) in entries.enumerated() {
      guard case .string = entry.value, condition.holds(for: entry.value) else { continue }
      numbers.insert(number)
    }
    return numbers.map { entries[$0].rows }
  }
}

/// What of a value filters can tell: two that are equal here meet the same conditions.
private enum DistinctValue: Hashable {
  case scalar(Scalar)
  /// The scalars in a list; filters see nothing else of it.
  case list(Set<Scalar>)
  /// An object: it is there.
  case other

  init(_ value: JSONValue) {
    if case .array(let elements) = value {
      self = .list(Set(elements.compactMap { Scalar($0) }))
    } else {
      self = Scalar(value).map(DistinctValue.scalar) ?? .other
    }
  }

  /// What a value is found by beside itself.
  static func parts(of value: JSONValue) -> Set<Scalar> {
    switch value {
    case .array(let elements):
      Set(elements.flatMap { [Scalar($0), Scalar($0, asDate: true)].compactMap { $0 } })
    case .string:
      Set([Scalar(value, asDate: true)].compactMap { $0 })
    default:
      []
    }
  }

  /// About what an entry of this value takes.
  static func bytes(of value: JSONValue) -> Int {
    switch value {
    case .string(let text): 256 + 2 * text.utf8.count
    case .array(let elements): elements.reduce(256) { $0 + bytes(of: $1) }
    default: 256
    }
  }
}
