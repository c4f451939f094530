import Foundation
import GRDB

/// One transaction in the making: requests turned into rows of the catalogue, slots to be written,
/// and what the index is to be told afterwards.
struct CommitGroup {
  private(set) var head: HistoryHead
  let firstChange: Int64
  let firstSlot: Int
  private(set) var slotBytes: [UInt8] = []
  private(set) var slotCount = 0
  private(set) var changes: [AppliedChange] = []
  private(set) var counts = ChangeCounts()
  private let pages: VectorPages
  private let now: Int64

  init(head: HistoryHead, nextSlot: Int, pages: VectorPages) {
    self.head = head
    firstChange = head.sequence + 1
    firstSlot = nextSlot
    self.pages = pages
    now = Timestamp.now
  }

  private var space: UInt32 { pages.header.space }

  /// - Throws: `StoreError.mismatch` where a vector is of another model than the store's by now.
  private func admit(_ origin: VectorOrigin?) throws(StoreError) {
    guard let origin, origin.space != space else { return }
    throw .otherModel(stored: pages.header.embedding, requested: origin.model)
  }

  /// Adds a request: all of it, or nothing where it is refused.
  ///
  /// - Returns: the ids of the memories of an insert, or of an erasure.
  mutating func add(_ request: WriteRequest, _ db: Database) throws -> [UUID] {
    switch request {
    case .insert(let memories): return try insert(memories, db)
    case .update(let id, let update): try self.update(id, update, db)
    case .delete(let ids): try delete(ids, db)
    case .retire(let memories, let episodes, let actor, let accesses):
      try record(accesses.take(), db)
      try EpisodeRow.deleteFinished(episodes, db)
      return try retire(memories, by: actor, db)
    case .revive(let deletions, let actor): return try revive(deletions, by: actor, db)
    case .ensureNoErasure(let change): try ensureNoErasure(after: change, db)
    case .expect(let versions): try expect(versions, db)
    case .recordAccess(let accesses): try record(accesses, db)
    case .record(let episodes): for episode in episodes { try episode.insert(db) }
    case .finish(let episode): try wait(episode, Episode.Postponement(), db)
    case .postpone(let episode, let until): try wait(episode, until, db)
    case .requeue(let episode, let retryAt): try requeue(episode, retryAt, db)
    case .all(let requests, let episode): return try addAll(requests, madeOf: episode, db)
    case .erase(let target, let actor): return try erase(target, by: actor, db)
    case .checkpoint, .compact, .work, .switchSpace: break
    }
    return []
  }

  /// Adds requests that belong together, and notes of which episode the memories are made that they
  /// insert or update. Those before one that is refused are taken back.
  private mutating func addAll(
    _ requests: [WriteRequest], madeOf episode: UUID?, _ db: Database
  ) throws -> [UUID] {
    let before = self
    var ids: [UUID] = []
    do {
      try db.inSavepoint {
        for request in requests {
          let inserted = try add(request, db)
          ids += inserted
          guard let episode else { continue }
          for id in inserted { try EpisodeRow.link(episode, to: id, db) }
          if case .update(let id, _) = request { try EpisodeRow.link(episode, to: id, db) }
        }
        return .commit
      }
    } catch {
      self = before
      throw error
    }
    return ids
  }

  /// Lets an episode that waits do so no longer, or until later.
  private func wait(_ id: UUID, _ until: Episode.Postponement, _ db: Database) throws {
    guard var episode = try EpisodeRow.find(id, db), episode.retryAt != nil else {
      throw StoreError.notWaiting(id)
    }
    episode.retryAt = until.retryAt
    episode.failure = until.failure
    if until.failure != nil { episode.attempts += 1 }
    try episode.update(db)
  }

  /// Lets an episode that waits or has been given up wait anew, or no longer.
  private func requeue(_ id: UUID, _ retryAt: Int64?, _ db: Database) throws {
    guard var episode = try EpisodeRow.find(id, db), episode.retryAt != nil || episode.failure != nil
    else { throw StoreError.notWaiting(id) }
    episode.retryAt = retryAt
    episode.failure = nil
    episode.attempts = 0
    try episode.update(db)
  }

