import EngramStore
import Foundation
import Logging

extension MemoryEngine {
  /// Removes memories by a policy, and brings them back.
  public var retention: Retention { Retention(store) }

  /// Removes what the engine's policy does not keep, now and after each interval, until the engine is closed.
  /// Of several processes that do so one does the work; when it ends another goes on.
  ///
  /// What a run has removed is in the log, with the id that ``Retention/undo(_:)`` takes, and so is a run
  /// that failed; the next one tries again.
  ///
  /// - Throws: `EngramError.invalid` where the interval is not above 0.
  public func startRetention(every interval: Duration) throws(EngramError) {
    guard interval > .zero else { throw .invalid(field: "every", reason: "it must lie above 0") }
    let (store, policy, logger) = (store, retentionPolicy, logger)
    background.start("retention") {
      await BackgroundWork.repeatedly(every: interval) {
        try? store.claim("retention")
      } _: {
        await Self.retain(store, policy, logger)
      }
    }
  }

  private static func retain(_ store: Store, _ policy: RetentionPolicy, _ logger: Logger) async {
    do throws(EngramError) {
      let retention = Retention(store)
      let plan = try await retention.plan(policy)
      guard !plan.memories.isEmpty || !plan.episodes.isEmpty else { return }
      let run = try await retention.run(plan)
      logger.info(
        "retention removed memories",
        metadata: [
          "run": "\(run.id)", "memories": "\(run.removed.count)", "episodes": "\(run.episodes)",
        ])
    } catch {
      if !Task.isCancelled { logger.warning("retention failed: \(error)") }
    }
  }

  /// An episode with the time until which it is kept.
  func ending(_ episode: Episode, _ options: AddOptions) throws(EngramError) -> Episode {
    guard let life = options.episodeTTL ?? retentionPolicy.episodeTTL else { return episode }
    guard life >= .zero else { throw .invalid(field: "episodeTTL", reason: "it lies before 0") }
    var episode = episode
    episode.expiresAt = episode.createdAt.addingTimeInterval(life.seconds)
    return episode
  }

  /// What was said in a scope, as it was said: the latest episodes, oldest first, but for those whose time is
  /// over. `Episode.messages` has the messages.
  ///
  /// - Parameter limit: how many at most, from 1 on.
  public func episodes(scope: Scope, last limit: Int = 100) throws(EngramError) -> [Episode] {
    try Self.require(scope)
    guard limit > 0 else { throw .invalid(field: "last", reason: "give 1 or more, not \(limit)") }
    return try asEngramError { try store.episodes(scope: scope, last: limit) }
  }

  // MARK: Erasing

  /// Erases memories for good, in every file of the store, with what was said when they were made and with
  /// the summaries of their scopes, which the next summary replaces; see `Store.erase`.
  ///
  /// - Parameter actor: who wants it so, for the history.
  /// - Returns: all that is erased, summaries included.
  @discardableResult
  public func erase(_ ids: [UUID], by actor: String? = nil) async throws(EngramError) -> ErasureReport {
    try await asEngramError { try await store.erase(ids, by: actor) }
  }

  /// Erases all that a scope has and ever had, with the summaries of wider scopes that may say it.
  @discardableResult
  public func erase(scope: Scope, by actor: String? = nil) async throws(EngramError) -> ErasureReport {
    try Self.require(scope)
    return try await asEngramError { try await store.erase(scope: scope, by: actor) }
  }
}
