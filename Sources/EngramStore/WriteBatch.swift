import Foundation
import GRDB

/// Writes that belong together: all of them take place, or none.
public struct WriteBatch: Sendable {
  /// What was said; of the first one, unless there is `finished`, the memories are made. One that is there
  /// already stays as it is.
  public var episodes: [Episode] = []
  /// The store's episode of which the memories are made: it must still be waiting for that, and does so
  /// no longer. Of two who make memories of an episode at once one is refused.
  public var finished: UUID?
  /// The versions (`Memory.change`) that the batch was made for: each of these memories must still be at
  /// its own.
  public var expected: [UUID: Int64] = [:]
  /// The change up to which the writer has read what it writes about: where something has been erased since,
  /// the batch is refused, so that nothing of it comes back. Nil where that makes no difference.
  public var readUpTo: Int64?
  public var updates: [(memory: UUID, update: MemoryUpdate)] = []
  public var deletes: [UUID] = []
  public var inserts: [NewMemory] = []
  /// The model that made the vectors; nil for the store's, see `Store.model`.
  public var model: String?

  public init() {}
}

extension Store {
  /// Writes a batch.
  ///
  /// - Returns: the ids of what was inserted.
  /// - Throws: `StoreError.mismatch` where the vectors are of another model than the store's;
  ///   `.unknownMemory` where something is updated or deleted that is not there, `.changed` where a
  ///   memory is not at the version that was expected, `.notWaiting` where `finished` has been finished by somebody else, and `.erasedSince` as `readUpTo` has it; nothing is
  ///   written then.
  @discardableResult
  public func write(_ batch: WriteBatch) async throws(StoreError) -> [UUID] {
    try core.ensureOpen()
    let hasVectors = !batch.inserts.isEmpty || batch.updates.contains { $0.update.vector != nil }
    let live = hasVectors ? try core.live(of: batch.model) : core.index.live
    var requests: [WriteRequest] = batch.readUpTo.map { [.ensureNoErasure(after: $0)] } ?? []
    if let finished = batch.finished { requests.append(.finish(finished)) }
    var episodes: [EpisodeRow] = []
    for episode in batch.episodes { episodes.append(try EpisodeRow(episode)) }
    if !episodes.isEmpty { requests.append(.record(episodes)) }
    if !batch.expected.isEmpty { requests.append(.expect(batch.expected)) }
    for (memory, update) in batch.updates {
      requests.append(.update(memory, try PreparedUpdate(update, in: live)))
    }
    if !batch.deletes.isEmpty { requests.append(.delete(batch.deletes)) }
    var inserts: [PreparedMemory] = []
    for memory in batch.inserts { inserts.append(try PreparedMemory(memory, in: live)) }
    if !inserts.isEmpty { requests.append(.insert(inserts)) }
    guard !requests.isEmpty else { return [] }
    return try await submit(.all(requests, madeOf: batch.finished ?? episodes.first?.id))
  }

  /// Notes that no memories could be made of an episode, one that waits for it.
  ///
  /// - Parameter retryAt: when it is due again; nil to give it up.
  /// - Throws: `StoreError.notWaiting` where somebody else has finished it.
  public func postpone(
    _ episode: UUID, failure: String, retryAt: Date?
  ) async throws(StoreError) {
    try core.ensureOpen()
    try await submit(
      .postpone(
        episode,
        Episode.Postponement(retryAt: try Check.time(retryAt, field: "retryAt"), failure: failure)))
  }

  /// Lets an episode wait anew, all its attempts before it, whether it waits or has been given up.
  ///
  /// - Parameter retryAt: when it is due; nil where nothing is to be made of it any more. It stays as it
  ///   was said.
  /// - Throws: `StoreError.notWaiting` where it neither waits nor has been given up.
  public func requeue(_ episode: UUID, retryAt: Date?) async throws(StoreError) {
    try core.ensureOpen()
    try await submit(.requeue(episode, retryAt: try Check.time(retryAt, field: "retryAt")))
  }

  /// Episodes of which memories are to be made by a time, those that are due first before the others. Of
  /// each scope it is the one that was said first: those behind it wait for it.
  ///
  /// The work grows with the number of episodes that wait.
  public func dueEpisodes(by time: Date = Date(), limit: Int = 100) throws(StoreError) -> [Episode] {
    try episodes(
      "id IN (SELECT id FROM \(Self.firstWaiting) WHERE retry_at <= ?) ORDER BY retry_at, id LIMIT ?",
      [try Timestamp.microseconds(time, field: "time"), limit])
  }

