import Foundation
import GRDB
import SystemPackage

/// What the catalogue says about files of vectors.
extension VectorPages {
  /// The generation of the file that the rows of a transaction mean.
  static func generation(_ db: Database) throws -> UInt32 {
    let statement = try db.cachedStatement(
      sql: "SELECT generation FROM file WHERE kind = 'vectors' AND space = ?")
    guard let generation = try UInt32.fetchOne(statement, arguments: [CommitGroup.space]) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "it names no file of vectors")
    }
    return generation
  }

  /// Copies the vectors that a catalogue names into a file of their own, proving each; what other
  /// slots hold is left out.
  ///
  /// - Parameter isDense: whether they are to lie one behind the other; otherwise each keeps its slot.
  /// - Returns: the slots from which they come, in their order.
  @discardableResult
  func copyVectors(
    of db: Database, to copy: VectorPages, isDense: Bool, _ call: LongCall
  ) throws -> [Int] {
    let slots = try Catalogue.slotCount(db)
    var copied: [Int] = []
    var group: [UInt8] = []
    var (begin, end) = (0, 0)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT v.slot, v.change, v.checksum, h.memory_id
        FROM vector v LEFT JOIN history h ON h.sequence = v.change
        WHERE v.space = ? ORDER BY v.slot
        """, arguments: [CommitGroup.space])
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
  static func keepUnsynced(_ slots: [UInt8], from first: Int, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO unsynced_slots (space, first_slot, bytes) VALUES (?, ?, ?)")
    statement.setUncheckedArguments([CommitGroup.space, first, Data(slots)])
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
      arguments: [CommitGroup.space])
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

extension VectorPages.Header {
  /// The header that the file of vectors of a store has.
  init(storedIn db: Database, _ configuration: StoreConfiguration) throws {
    let store = try Data.fetchOne(db, sql: "SELECT value FROM store WHERE key = 'uuid'")
    guard let store = UUID(bytes: store) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "the store's identity is missing")
    }
    self.init(
      store: store, space: UInt32(CommitGroup.space),
      generation: try VectorPages.generation(db), dimension: UInt32(configuration.dimension),
      metric: configuration.metric, model: configuration.model)
  }
}
