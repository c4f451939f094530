import Foundation
import GRDB

/// What the catalogue says has changed since a change: what an index that covers the one must be told
/// to cover the last.
///
/// Read from what is current, not change by change: versions that have come and gone since are left
/// out, and whoever applies it twice, or to an index that knows a part of it, loses nothing.
struct CommittedChanges {
  private(set) var changes: [AppliedChange] = []
  /// The last change.
  let head: Int64
  /// Slots lie below it.
  let slots: Int
  private let space: UInt32

  /// - Parameters:
  ///   - limit: the change that the index is to cover, where that is not the last: the versions up to there
  ///     have their vectors in its space.
  ///   - withMetadata: whether something has been made of the metadata before.
  ///   - withTexts: the same of the texts.
  init(
    of live: LiveIndex, upTo limit: Int64 = .max, withMetadata: Bool, withTexts: Bool, _ db: Database
  ) throws {
    space = live.pages.header.space
    head = min(try HistoryHead(db).sequence, limit)
    slots = try Catalogue.slotCount(db, space: space)
    let covered = live.covered
    guard head > covered else { return }
    let texts = "\(withMetadata ? "m.metadata" : "NULL"), \(withTexts ? "m.text" : "NULL")"
    try readAdded(after: covered, texts, isKnown: { live.table.row(ofSlot: $0) != nil }, db)
    // Last: a search in between meets both vectors of an update, and returns the memory once.
    try readRemoved(after: covered, db)
  }

  private mutating func readAdded(
    after covered: Int64, _ texts: String, isKnown: (_ slot: Int) -> Bool, _ db: Database
  ) throws {
    let statement = try db.cachedStatement(
      sql: """
        SELECT m.change, v.slot, m.user_id, m.agent_id, m.run_id, m.vector, m.expires_at,
          m.updated_at, m.importance, \(texts)
        FROM memory m JOIN vector v ON v.change = m.vector AND v.space = ?
        WHERE m.change > ? AND m.change <= ? AND m.ended IS NULL ORDER BY m.change
        """)
    let rows = try Row.fetchCursor(statement, arguments: [space, covered, head])
    while let row = try rows.next() {
      let (change, slot): (Int64, Int) = (try row.value(0), try row.value(1))
      guard (0..<slots).contains(slot) else {
        throw StoreError.damaged(file: Catalogue.fileName, reason: "a slot is out of range")
      }
      let scope = Scope(user: try row.value(2), agent: try row.value(3), run: try row.value(4))
      let expiresAt: Int64? = try row.value(6)
      let signals = RankingSignals.Own(updatedAt: try row.value(7), importance: try row.value(8))
      let (metadata, text): (String?, String?) = (try row.value(9), try row.value(10))
      if (try row.value(5) as Int64) <= covered, isKnown(slot) {
        changes.append(
          .renewed(
            change: change, slot: slot, scope: scope, expiresAt: expiresAt, signals: signals,
            metadata: metadata, text: text))
      } else {
        changes.append(
          .added(
            change: change, slot: slot, replacing: nil, scope: scope, expiresAt: expiresAt,
            signals: signals, metadata: metadata, text: text))
      }
    }
  }

  private mutating func readRemoved(after covered: Int64, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        SELECT v.slot FROM memory m JOIN vector v ON v.change = m.vector AND v.space = ?
        WHERE m.ended > ? AND m.change <= ?
          AND NOT EXISTS (
            SELECT 1 FROM memory n WHERE n.id = m.id AND n.ended IS NULL AND n.vector = m.vector)
        UNION ALL SELECT slot FROM erased_slot WHERE space = ? AND change > ?
        """)
    let slots = try Int.fetchCursor(
      statement, arguments: [space, covered, covered, space, covered])
    while let slot = try slots.next() { changes.append(.removed(slot: slot)) }
  }
}
