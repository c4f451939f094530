import EngramIndex
import Synchronization

/// The terms of an index by number, and in how many of its texts each stands.
///
/// A hash table with open addressing over one stretch of bytes. Its size is fixed: a table that is full
/// is replaced by one in which terms keep their numbers and those that no text has any more leave theirs
/// to others. One writer at a time adds; readers find a term once its slot names it, which comes last.
final class TermTable: Sendable {
  /// Numbers of terms lie below it.
  let capacity: Int
  /// Hash and number plus one of a term; 0 where a slot is free. At most half of them are taken.
  private let slots: ReservedArray<Atomic<UInt64>>
  private let slotMask: Int
  /// Where the term of a number begins in `arena`, with a byte that tells its length.
  private let offsets: ReservedArray<UInt32>
  private let frequencies: ReservedArray<Atomic<UInt32>>
  private let arena: ReservedArray<UInt8>
  private let arenaCapacity: Int
  private let seed: UInt64
  private let writer = Mutex(Writer())

  private struct Writer {
    /// Numbers below it have been given.
    var used = 0
    /// Those of them that no term has.
    var free: [UInt32] = []
    var arenaUsed = 0
  }

  private static let smallest = 512

  private init(capacity: Int, arena arenaCapacity: Int, seed: UInt64) throws(IndexError) {
    self.capacity = capacity
    self.arenaCapacity = arenaCapacity
    self.seed = seed
    slotMask = 2 * capacity - 1
    slots = try ReservedArray(limit: 2 * capacity)
    offsets = try ReservedArray(limit: capacity)
    frequencies = try ReservedArray(limit: capacity)
    arena = try ReservedArray(limit: arenaCapacity)
    try slots.ensure(count: 2 * capacity)
    try offsets.ensure(count: capacity)
    try frequencies.ensure(count: capacity)
    try arena.ensure(count: arenaCapacity)
  }

  /// An empty table.
  convenience init() throws(IndexError) {
    // So that nobody can choose words that fall into one place.
    try self.init(
      capacity: Self.smallest, arena: 16 * Self.smallest, seed: .random(in: 0 ... .max))
  }

  // MARK: Finding

  /// The number of a term; nil where there is none.
  func number(of term: UnsafeBufferPointer<UInt8>) -> UInt32? {
    number(of: term, hash: hash(term))
  }

  private func number(of term: UnsafeBufferPointer<UInt8>, hash: UInt32) -> UInt32? {
    var place = Int(hash) & slotMask
    while true {
      let slot = slots.base[place].load(ordering: .acquiring)
      if slot == 0 { return nil }
      if UInt32(truncatingIfNeeded: slot >> 32) == hash {
        let number = UInt32(truncatingIfNeeded: slot) - 1
        if isEqual(term, number) { return number }
      }
      place = (place + 1) & slotMask
    }
  }

  private func isEqual(_ term: UnsafeBufferPointer<UInt8>, _ number: UInt32) -> Bool {
    let own = bytes(of: number)
    guard own.count == term.count else { return false }
    for index in 0..<own.count where own[index] != term[index] { return false }
    return true
  }

  /// The bytes of a term that there is.
  func bytes(of number: UInt32) -> UnsafeBufferPointer<UInt8> {
    let start = arena.base + Int(offsets.base[Int(number)])
    return UnsafeBufferPointer(start: start + 1, count: Int(start.pointee))
  }

  @inline(__always)
  func frequency(_ number: UInt32) -> Int {
    Int(frequencies.base[Int(number)].load(ordering: .relaxed))
  }

