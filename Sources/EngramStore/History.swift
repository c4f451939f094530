import Crypto
import Foundation
import GRDB

/// The append-only history: each change's row holds the hash of the one before, so that an edit,
/// a gap or a cut shows.
///
/// A change's texts are in a row of their own. The chain covers only their digest, SHA-256 of a
/// random salt and the texts: once salt and texts are erased the digest tells nothing.
struct HistoryRow {
  var sequence: Int64
  var memoryID: UUID
  var event: String
  var changedAt: Int64
  var createdAt: Int64
  var updatedAt: Int64?
  var isDeleted: Bool
  var actor: String?
  var role: String?
  var payloadDigest: Data
  var previousHash: Data

  /// What the first row follows.
  static let origin = Data(count: 32)

  var hash: Data {
    var writer = ByteWriter()
    writer.put(raw: previousHash)
    writer.put(sequence)
    writer.put(memoryID)
    writer.put(event)
    writer.put(changedAt)
    writer.put(createdAt)
    writer.put(updatedAt)
    writer.put(UInt8(isDeleted ? 1 : 0))
    writer.put(actor)
    writer.put(role)
    writer.put(raw: payloadDigest)
    return Data(SHA256.hash(data: writer.bytes))
  }

  static let columns = """
    sequence, memory_id, event, changed_at, created_at, updated_at, is_deleted, actor_id, role, \
    payload_digest, previous_hash
    """

  static let columnsOfH = columns.split(separator: " ").map { "h.\($0)" }.joined(separator: " ")
  static let columnCount = 11

  func insert(hash: Data, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO history (\(Self.columns), hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    statement.setUncheckedArguments([
      sequence, memoryID.data, event, changedAt, createdAt, updatedAt, isDeleted, actor, role,
      payloadDigest, previousHash, hash,
    ])
    try statement.execute()
  }

  /// Reads a row of `columns`.
  init(_ row: Row) throws {
    guard let id = UUID(bytes: try row.value(1)) else {
      throw StoreError.damaged(file: "engram.sqlite", reason: "a history row's id is no UUID")
    }
    sequence = try row.value(0)
    memoryID = id
    event = try row.value(2)
    changedAt = try row.value(3)
    createdAt = try row.value(4)
    updatedAt = try row.value(5)
    isDeleted = try row.value(6)
    actor = try row.value(7)
    role = try row.value(8)
    payloadDigest = try row.value(9)
    previousHash = try row.value(10)
  }

  init(
    sequence: Int64, memoryID: UUID, event: HistoryEntry.Event, changedAt: Int64, createdAt: Int64,
    actor: String?, role: String?, payloadDigest: Data, previousHash: Data
  ) {
    self.sequence = sequence
    self.memoryID = memoryID
    self.event = event.rawValue
    self.changedAt = changedAt
    self.createdAt = createdAt
    updatedAt = event == .add ? nil : changedAt
    isDeleted = event == .delete || event == .supersede || event == .erase
    self.actor = actor
    self.role = role
    self.payloadDigest = payloadDigest
    self.previousHash = previousHash
  }
}

/// What a change said before and after.
struct HistoryPayload {
  var sequence: Int64
  var salt: Data
  var oldMemory: String?
  var newMemory: String?

