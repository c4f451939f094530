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
  public var updates: [(memory: UUID, update: MemoryUpdate)] = []
  public var deletes: [UUID] = []
  public var inserts: [NewMemory] = []

  public init() {}
}

extension Store {
  /// Writes a batch.
  ///
  /// - Returns: the ids of what was inserted.
  /// - Throws: `StoreError.unknownMemory` where something is updated or deleted that is not there, and
  ///   `.notWaiting` where `finished` has been finished by somebody else; nothing is written then.
  @discardableResult
  public func write(_ batch: WriteBatch) async throws(StoreError) -> [UUID] {
    try core.ensureOpen()
    let index = core.index.live.index
    var requests: [WriteRequest] = batch.finished.map { [.finish($0)] } ?? []
    var episodes: [EpisodeRow] = []
    for episode in batch.episodes { episodes.append(try EpisodeRow(episode)) }
    if !episodes.isEmpty { requests.append(.record(episodes)) }
    for (memory, update) in batch.updates {
      requests.append(.update(memory, try PreparedUpdate(update, index: index)))
    }
    if !batch.deletes.isEmpty { requests.append(.delete(batch.deletes)) }
    var inserts: [PreparedMemory] = []
    for memory in batch.inserts { inserts.append(try PreparedMemory(memory, index: index)) }
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

  /// Episodes of which memories are to be made by now, those that have waited longest first.
  public func dueEpisodes(limit: Int = 100) throws(StoreError) -> [Episode] {
    try episodes(
      "retry_at <= ? ORDER BY retry_at, id LIMIT ?", [Timestamp.now, limit])
  }

  /// When the next episode is due; nil where none waits.
  public func nextDue() throws(StoreError) -> Date? {
    try read { db in
      try Int64.fetchOne(db, sql: "SELECT min(retry_at) FROM episode WHERE retry_at IS NOT NULL")
    }.map(Timestamp.date)
  }

  /// Episodes of which making memories has been given up.
  public func deadEpisodes(limit: Int = 1_000) throws(StoreError) -> [Episode] {
    try episodes("retry_at IS NULL AND failure IS NOT NULL ORDER BY id LIMIT ?", [limit])
  }

  /// The latest episodes of a scope, oldest first.
  public func episodes(scope: Scope, last limit: Int) throws(StoreError) -> [Episode] {
    let conditions = ["(expires_at IS NULL OR expires_at > ?)"] + scope.conditions.map(\.sql)
    return try episodes(
      conditions.joined(separator: " AND ") + " ORDER BY id DESC LIMIT ?",
      [Timestamp.now] + scope.conditions.map(\.value) + [limit]
    ).reversed()
  }

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
