import EngramIndex
import Foundation
import Synchronization

/// What ranking knows of each row of the index beside its text and its vector: when its memory last
/// changed, how much it matters, how often and when it was found last.
///
/// One writer at a time (the lock of `LiveIndex`) sets rows, and makes room for them before; searches
/// read them and count what they find.
final class RankingSignals: Sendable {
  /// Seconds since 1970.
  private let updates: ReservedArray<Atomic<UInt32>>
  /// 0 where nobody has said, or 1 and 254 times the importance.
  private let importances: ReservedArray<Atomic<UInt8>>
  /// How often in the upper half, when (seconds since 1970) in the lower.
  private let accesses: ReservedArray<Atomic<UInt64>>
  /// Whether what was counted before the store was opened is in it.
  private let hasPast = Mutex(false)

  static let bytesPerRow = 4 + 1 + 8

  init() throws(IndexError) {
    updates = try ReservedArray(limit: IndexLimits.rows)
    importances = try ReservedArray(limit: IndexLimits.rows)
    accesses = try ReservedArray(limit: IndexLimits.rows)
  }

  func reserve(rows: Int) throws(IndexError) {
    try updates.ensure(count: rows)
    try importances.ensure(count: rows)
    try accesses.ensure(count: rows)
  }

  // MARK: Rows

  /// What a memory's version says of itself.
  struct Own: Sendable {
    /// Microseconds since 1970.
    var updatedAt: Int64
    var importance: Double?
  }

  /// Of a new row, or of one whose memory has another version.
  func set(_ row: Int, _ own: Own) {
    updates.base[row].store(Self.seconds(own.updatedAt), ordering: .relaxed)
    importances.base[row].store(
      own.importance.map { 1 + UInt8(($0 * 254).rounded()) } ?? 0, ordering: .relaxed)
  }

  /// - Parameter other: the row that stood for the same memory before; nil for a new memory.
  func setAccesses(_ row: Int, asOf other: Int?) {
    accesses.base[row].store(
      other.map { accesses.base[$0].load(ordering: .relaxed) } ?? 0, ordering: .relaxed)
  }

  /// Counts an access, now.
  func access(_ row: Int, at time: Int64) {
    let now = UInt64(Self.seconds(time))
    var old = accesses.base[row].load(ordering: .relaxed)
    while true {
      let count = min(old >> 32 + 1, UInt64(UInt32.max))
      let (exchanged, found) = accesses.base[row].weakCompareExchange(
        expected: old, desired: count << 32 | now, ordering: .relaxed)
      if exchanged { return }
      old = found
    }
  }

  private static func seconds(_ microseconds: Int64) -> UInt32 {
    UInt32(clamping: microseconds / 1_000_000)
  }

  // MARK: Reading

  /// Seconds since 1970.
  @inline(__always)
  func updatedAt(_ row: UInt32) -> UInt32 { updates.base[Int(row)].load(ordering: .relaxed) }

  /// Nil where nobody has said.
  @inline(__always)
  func importance(_ row: UInt32) -> Float? {
    let value = importances.base[Int(row)].load(ordering: .relaxed)
    return value == 0 ? nil : Float(value - 1) / 254
  }

  /// How often, and when last in seconds since 1970.
  @inline(__always)
  func accesses(_ row: UInt32) -> (count: UInt32, last: UInt32) {
    let value = accesses.base[Int(row)].load(ordering: .relaxed)
    return (UInt32(truncatingIfNeeded: value >> 32), UInt32(truncatingIfNeeded: value))
  }

  // MARK: What was counted before

  /// Takes over the counts that the catalogue has, once; those of other processes are as they were then.
  ///
  /// - Parameter read: calls its argument with each memory that has one: its row, how often and when it was
  ///   found last, in microseconds since 1970.
  func fill(_ read: (_ take: (_ row: Int, _ count: Int64, _ at: Int64) -> Void) throws -> Void) throws {
    try hasPast.withLock { hasPast in
      guard !hasPast else { return }
      try read { row, count, at in
        let value = UInt64(UInt32(clamping: count)) << 32 | UInt64(Self.seconds(at))
        // What this process has counted meanwhile is on its way to the catalogue.
        accesses.base[row].max(value, ordering: .relaxed)
      }
      hasPast = true
    }
  }

  // MARK: Snapshot

  /// Times, importances and accesses of the first `rows` rows.
  func columns(_ rows: Int) -> [[UInt8]] {
    [
      Array(UnsafeRawBufferPointer(start: updates.base, count: rows * 4)),
      Array(UnsafeRawBufferPointer(start: importances.base, count: rows)),
      // Searches count meanwhile.
      (0..<rows).map { accesses.base[$0].load(ordering: .relaxed) }.withUnsafeBytes(Array.init),
    ]
  }

  /// Fills empty columns with saved ones.
  func restore(
    updates: SavedBytes, importances: SavedBytes, accesses: SavedBytes, rows: Int
  ) throws(IndexError) {
    guard updates.count == rows * 4, importances.count == rows, accesses.count == rows * 8 else {
      throw .damagedSnapshot("length of the ranking's columns")
    }
    try self.updates.restore(updates)
    try self.importances.restore(importances)
    try self.accesses.restore(accesses)
    try reserve(rows: rows)
  }
}