  private mutating func insert(_ memories: [PreparedMemory], _ db: Database) throws -> [UUID] {
    for memory in memories { try admit(memory.origin) }
    let (ids, new) = try identify(memories, db)
    var ended = try superseded(by: new.map(\.0), db)
    for (memory, key) in new {
      let change = head.sequence + 1
      let time = max(now, head.changedAt)
      let row = MemoryRow(
        change: change, id: memory.id, text: memory.text, scope: memory.scope,
        metadata: memory.metadata, categories: memory.categories, role: memory.role,
        actor: memory.actor, importance: memory.importance, createdAt: memory.createdAt ?? time,
        updatedAt: memory.createdAt ?? time, expiresAt: memory.expiresAt,
        validFrom: memory.validFrom, validTo: memory.validTo, vector: change)
      try head.append(.add, of: row, oldMemory: nil, newMemory: row.text, at: time, db)
      try row.insert(db)
      try key?.insert(row, db)
      counts.added += 1
      let slot = try write(memory.vector, of: row, db)
      changes.append(
        .added(
          change: change, slot: slot, replacing: nil, scope: row.scope, expiresAt: row.expiresAt,
          signals: row.signals, metadata: row.metadata, text: row.text))
      for id in memory.supersedes {
        guard let old = ended.removeValue(forKey: id) else { continue }
        try end(old, .supersede, by: old.actor, db)
        try Succession(change: head.sequence, memory: id, successor: memory.id).insert(db)
      }
    }
    return ids
  }

  /// The memories that new ones supersede. Nothing is written yet.
  private func superseded(
    by new: [PreparedMemory], _ db: Database
  ) throws -> [UUID: MemoryRow] {
    var rows: [UUID: MemoryRow] = [:]
    for id in new.lazy.flatMap(\.supersedes) where rows[id] == nil {
      guard let row = try MemoryRow.current(id, db) else { throw StoreError.unknownMemory(id) }
      rows[id] = row
    }
    return rows
  }

  /// The id of each memory, that of an earlier one where their key is the same, and those that are
  /// new, with their keys. Nothing is written yet.
  private func identify(
    _ memories: [PreparedMemory], _ db: Database
  ) throws -> (ids: [UUID], new: [(PreparedMemory, InsertKey?)]) {
    var ids: [UUID] = []
    var new: [(PreparedMemory, InsertKey?)] = []
    var taken = Set<UUID>()
    var known: [InsertKey: InsertKey.Known] = [:]
    for memory in memories {
      let key = InsertKey(memory)
      if let key, let earlier = try known[key] ?? key.known(db) {
        if let text = earlier.text, ExactString(text) != ExactString(memory.text) {
          throw StoreError.conflictingKey(key.key.text)
        }
        ids.append(earlier.id)
        continue
      }
      if memory.isNamed {
        guard taken.insert(memory.id).inserted, try Self.isFree(memory.id, for: memory.scope, db)
        else { throw StoreError.duplicateID(memory.id) }
      }
      if let key { known[key] = InsertKey.Known(id: memory.id, text: memory.text) }
      ids.append(memory.id)
      new.append((memory, key))
    }
    return (ids, new)
  }

  /// Whether a memory of a scope may have an id: there is none, and there was none in another scope,
  /// which could not be erased without this one.
  private static func isFree(_ id: UUID, for scope: Scope, _ db: Database) throws -> Bool {
    let statement = try db.cachedStatement(
      sql: """
        SELECT 1 FROM memory WHERE id = ?1 AND ended IS NULL
        UNION ALL SELECT 1 FROM memory WHERE id = ?1 AND ended IS NOT NULL
          AND (user_id IS NOT ?2 OR agent_id IS NOT ?3 OR run_id IS NOT ?4)
        UNION ALL SELECT 1 FROM cut_memory WHERE memory_id = ?1
          AND (user_id IS NOT ?2 OR agent_id IS NOT ?3 OR run_id IS NOT ?4)
        LIMIT 1
        """)
    return try Int.fetchOne(
      statement, arguments: [id.data, scope.user, scope.agent, scope.run]) == nil
  }

