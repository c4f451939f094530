import EngramIndex
import Synchronization

/// What the store knows of each row of the index: which version of which memory it is.
///
/// One writer at a time (the lock of `LiveIndex`) writes; a row is read once the index shows it. The
/// number of a row whose memory is gone may come again for another memory; slots never do.
package final class RowTable: Sendable {
  /// The change that made the version; later versions that keep the vector replace it.
  private let changes: ReservedArray<Atomic<Int64>>
  private let slots: ReservedArray<UInt32>
  private let keys: ReservedArray<ScopePostings.Key>
  /// A slot's row, plus one; 0 where it has none.
  private let rowsOfSlots: ReservedArray<Atomic<UInt32>>
  private let highestSlot = Atomic<Int>(0)

  /// Change, slot, scope and the way back from the slot.
  static let bytesPerRow = 8 + 4 + 12 + 4

  package init() throws(IndexError) {
    changes = try ReservedArray(limit: IndexLimits.rows)
    slots = try ReservedArray(limit: IndexLimits.rows)
    keys = try ReservedArray(limit: IndexLimits.rows)
    rowsOfSlots = try ReservedArray(limit: 2 * IndexLimits.rows)
  }

  package func reserve(rows: Int, slots slotCount: Int) throws(IndexError) {
    try changes.ensure(count: rows)
    try slots.ensure(count: rows)
    try keys.ensure(count: rows)
    try rowsOfSlots.ensure(count: slotCount)
    highestSlot.max(slotCount, ordering: .relaxed)
  }

  package func set(_ row: Int, change: Int64, slot: Int, key: ScopePostings.Key) {
    forget(row)
    changes.base[row].store(change, ordering: .releasing)
    slots.base[row] = UInt32(slot)
    keys.base[row] = key
    rowsOfSlots.base[slot].store(UInt32(row) + 1, ordering: .releasing)
  }

  /// The slot of a row leads to it no more.
  package func forget(_ row: Int) {
    let slot = Int(slots.base[row])
    if self.row(ofSlot: slot) == row { rowsOfSlots.base[slot].store(0, ordering: .releasing) }
  }

  @inline(__always)
  func change(_ row: Int) -> Int64 { changes.base[row].load(ordering: .acquiring) }
  func setChange(_ row: Int, _ change: Int64) {
    changes.base[row].store(change, ordering: .releasing)
  }
  func slot(_ row: Int) -> Int { Int(slots.base[row]) }
  @inline(__always)
  func key(_ row: Int) -> ScopePostings.Key { keys.base[row] }

  package func row(ofSlot slot: Int) -> Int? {
    guard slot >= 0, slot < highestSlot.load(ordering: .relaxed) else { return nil }
    let row = rowsOfSlots.base[slot].load(ordering: .acquiring)
    return row == 0 ? nil : Int(row) - 1
  }

  // MARK: Snapshot

  /// Change, slot and scope of each of the first `rows` rows, column by column.
  ///
  /// - Parameter kept: the slots of another file, in its order; a row whose slot is not among them is
  ///   dead. Nil for the slots as they are.
  func columns(_ rows: Int, slots kept: [Int]?) -> [[UInt8]] {
    var slots = Array(UnsafeBufferPointer(start: slots.base, count: rows))
    if let kept {
      var places = [UInt32](repeating: 0, count: (kept.last ?? -1) + 1)
      for (place, slot) in kept.enumerated() { places[slot] = UInt32(place) }
      slots = slots.map { $0 < places.count ? places[Int($0)] : 0 }
    }
    return [
      Array(UnsafeRawBufferPointer(start: changes.base, count: rows * 8)),
      slots.withUnsafeBytes(Array.init),
      Array(UnsafeRawBufferPointer(start: keys.base, count: rows * 12)),
    ]
  }

  /// Fills an empty table with saved columns.
  ///
  /// - Parameters:
  ///   - slotCount: slots lie below it.
  ///   - names: the number of users, agents and runs.
  ///   - isLive: a dead row's slot may be another row's by now, or nobody's.
  /// - Throws: `IndexError.damagedSnapshot` where a slot or a scope is none of these.
  func restore(
    changes: SavedBytes, slots: SavedBytes, keys: SavedBytes, rows: Int, slotCount: Int,
    names: ScopePostings.Key, isLive: (Int) -> Bool
  ) throws(IndexError) {
    guard changes.count == rows * 8, slots.count == rows * 4, keys.count == rows * 12 else {
      throw .damagedSnapshot("length of the rows")
    }
    try self.changes.restore(changes)
    try self.slots.restore(slots)
    try self.keys.restore(keys)
    try reserve(rows: rows, slots: slotCount)
    for row in 0..<rows {
      let (slot, key) = (Int(self.slots.base[row]), self.keys.base[row])
      guard slot < slotCount || !isLive(row), key.user <= names.user, key.agent <= names.agent,
        key.run <= names.run
      else { throw .damagedSnapshot("row \(row)") }
      if isLive(row) { rowsOfSlots.base[slot].store(UInt32(row) + 1, ordering: .relaxed) }
    }
  }
}
