import Foundation
import GRDB

/// A memory that is to go as it was seen, and not if it has been changed or used since.
public struct RetiredMemory: Sendable, Hashable {
  public var id: UUID
  /// The change that made the version that was seen.
  public var change: Int64
  /// How often searches had returned it.
  public var accesses: Int

  public init(id: UUID, change: Int64, accesses: Int) {
    self.id = id
    self.change = change
    self.accesses = accesses
  }
}

extension Store {
  /// Deletes memories that are still what they were when somebody chose them, and episodes whose time is
  /// over, in one transaction. The others stay: a memory that has been changed, or that a search has returned
  /// since, as far as this process knows; an episode of which memories are still to be made.
  ///
  /// - Parameters:
  ///   - memories: deleted as `delete` does it; `revive` brings them back.
  ///   - episodes: removed for good.
  ///   - actor: who does it, for the history, and for `revive`.
  /// - Returns: the memories that were deleted.
  @discardableResult
  public func retire(
    _ memories: [RetiredMemory], episodes: [UUID] = [], by actor: String
  ) async throws(StoreError) -> [UUID] {
    try core.ensureOpen()
    try Check.name(actor, field: "actor")
    return try await submit(.retire(memories, episodes: episodes, actor: actor, core.accesses))
  }

  /// A deletion by an actor.
  public struct Retirement: Sendable, Hashable {
    public var memory: UUID
    /// The change that deleted it.
    public var change: Int64
  }

  /// What an actor has retired, in the order in which it was made; brought back since or not.
  public func retired(by actor: String) throws(StoreError) -> [Retirement] {
    try read { db in
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT h.memory_id, h.sequence FROM history h LEFT JOIN memory m ON m.ended = h.sequence
          WHERE h.actor_id = ? AND h.event = 'DELETE' ORDER BY ifnull(m.change, h.sequence)
          """, arguments: [actor])
      return try rows.compactMap { row in
        guard let id = UUID(bytes: try row.value(0)) else { return nil }
        return Retirement(memory: id, change: try row.value(1))
      }
    }
  }

  /// Brings deleted memories back as they were: id, text, vector, metadata, times and accesses. The history
  /// says `ADD` once more; lists have them in their order at the end, as the last to have changed.
  ///
  /// - Parameters:
  ///   - retirements: in one transaction. One stays as it is whose memory has had any change since, a return
  ///     or an erasure, or of which compaction has cut the version.
  ///   - actor: who does it, for the history.
  /// - Returns: the memories that are back.
  @discardableResult
  public func revive(
    _ retirements: [Retirement], by actor: String
  ) async throws(StoreError) -> [UUID] {
    try core.ensureOpen()
    try Check.name(actor, field: "actor")
    return try await submit(.revive(retirements.map(\.change), actor: actor))
  }

  /// The latest episodes of a scope whose time is over, or that came before another time and have none, the
  /// oldest first; those of which memories are to be made are left out.
  public func episodesPast(
    _ now: Date, createdBefore time: Date? = nil, scope: Scope = .all, limit: Int = 1_000
  ) throws(StoreError) -> [UUID] {
    let now = try Timestamp.microseconds(now, field: "now")
    let time = try Check.time(time, field: "createdBefore")
    let conditions = ["retry_at IS NULL"] + scope.conditions.map(\.sql)
    let values = scope.conditions.map(\.value) as [any DatabaseValueConvertible]
    return try read { db in
      func ids(_ condition: String, _ value: Int64, _ limit: Int) throws -> [UUID] {
        let rows = try Row.fetchAll(
          db,
          sql: """
            SELECT id FROM episode WHERE \(condition) AND \(conditions.joined(separator: " AND "))
            ORDER BY created_at, id LIMIT ?
            """, arguments: StatementArguments([value] + values) + [limit])
        return try rows.compactMap { UUID(bytes: try $0.value(0)) }
      }
      var past = try ids("expires_at <= ?", now, limit)
      if let time, past.count < limit {
        past += try ids("expires_at IS NULL AND created_at < ?", time, limit - past.count)
      }
      return past
    }
  }
}