  private mutating func update(_ id: UUID, _ update: PreparedUpdate, _ db: Database) throws {
    try admit(update.origin)
    guard var old = try MemoryRow.current(id, db) else { throw StoreError.unknownMemory(id) }
    let oldSlot = try slot(of: old, db)
    var new = old
    new.change = head.sequence + 1
    let time = max(now, head.changedAt)
    new.updatedAt = time
    if let text = update.text { new.text = text }
    if let metadata = update.metadata { new.metadata = metadata }
    if let merging = update.merging {
      new.metadata = try Check.metadata(Metadata(canonical: old.metadata).merging(merging))
    }
    if let categories = update.categories { new.categories = categories }
    if let importance = update.importance { new.importance = importance.value }
    if let expiresAt = update.expiresAt { new.expiresAt = expiresAt.value }
    // One that had expired may be out of the index: what makes it a row again is told as a whole.
    let isMoved = new.expiresAt != old.expiresAt
    let isOther = isMoved || new.metadata != old.metadata
    if update.vector != nil { new.vector = new.change }
    try head.append(.update, of: new, oldMemory: old.text, newMemory: new.text, at: time, db)
    try old.end(by: new.change, db)
    try new.insert(db)
    counts.updated += 1
    guard let vector = update.vector else {
      if let oldSlot {
        changes.append(
          .renewed(
            change: new.change, slot: oldSlot, scope: new.scope, expiresAt: new.expiresAt,
            signals: new.signals, metadata: isOther ? new.metadata : nil,
            text: isMoved ? new.text : update.text))
      }
      return
    }
    let slot = try write(vector, of: new, db)
    // First the new one: a search in between meets both, and returns the memory once.
    changes.append(
      .added(
        change: new.change, slot: slot, replacing: oldSlot, scope: new.scope,
        expiresAt: new.expiresAt, signals: new.signals, metadata: new.metadata, text: new.text))
    if let oldSlot { changes.append(.removed(slot: oldSlot)) }
  }

  private func expect(_ versions: [UUID: Int64], _ db: Database) throws {
    for (id, change) in versions {
      guard let row = try MemoryRow.current(id, db) else { throw StoreError.unknownMemory(id) }
      guard row.change == change else { throw StoreError.changed(id) }
    }
  }

  private mutating func delete(_ ids: [UUID], _ db: Database) throws {
    var rows: [MemoryRow] = []
    var seen = Set<UUID>()
    for id in ids where seen.insert(id).inserted {
      guard let row = try MemoryRow.current(id, db) else { throw StoreError.unknownMemory(id) }
      rows.append(row)
    }
    for row in rows { try end(row, .delete, by: row.actor, db) }
  }

  /// Deletes memories that are still as they were seen; which those were.
  private mutating func retire(
    _ memories: [RetiredMemory], by actor: String, _ db: Database
  ) throws -> [UUID] {
    let accesses = try db.cachedStatement(sql: "SELECT count FROM memory_access WHERE memory_id = ?")
    var retired: [UUID] = []
    for seen in memories {
      guard let row = try MemoryRow.current(seen.id, db), row.change == seen.change,
        (try Int.fetchOne(accesses, arguments: [seen.id.data]) ?? 0) == seen.accesses
      else { continue }
      try end(row, .delete, by: actor, db)
      retired.append(seen.id)
    }
    return retired
  }

  /// Makes new versions of memories as they were when these changes deleted them, unless there have been
  /// other changes of theirs since; which those were.
  private mutating func revive(
    _ deletions: [Int64], by actor: String, _ db: Database
  ) throws -> [UUID] {
    var revived: [UUID] = []
    for deletion in deletions {
      guard var row = try MemoryRow.ended(by: deletion, db),
        try HistoryRow.last(of: row.id, db)?.sequence == deletion
      else { continue }
      row.ended = nil
      row.change = head.sequence + 1
      try head.append(
        .add, of: row.id, createdAt: row.createdAt, actor: actor, role: row.role, oldMemory: nil,
        newMemory: row.text, at: max(now, head.changedAt), db)
      try row.insert(db)
      counts.added += 1
      revived.append(row.id)
      // Its vector is where it was.
      guard let slot = try slot(of: row, db) else { continue }
      changes.append(
        .added(
          change: row.change, slot: slot, replacing: nil, scope: row.scope,
          expiresAt: row.expiresAt, signals: row.signals, metadata: row.metadata, text: row.text))
    }
    return revived
  }