  /// When the next episode is due; nil where none waits.
  public func nextDue() throws(StoreError) -> Date? {
    try read { db in
      try Int64.fetchOne(db, sql: "SELECT min(retry_at) FROM \(Self.firstWaiting)")
    }.map(Timestamp.date)
  }

  /// Of each scope the episode that was said first of those that wait.
  private static let firstWaiting = """
    (SELECT id, retry_at FROM (
      SELECT id, retry_at, row_number() OVER (
        PARTITION BY user_id, agent_id, run_id ORDER BY created_at, id) AS place
      FROM episode WHERE retry_at IS NOT NULL) WHERE place = 1)
    """

  /// The episode that was said first of those of exactly this scope that wait; nil where none does.
  public func firstWaiting(in scope: Scope) throws(StoreError) -> Episode? {
    try episodes(
      """
      retry_at IS NOT NULL AND user_id IS ? AND agent_id IS ? AND run_id IS ?
      ORDER BY created_at, id LIMIT 1
      """, [scope.user, scope.agent, scope.run]
    ).first
  }

  /// Episodes of a scope of which memories are still to be made, in the order in which they were said.
  public func waitingEpisodes(
    scope: Scope = .all, limit: Int = 1_000
  ) throws(StoreError) -> [Episode] {
    let conditions = ["retry_at IS NOT NULL"] + scope.conditions.map(\.sql)
    return try episodes(
      conditions.joined(separator: " AND ") + " ORDER BY created_at, id LIMIT ?",
      scope.conditions.map(\.value) + [limit])
  }

  /// How many episodes wait for memories to be made of them.
  public func waitingCount() throws(StoreError) -> Int {
    try read { db in
      try Int.fetchOne(db, sql: "SELECT count(*) FROM episode WHERE retry_at IS NOT NULL") ?? 0
    }
  }

  /// Lets no episode of a scope wait any longer: nothing is made of them.
  public func dropWaiting(scope: Scope) async throws(StoreError) {
    while case let episodes = try waitingEpisodes(scope: scope), !episodes.isEmpty {
      for episode in episodes {
        // Finished by somebody meanwhile.
        do { try await requeue(episode.id, retryAt: nil) } catch .notWaiting {} catch { throw error }
      }
    }
  }

  /// The memories that were made of an episode, those that have ended since, too.
  public func memories(madeOf episode: UUID) throws(StoreError) -> [UUID] {
    try read { db in
      try Data.fetchAll(
        db, sql: "SELECT memory_id FROM episode_memory WHERE episode = ? ORDER BY memory_id",
        arguments: [episode.data])
    }.compactMap { UUID(bytes: $0) }
  }

  /// Refuses what an insert of this memory would refuse for its fields.
  public func check(_ memory: NewMemory) throws(StoreError) {
    _ = try PreparedMemory(memory, in: core.index.live)
  }

  /// Episodes of which making memories has been given up.
  public func deadEpisodes(limit: Int = 1_000) throws(StoreError) -> [Episode] {
    try episodes("retry_at IS NULL AND failure IS NOT NULL ORDER BY id LIMIT ?", [limit])
  }

  /// The latest episodes of a scope, oldest first.
  ///
  /// - Parameter time: only those that were said before it; nil for no such condition.
  public func episodes(
    scope: Scope, last limit: Int, before time: Date? = nil
  ) throws(StoreError) -> [Episode] {
    let conditions =
      ["(expires_at IS NULL OR expires_at > ?)", "created_at < ?"] + scope.conditions.map(\.sql)
    let before = try Check.time(time, field: "time") ?? .max
    let limit = min(max(limit, 0), Int(Int32.max))
    // Ids go by the millisecond and are random within one: a few more are read, and sorted by their time.
    let latest = try episodes(
      conditions.joined(separator: " AND ") + " ORDER BY id DESC LIMIT ?",
      [Timestamp.now, before] + scope.conditions.map(\.value) + [limit + Self.inAMillisecond])
    return Array(latest.reversed().sorted { $0.createdAt < $1.createdAt }.suffix(limit))
  }

  /// Episodes of a scope that may come about within a millisecond.
  private static let inAMillisecond = 16

  /// An episode; nil where there is none.
  public func episode(_ id: UUID) throws(StoreError) -> Episode? {
    try read { db in try EpisodeRow.find(id, db)?.episode }
  }

  private func episodes(
    _ condition: String, _ arguments: [(any DatabaseValueConvertible)?]
  ) throws(StoreError) -> [Episode] {
    try read { db in
      let statement = try db.cachedStatement(
        sql: "SELECT \(EpisodeRow.columns) FROM episode WHERE \(condition)")
      statement.setUncheckedArguments(StatementArguments(arguments))
      return try SQLiteRow.all(of: statement) { try EpisodeRow($0).episode }
    }
  }
}
