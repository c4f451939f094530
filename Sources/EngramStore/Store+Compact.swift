import Foundation
import Synchronization

/// What `erase` did.
public struct ErasureReport: Sendable {
  /// Those that were erased, by this call.
  public var memories: [UUID]
  /// What the files gave back.
  public var compaction: CompactionReport
}

extension Store {
  /// Gives the space of vectors back that no version of a memory owns, and of all else that was
  /// deleted: vectors go into a new file, SQLite writes its database anew. Searches go on meanwhile;
  /// writers, of other processes too, wait. It needs room on disk for the store once more.
  ///
  /// Versions that were updated or deleted own their vectors, for questions about the past.
  ///
  /// - Parameters:
  ///   - time: versions that ended at this time or before are cut: text and vector go, the history
  ///     with its texts stays. Questions about what was before are refused from then on.
  ///   - progress: told how far it has come.
  /// - Throws: `StoreError.damaged` where a vector fails its checksum (`repair` comes first);
  ///   `.inUse` where another process keeps the right to write the graph; `.cancelled`. Then the
  ///   store is as it was, or compacted but for the database.
  @discardableResult
  public func compact(
    before time: Date? = nil, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> CompactionReport {
    try core.ensureOpen()
    let cut = try Check.time(time, field: "before")
    return try await LongCall.run(progress) { [self] call in
      try compact(CompactionRequest(cutBefore: cut, call: call))
    }
  }

  private func compact(_ request: CompactionRequest) throws -> CompactionReport {
    let outcome = Mutex<CommitQueue.Outcome>(.success([]))
    let done = DispatchSemaphore(value: 0)
    core.queue.submit(.compact(request)) { result in
      outcome.withLock { $0 = result }
      done.signal()
    }
    done.wait()
    _ = try outcome.withLock { $0 }.get()
    return request.report.withLock { $0 }
  }

  /// Erases memories for good: text, metadata, vectors and codes, full text, keys, what the history
  /// says of them, in every file of the store. The chain of the history stays whole; an `ERASE` for
  /// each says when it was done, and by whom.
  ///
  /// They are gone from searches, lists and reads with the first transaction, which is acknowledged
  /// by the end of the call; until then a compaction leaves nothing of them in the files. Where that
  /// is interrupted, the next opening goes on. The history keeps ids, times, actors and roles.
  ///
  /// Backups and exports that were made before are not the store's to erase; nor are blocks that the
  /// file system has taken back.
  ///
  /// - Parameters:
  ///   - ids: current or deleted; those that are erased already count for nothing.
  ///   - actor: who wants it so, for the history.
  ///   - progress: told how far it has come.
  /// - Throws: `StoreError.unknownMemory` where one never was: nothing is erased then;
  ///   `.erasureUnfinished` where somebody reads an older state and does not end: the memories are
  ///   gone from all that can be read, and their bytes go with the next `erase`, `compact` or opening.
  @discardableResult
  public func erase(
    _ ids: [UUID], by actor: String? = nil, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> ErasureReport {
    try core.ensureOpen()
    return try await erase(.memories(ids), by: actor, progress)
  }

  /// Erases all that a scope has and ever had; see `erase(_:by:progress:)`.
  ///
  /// - Parameter scope: with at least one id.
  @discardableResult
  public func erase(
    scope: Scope, by actor: String? = nil, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> ErasureReport {
    try core.ensureOpen()
    guard scope != .all else {
      throw .invalid(
        field: "scope", reason: "it names nobody; to erase everything delete the store's directory")
    }
    return try await erase(.scope(scope), by: actor, progress)
  }

  private func erase(
    _ target: WriteRequest.ErasureTarget, by actor: String?, _ progress: StoreProgress.Handler?
  ) async throws(StoreError) -> ErasureReport {
    try Check.name(actor, field: "actor")
    let erased = try await submit(.erase(target, actor: actor))
    let compaction = try await LongCall.run(progress) { [self] call in
      try compact(CompactionRequest(isForErasure: true, call: call))
    }
    return ErasureReport(memories: erased, compaction: compaction)
  }
}