  /// Multiplies the bytes, eight at a time, into a number as wide again.
  private func hash(_ term: UnsafeBufferPointer<UInt8>) -> UInt32 {
    var hash = seed ^ UInt64(term.count)
    let bytes = UnsafeRawBufferPointer(term)
    func mix(_ word: UInt64) {
      let product = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
      hash = product.high ^ product.low
    }
    var place = 0
    while place + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      place += 8
    }
    var rest: UInt64 = 0
    while place < bytes.count {
      rest = rest << 8 | UInt64(bytes[place])
      place += 1
    }
    mix(rest)
    return UInt32(truncatingIfNeeded: hash >> 32)
  }

  // MARK: Writing

  /// The number of a term, which it gets where it has none; nil where the table is full.
  func intern(_ term: UnsafeBufferPointer<UInt8>) -> UInt32? {
    let hash = hash(term)
    if let number = number(of: term, hash: hash) { return number }
    return writer.withLock { writer in
      guard writer.arenaUsed + term.count + 1 <= arenaCapacity else { return nil }
      let number: UInt32
      if let free = writer.free.popLast() {
        number = free
      } else if writer.used < capacity {
        number = UInt32(writer.used)
        writer.used += 1
      } else {
        return nil
      }
      offsets.base[Int(number)] = UInt32(writer.arenaUsed)
      let start = arena.base + writer.arenaUsed
      start.pointee = UInt8(term.count)
      if let base = term.baseAddress { (start + 1).update(from: base, count: term.count) }
      writer.arenaUsed += term.count + 1
      place(number, hash: hash)
      return number
    }
  }

  private func place(_ number: UInt32, hash: UInt32) {
    var place = Int(hash) & slotMask
    while slots.base[place].load(ordering: .relaxed) != 0 { place = (place + 1) & slotMask }
    slots.base[place].store(UInt64(hash) << 32 | UInt64(number + 1), ordering: .releasing)
  }

  /// One more text, or one less, has a term.
  func count(_ number: UInt32, by difference: Int) {
    let frequency = frequencies.base[Int(number)].load(ordering: .relaxed)
    frequencies.base[Int(number)].store(
      UInt32(truncatingIfNeeded: Int(frequency) + difference), ordering: .relaxed)
  }

  /// A table with the same terms and as many again; those that no text has are left out.
  ///
  /// - Parameter kept: terms of a text that is not counted yet.
  func grown(keeping kept: [UInt32]) throws(IndexError) -> TermTable {
    let used = writer.withLock { $0.used }
    var isKept = [Bool](repeating: false, count: used)
    for number in kept { isKept[Int(number)] = true }
    for number in 0..<used where frequency(UInt32(number)) > 0 { isKept[number] = true }
    var count = 0
    var arenaUsed = 0
    for number in 0..<used where isKept[number] {
      count += 1
      arenaUsed += bytes(of: UInt32(number)).count + 1
    }
    let table = try Self.sized(
      numbers: used, terms: 2 * count, arena: 2 * arenaUsed, seed: seed)
    for number in 0..<used where isKept[number] {
      table.restore(UInt32(number), bytes(of: UInt32(number)), frequency: frequency(UInt32(number)))
    }
    table.finishRestoring(used: used) { isKept[$0] }
    return table
  }

  private static func sized(
    numbers: Int, terms: Int, arena: Int, seed: UInt64
  ) throws(IndexError) -> TermTable {
    var capacity = smallest
    while capacity < max(numbers, terms) { capacity *= 2 }
    guard capacity <= TextDocuments.termsMax, arena <= UInt32.max else {
      throw .full(rows: IndexLimits.rows)
    }
    return try TermTable(capacity: capacity, arena: max(arena, 16 * smallest), seed: seed)
  }

  private func restore(
    _ number: UInt32, _ term: UnsafeBufferPointer<UInt8>, frequency: Int
  ) {
    writer.withLock { writer in
      offsets.base[Int(number)] = UInt32(writer.arenaUsed)
      let start = arena.base + writer.arenaUsed
      start.pointee = UInt8(term.count)
      if let base = term.baseAddress { (start + 1).update(from: base, count: term.count) }
      writer.arenaUsed += term.count + 1
    }
    frequencies.base[Int(number)].store(UInt32(frequency), ordering: .relaxed)
    place(number, hash: hash(term))
  }

  private func finishRestoring(used: Int, isTaken: (Int) -> Bool) {
    writer.withLock { writer in
      writer.used = used
      writer.free = (0..<used).reversed().filter { !isTaken($0) }.map(UInt32.init)
    }
  }

  // MARK: Snapshot

  /// Lengths and bytes of the terms below `count`; without bytes where they are not wanted.
  func columns(_ count: Int, where isWanted: (Int) -> Bool) -> (lengths: [UInt8], bytes: [UInt8]) {
    var lengths = [UInt8](repeating: 0, count: count)
    var all: [UInt8] = []
    for number in 0..<count where isWanted(number) {
      let bytes = bytes(of: UInt32(number))
      lengths[number] = UInt8(bytes.count)
      all.append(contentsOf: bytes)
    }
    return (lengths, all)
  }

  /// A table of saved columns; no term is counted yet.
  static func restored(
    lengths: UnsafeBufferPointer<UInt8>, bytes: UnsafeBufferPointer<UInt8>
  ) throws(IndexError) -> TermTable {
    let count = lengths.count
    let table = try sized(
      numbers: count, terms: count + count / 2, arena: 2 * (bytes.count + count),
      seed: .random(in: 0 ... .max))
    var place = 0
    for number in 0..<count where lengths[number] > 0 {
      let end = place + Int(lengths[number])
      guard end <= bytes.count, Int(lengths[number]) <= TextTokenizer.tokenBytesMax else {
        throw .damagedSnapshot("terms")
      }
      let term = UnsafeBufferPointer(rebasing: bytes[place..<end])
      guard table.number(of: term) == nil else { throw .damagedSnapshot("terms") }
      table.restore(UInt32(number), term, frequency: 0)
      place = end
    }
    guard place == bytes.count else { throw .damagedSnapshot("terms") }
    table.finishRestoring(used: count) { lengths[$0] > 0 }
    return table
  }

  /// How many terms have a number, whether texts have them or not.
  var count: Int { writer.withLock { $0.used - $0.free.count } }

  /// Numbers that have been given lie below it.
  var used: Int { writer.withLock { $0.used } }

  var bytes: Int { 24 * capacity + writer.withLock { $0.arenaUsed } }
}
