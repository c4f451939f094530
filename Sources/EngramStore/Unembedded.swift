import Foundation
import GRDB

/// A version of a memory that has no vector in a space yet.
struct Unembedded: Sendable {
  var version: Int64
  /// The change whose vector it has.
  var vector: Int64
  var memory: UUID
  var text: String

  /// Some of them, in the order of their changes.
  struct Batch: Sendable {
    var versions: [Unembedded] = []
    /// The versions up to this change have vectors once these have.
    var through: Int64
    /// Whether there were no others when it was read.
    var isLast = true
  }

  private static let batchBytes = 1 << 20

  /// The next ones after a change. Those that share a vector come once: with the version that brought it,
  /// or the oldest one left.
  static func next(
    after change: Int64, in space: UInt32, limit: Int, _ db: Database
  ) throws -> Batch {
    let columns = MemoryRow.columns.split(separator: " ").map { "m.\($0)" }.joined(separator: " ")
    let statement = try db.cachedStatement(
      sql: """
        SELECT \(columns) FROM memory m WHERE m.change > ? AND NOT EXISTS (
          SELECT 1 FROM vector v WHERE v.change = m.vector AND v.space = ?)
        ORDER BY m.change LIMIT ?
        """)
    statement.setUncheckedArguments([change, space, limit])
    var batch = Batch(through: try HistoryHead(db).sequence)
    var last: Int64 = 0
    var (rows, bytes) = (0, 0)
    var vectors = Set<Int64>()
    try SQLiteRow.each(of: statement) { row in
      rows += 1
      guard bytes < batchBytes else { return }
      let row = try MemoryRow(row)
      last = row.change
      bytes += row.text.utf8.count
      guard vectors.insert(row.vector).inserted else { return }
      batch.versions.append(
        Unembedded(version: row.change, vector: row.vector, memory: row.id, text: row.text))
    }
    if rows == limit || bytes >= batchBytes {
      batch.isLast = false
      batch.through = last
    }
    return batch
  }
}

extension VectorPages {
  /// Writes vectors of versions into slots of their own, syncs them and names them in the transaction.
  /// Under the writer lock, of a file that is not the active space's: nobody else writes there. What has
  /// been erased or cut since, or has its vector, is left out.
  ///
  /// - Returns: how many were written.
  func adopt(_ versions: [Unembedded], _ vectors: [[Float]], _ db: Database) throws -> Int {
    let isWanted = try db.cachedStatement(
      sql: """
        SELECT 1 FROM memory WHERE change = ?1 AND vector = ?2
          AND NOT EXISTS (SELECT 1 FROM vector WHERE change = ?2 AND space = ?3)
        """)
    let insert = try db.cachedStatement(
      sql: "INSERT INTO vector (change, space, slot, checksum) VALUES (?, ?, ?, ?)")
    let first = try Catalogue.slotCount(db, space: header.space)
    var slot = first
    var bytes: [UInt8] = []
    for (version, vector) in zip(versions, vectors) {
      isWanted.setUncheckedArguments([version.version, version.vector, header.space])
      guard try SQLiteRow.first(of: isWanted, { _ in true }) != nil else { continue }
      let checksum = VectorPages.vectorChecksum(vector)
      encodeSlot(
        SlotHeader(
          slot: UInt64(slot), change: version.vector, group: version.vector, memory: version.memory,
          vectorChecksum: checksum),
        vector, into: &bytes)
      insert.setUncheckedArguments([version.vector, header.space, slot, Int64(checksum)])
      try insert.execute()
      slot += 1
    }
    guard slot > first else { return 0 }
    try makeRoom(slots: slot)
    try writeSlots(bytes, from: first)
    try synchronise()
    return slot - first
  }
}
