import Foundation
import GRDB
import SystemPackage

/// What the catalogue says about files of vectors.
extension VectorPages {
  /// Whether this is the file that the rows of a transaction mean: of the active space, and the last
  /// that compaction made of it.
  func isCurrent(_ db: Database) throws -> Bool {
    let active = try VectorSpace.active(db)
    return active.id == header.space && active.generation == header.generation
  }

  /// Calls `body` on each vector that the catalogue names in this space: the change that brought it, its
  /// slot, and whether that holds it.
  func eachVector(
    _ db: Database, _ body: (_ change: Int64, _ slot: Int, _ isWhole: Bool) throws -> Void
  ) throws {
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT v.change, v.slot, v.checksum, h.memory_id
        FROM vector v LEFT JOIN history h ON h.sequence = v.change WHERE v.space = ? ORDER BY v.slot
        """, arguments: [header.space])
    while let row = try rows.next() {
      let (change, slot): (Int64, Int) = (try row.value(0), try row.value(1))
      let memory = UUID(bytes: try row.value(3) as Data?)
      let checksum: Int64 = try row.value(2)
      let isWhole =
        if let memory, let (header, _) = try readSlot(slot) {
          header.isVector(of: memory, change: change, checksum: checksum)
        } else { false }
      try body(change, slot, isWhole)
    }
  }

  /// Copies the vectors that a catalogue names in this space into a file of their own, proving each; what
  /// other slots hold is left out.
  ///
  /// - Parameter isDense: whether they are to lie one behind the other; otherwise each keeps its slot.
  /// - Returns: the slots from which they come, in their order.
  @discardableResult
  func copyVectors(
    of db: Database, to copy: VectorPages, isDense: Bool, _ call: LongCall
  ) throws -> [Int] {
    let slots = try Catalogue.slotCount(db, space: header.space)
    var copied: [Int] = []
    var group: [UInt8] = []
    var (begin, end) = (0, 0)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT v.slot, v.change, v.checksum, h.memory_id
        FROM vector v LEFT JOIN history h ON h.sequence = v.change
        WHERE v.space = ? ORDER BY v.slot
        """, arguments: [header.space])
    while let row = try rows.next() {
      let slot: Int = try row.value(0)
      try call.reached(slot, of: slots, .vectors)
      guard let memory = UUID(bytes: try row.value(3) as Data?),
        let (header, vector) = try readSlot(slot),
        header.isVector(of: memory, change: try row.value(1), checksum: try row.value(2))
      else {
        throw StoreError.damaged(
          file: file.path.string,
          reason: "the vector in slot \(slot) fails its checksum; repair the store first")
      }
      let place = isDense ? copied.count : slot
      if place != end || group.count >= File.chunk {
        try copy.writeSlots(group, from: begin)
        group.removeAll(keepingCapacity: true)
        begin = place
      }
      var own = header
      own.slot = UInt64(place)
      encodeSlot(own, vector, into: &group)
      end = place + 1
      copied.append(slot)
    }
    try copy.writeSlots(group, from: begin)
    try copy.fillLastPage(slots: end)
    try copy.file.synchronise()
    return copied
  }

  /// Zeros up to the end of a page, where a file of vectors ends.
  func fillLastPage(slots: Int) throws(StoreError) {
    let end = Self.headerBytes + slots * slotBytes
    let zeros = [UInt8](repeating: 0, count: (end + 4095) / 4096 * 4096 - end)
    try zeros.withBytes { bytes throws(StoreError) in try file.write(bytes, at: end) }
  }

  // MARK: Slots that were not synced

  /// Keeps a group's slots in its transaction, until they are synced: power loss may leave the rows and
  /// take the slots.
  func keepUnsynced(_ slots: [UInt8], from first: Int, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO unsynced_slots (space, first_slot, bytes) VALUES (?, ?, ?)")
    statement.setUncheckedArguments([header.space, first, Data(slots)])
    try statement.execute()
  }

  /// Once all slots are synced.
  static func forgetUnsynced(_ db: Database) throws {
    let exists = try db.cachedStatement(sql: "SELECT 1 FROM unsynced_slots LIMIT 1")
    guard try Int.fetchOne(exists) != nil else { return }
    try db.execute(sql: "DELETE FROM unsynced_slots")
  }

  /// Writes again what power loss has taken. It may have left a slot as a group wrote it that was never
  /// committed.
  func restoreUnsynced(_ db: Database) throws {
    let groups = try Row.fetchCursor(
      db, sql: "SELECT first_slot, bytes FROM unsynced_slots WHERE space = ? ORDER BY id",
      arguments: [header.space])
    while let row = try groups.next() {
      let (first, group): (Int, Data) = (try row.value(0), try row.value(1))
      for (index, begin) in stride(from: 0, to: group.count, by: slotBytes).enumerated() {
        // Whatever number a damaged row says.
        let slot = first &+ index
        let kept = [UInt8](group[(group.startIndex + begin)...].prefix(slotBytes))
        guard let there = try bytes(ofSlot: slot), there != kept, decodeSlot(kept, slot) != nil
        else { continue }
        try writeSlots(kept, from: slot)
      }
    }
  }
}

extension VectorPages {
  // MARK: What nobody owns

  /// Overwrites all slots that no row names: what was cut or erased, and what was written before a commit
  /// that never came. Under the writer lock, of a file that is not the active space's: nobody reads there.
  func wipeUnowned(_ db: Database) throws {
    let capacity = try capacity()
    let owned = try Int.fetchCursor(
      db, sql: "SELECT slot FROM vector WHERE space = ? ORDER BY slot", arguments: [header.space])
    var next = 0
    while let slot = try owned.next() {
      try wipe(next..<max(next, min(slot, capacity)))
      next = max(next, slot + 1)
    }
    try wipe(next..<max(next, capacity))
    try synchronise()
  }

  private func wipe(_ slots: Range<Int>) throws {
    let zeros = [UInt8](repeating: 0, count: slotBytes)
    for slot in slots {
      if let bytes = try bytes(ofSlot: slot), bytes.contains(where: { $0 != 0 }) {
        try writeSlots(zeros, from: slot)
      }
    }
  }
}

extension VectorPages.Header {
  /// The headers of the active space's file, and of those of the others.
  static func stored(in db: Database) throws -> (active: Self, others: [Self]) {
    let id = try Data.fetchOne(db, sql: "SELECT value FROM store WHERE key = 'uuid'")
    guard let store = UUID(bytes: id) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "the store's identity is missing")
    }
    return (
      try VectorSpace.active(db).header(store: store),
      try VectorSpace.others(db).map { $0.header(store: store) }
    )
  }
}
