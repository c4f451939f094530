import EngramStore
import Foundation
import Logging

extension MemoryEngine {
  /// The summary of a scope, of exactly these ids: what its memories say, those of narrower scopes included;
  /// nil where none has been made yet.
  public func summary(of scope: Scope) throws(EngramError) -> Memory? {
    try Self.require(scope)
    return try asEngramError { try Summarizer.current(of: scope, store) }
  }

  /// Sums up what is current in a scope, and keeps that as its summary, in the place of the one before.
  ///
  /// The chat model writes it where the engine has one; without one it is made of those memories, as they
  /// are, that matter most and have most in common with all. Of each state that changes only the latest
  /// counts; what has been superseded, deleted or has expired is not in it, and no summary is made of
  /// summaries. Of more than 4,096 memories the latest are summed up.
  ///
  /// The summary is a memory of the scope: a search with `maxTokens` begins with it, history keeps what it said before, and erasing
  /// any memory of the scope erases it, its past included.
  ///
  /// - Parameter maxTokens: 16...4,096, as ``TokenEstimate`` counts them.
  /// - Returns: nil where the scope has no memories; a summary of it is deleted then.
  @discardableResult
  public func summarize(_ scope: Scope, maxTokens: Int = 256) async throws(EngramError) -> Memory? {
    try Self.require(scope)
    try SummaryPolicy.check(maxTokens: maxTokens)
    return try await summarizer.summarize(scope, maxTokens: maxTokens)
  }

  /// Sums up scopes by themselves where enough has changed in them, until the engine is closed: each scope to
  /// which memories are added, by whatever process, and the same without its run. Of several processes that
  /// do so one does the work.
  ///
  /// What goes wrong is in the log; it is tried again when something else has changed.
  public func startSummaries(_ policy: SummaryPolicy = SummaryPolicy()) throws(EngramError) {
    try policy.check()
    let (store, summarizer, logger) = (store, summarizer, logger)
    background.start("summaries") {
      var seen: Int64 = 0
      await BackgroundWork.repeatedly(every: policy.interval) {
        try? store.claim("summaries")
      } _: {
        await Self.sumUp(after: &seen, policy, summarizer, logger)
      }
    }
  }

  private static func sumUp(
    after seen: inout Int64, _ policy: SummaryPolicy, _ summarizer: Summarizer, _ logger: Logger
  ) async {
    let store = summarizer.store
    do throws(StoreError) {
      let (scopes, last) = try store.scopesChanged(after: seen)
      seen = last
      for scope in scopes.flatMap(\.summed).uniqued where !Task.isCancelled {
        guard try Summarizer.isDue(scope, policy.changes, store) else { continue }
        do throws(EngramError) {
          _ = try await summarizer.summarize(scope, maxTokens: policy.maxTokens)
        } catch {
          if !Task.isCancelled { logger.warning("a summary could not be made: \(error)") }
        }
      }
    } catch {
      if !Task.isCancelled { logger.warning("summaries could not be made: \(error)") }
    }
  }

  private var summarizer: Summarizer { Summarizer(embedders: embedders, chat: chat) }
}

extension Scope {
  /// The scopes that are summed up when a memory comes to this one.
  fileprivate var summed: [Scope] {
    let withoutRun = Scope(user: user, agent: agent)
    return [self, withoutRun].filter { $0 != .all }
  }
}

extension [Scope] {
  fileprivate var uniqued: [Scope] {
    var seen = Set<Scope>()
    return filter { seen.insert($0).inserted }
  }
}