  init(sequence: Int64, oldMemory: String?, newMemory: String?) {
    self.sequence = sequence
    self.oldMemory = oldMemory
    self.newMemory = newMemory
    salt = SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) }
  }

  var digest: Data {
    var writer = ByteWriter()
    writer.put(raw: salt)
    writer.put(oldMemory)
    writer.put(newMemory)
    return Data(SHA256.hash(data: writer.bytes))
  }

  var checksum: UInt32 {
    var writer = ByteWriter()
    writer.put(sequence)
    writer.put(raw: salt)
    writer.put(oldMemory)
    writer.put(newMemory)
    return writer.checksum
  }

  func insert(_ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO history_payload (sequence, salt, old_memory, new_memory, checksum)
        VALUES (?, ?, ?, ?, ?)
        """)
    statement.setUncheckedArguments([sequence, salt, oldMemory, newMemory, Int64(checksum)])
    try statement.execute()
  }

  /// Reads sequence, salt, old and new memory and the checksum from a row, and proves the latter.
  init(_ row: Row, from column: Int) throws {
    sequence = try row.value(column)
    salt = try row.value(column + 1)
    oldMemory = try row.value(column + 2)
    newMemory = try row.value(column + 3)
    guard Int64(checksum) == (try row.value(column + 4)) else {
      throw StoreError.damaged(
        file: "engram.sqlite", reason: "the history of change \(sequence) fails its checksum")
    }
  }

  static let columns = "p.sequence, p.salt, p.old_memory, p.new_memory, p.checksum"
}

extension HistoryRow {
  /// The hash of a change; of none, what the first follows. Nil where there is no such change.
  static func hash(of change: Int64, _ db: Database) throws -> Data? {
    if change == 0 { return origin }
    return try Data.fetchOne(
      db, sql: "SELECT hash FROM history WHERE sequence = ?", arguments: [change])
  }

  static func changedAt(_ change: Int64, _ db: Database) throws -> Int64? {
    let statement = try db.cachedStatement(
      sql: "SELECT changed_at FROM history WHERE sequence = ?")
    return try Int64.fetchOne(statement, arguments: [change])
  }

  /// The last change before a time; 0 where there is none. By bisection: times never go back, and there
  /// is no index over them.
  static func lastChange(before time: Int64, _ db: Database) throws -> Int64 {
    var (low, high) = (Int64(0), try HistoryHead(db).sequence)
    while low < high {
      let middle = (low + high + 1) / 2
      if let changedAt = try changedAt(middle, db), changedAt < time {
        low = middle
      } else {
        high = middle - 1
      }
    }
    return low
  }

  /// The last change of a memory; nil where there never was one.
  static func last(of memory: UUID, _ db: Database) throws -> HistoryRow? {
    let statement = try db.cachedStatement(
      sql: """
        SELECT \(columns) FROM history WHERE memory_id = ? ORDER BY sequence DESC LIMIT 1
        """)
    return try Row.fetchOne(statement, arguments: [memory.data]).map(HistoryRow.init)
  }
}

/// The last link of the history's chain. Whoever keeps one elsewhere can prove later that nothing
/// before it has been cut off or rewritten: `Store.verify(since:)`.
public struct HistoryHead: Sendable {
  /// The number of the last change; 0 where there is none yet.
  public internal(set) var sequence: Int64 = 0
  /// SHA-256 over that change and the hash of the one before; 32 zero bytes where there is none.
  public internal(set) var hash = HistoryRow.origin
  /// Change times never go back, whatever the clock does.
  var changedAt = Int64.min

  /// Before the first change.
  init() {}

  init(_ db: Database) throws {
    guard
      let row = try Row.fetchOne(
        db, sql: "SELECT sequence, hash, changed_at FROM history ORDER BY sequence DESC LIMIT 1")
    else { return }
    sequence = try row.value(0)
    hash = try row.value(1)
    changedAt = try row.value(2)
    guard (0..<Int64.max / 2).contains(sequence) else {
      throw StoreError.damaged(file: Catalogue.fileName, reason: "a change number is impossible")
    }
  }

  /// Appends the next change and returns its number.
  mutating func append(
    _ event: HistoryEntry.Event, of memory: MemoryRow, oldMemory: String?, newMemory: String?,
    at time: Int64, _ db: Database
  ) throws {
    try append(
      event, of: memory.id, createdAt: memory.createdAt, actor: memory.actor, role: memory.role,
      oldMemory: oldMemory, newMemory: newMemory, at: time, db)
  }

  /// The same for a memory of which there is no version.
  mutating func append(
    _ event: HistoryEntry.Event, of memory: UUID, createdAt: Int64, actor: String?, role: String?,
    oldMemory: String?, newMemory: String?, at time: Int64, _ db: Database
  ) throws {
    let payload = HistoryPayload(
      sequence: sequence + 1, oldMemory: oldMemory, newMemory: newMemory)
    changedAt = max(changedAt, time)
    let row = HistoryRow(
      sequence: sequence + 1, memoryID: memory, event: event, changedAt: changedAt,
      createdAt: createdAt, actor: actor, role: role, payloadDigest: payload.digest,
      previousHash: hash)
    hash = row.hash
    try row.insert(hash: hash, db)
    try payload.insert(db)
    sequence += 1
  }
}

extension HistoryHead: Hashable, LosslessStringConvertible {
  /// A head from its text, as `description` gives it; nil where it is none.
  public init?(_ description: String) {
    let parts = description.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let sequence = Int64(parts[0]), sequence >= 0,
      let hash = Data(hexadecimal: parts[1]), hash.count == HistoryRow.origin.count
    else { return nil }
    self.sequence = sequence
    self.hash = hash
  }

  /// The number, a colon, and the hash in hexadecimal.
  public var description: String { "\(sequence):\(hash.hexadecimal)" }

  public static func == (left: Self, right: Self) -> Bool {
    left.sequence == right.sequence && left.hash == right.hash
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(sequence)
    hasher.combine(hash)
  }
}