  private func ensureNoErasure(after change: Int64, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "SELECT 1 FROM history WHERE sequence > ? AND event = 'ERASE' LIMIT 1")
    guard try Int.fetchOne(statement, arguments: [change]) == nil else {
      throw StoreError.erasedSince(change)
    }
  }

  /// Ends a memory without a next version.
  private mutating func end(
    _ row: MemoryRow, _ event: HistoryEntry.Event, by actor: String?, _ db: Database
  ) throws {
    var row = row
    let slot = try slot(of: row, db)
    try head.append(
      event, of: row.id, createdAt: row.createdAt, actor: actor, role: row.role, oldMemory: row.text,
      newMemory: nil, at: max(now, head.changedAt), db)
    try row.end(by: head.sequence, db)
    counts.deleted += 1
    if let slot { changes.append(.removed(slot: slot)) }
  }

  /// Takes memories out of all that can be read; the compaction that follows takes them out of the
  /// files.
  private mutating func erase(
    _ target: WriteRequest.ErasureTarget, by actor: String?, _ db: Database
  ) throws -> [UUID] {
    let ids =
      switch target {
      case .memories(let ids): ids
      case .scope(let scope): try Erasure.memories(of: scope, db)
      }
    var past: [(id: UUID, last: HistoryRow)] = []
    var seen = Set<UUID>()
    for id in ids where seen.insert(id).inserted {
      guard let last = try HistoryRow.last(of: id, db) else { throw StoreError.unknownMemory(id) }
      if last.event != HistoryEntry.Event.erase.rawValue { past.append((id, last)) }
    }
    for id in try Erasure.summaries(of: past.map(\.id), db) where seen.insert(id).inserted {
      guard let last = try HistoryRow.last(of: id, db),
        last.event != HistoryEntry.Event.erase.rawValue
      else { continue }
      past.append((id, last))
    }
    let episodes =
      if case .scope(let scope) = target { try Erasure.deleteEpisodes(of: scope, db) } else { 0 }
    guard !past.isEmpty || episodes > 0 else { return [] }
    let before = head.sequence
    for (id, last) in past {
      if let current = try MemoryRow.current(id, db) {
        if let slot = try slot(of: current, db) { changes.append(.removed(slot: slot)) }
        try current.removeWords(db)
        counts.deleted += 1
      }
      try head.append(
        .erase, of: id, createdAt: last.createdAt, actor: actor, role: nil, oldMemory: nil,
        newMemory: nil, at: max(now, head.changedAt), db)
      try Erasure.delete(id, db)
    }
    try Erasure.deleteKeys(ofChangesAfter: before, db)
    try Erasure.begin(db)
    return past.map(\.id)
  }

  private func record(_ accesses: [UUID: Access], _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO memory_access (memory_id, accessed_at, count) VALUES (?, ?, ?)
        ON CONFLICT (memory_id) DO UPDATE SET
          accessed_at = max(accessed_at, excluded.accessed_at), count = count + excluded.count
        """)
    for (id, access) in accesses {
      statement.setUncheckedArguments([id.data, access.at, access.count])
      try statement.execute()
    }
  }

  /// Puts a vector into the next slot; the slot.
  private mutating func write(
    _ vector: [Float], of row: MemoryRow, _ db: Database
  ) throws -> Int {
    let slot = firstSlot + slotCount
    let checksum = VectorPages.vectorChecksum(vector)
    pages.encodeSlot(
      VectorPages.SlotHeader(
        slot: UInt64(slot), change: row.change, group: firstChange, memory: row.id,
        vectorChecksum: checksum),
      vector, into: &slotBytes)
    slotCount += 1
    let statement = try db.cachedStatement(
      sql: "INSERT INTO vector (change, space, slot, checksum) VALUES (?, ?, ?, ?)")
    statement.setUncheckedArguments([row.change, space, slot, Int64(checksum)])
    try statement.execute()
    return slot
  }

  /// Nil where repair found the vector lost: the index does not hold the memory then.
  private func slot(of row: MemoryRow, _ db: Database) throws -> Int? {
    let statement = try db.cachedStatement(
      sql: "SELECT slot FROM vector WHERE change = ? AND space = ?")
    return try Int.fetchOne(statement, arguments: [row.vector, space])
  }
}
