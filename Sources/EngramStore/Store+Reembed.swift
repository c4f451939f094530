import EngramIndex
import Foundation
import GRDB
import SystemPackage

/// What `reembed` did.
public struct ReembedReport: Sendable, Hashable {
  /// What the store's vectors are of now, and what they were of before the call.
  public var model: EmbeddingModel
  public var previous: EmbeddingModel
  /// Vectors that this call wrote, and texts that it had embedded for them. Earlier calls that were
  /// interrupted have made the others.
  public var vectors = 0
  public var texts = 0
  public var duration = Duration.zero
}

/// Which models a store has vectors of.
public struct ReembedStatus: Sendable, Hashable {
  /// Searches and writes are in it.
  public var active: EmbeddingModel
  /// A reembed goes on to it, or was interrupted on its way.
  public var making: EmbeddingModel?
  /// The one before the last reembed; its vectors are kept until that is confirmed.
  public var kept: EmbeddingModel?
  /// Vectors that there are of the one in the making, or else of the one that is kept, or of the active
  /// one; and how many it takes for all versions of all memories.
  public var embedded: Int
  public var total: Int
}

extension Store {
  /// Makes vectors of texts, as many, in their order.
  public typealias TextEmbedding = @Sendable (_ texts: [String]) async throws -> [[Float]]

  /// Moves the store to another model or dimension, while all processes go on reading and writing.
  ///
  /// All versions of all memories get vectors of the new model, beside the old ones; then one transaction
  /// makes these the store's. Until then searches and writes are of the old model, in every process; from
  /// then on of the new one: calls with vectors of the old one are refused with `StoreError.mismatch`,
  /// which names both. This object goes on with the new model (``model``); one that somebody else has
  /// opened refuses, until it is opened anew. Who shares one object among tasks names the model in each
  /// call, where both have one dimension.
  ///
  /// Every batch of vectors is durable by itself. Where the call ends early, by an error, by cancellation
  /// or with its process, the same call goes on where it was; ``abandonReembed()`` gives up. Afterwards the
  /// old vectors are kept: the same call with the old model goes back to them, having made vectors of what
  /// was written since; ``confirmReembed()`` deletes them. Where the store's vectors are of the model
  /// already nothing is done.
  ///
  /// - Parameters:
  ///   - model: the name of the new model; the metric stays.
  ///   - dimension: components of its vectors, 1...16,383.
  ///   - progress: told how far it has come.
  ///   - embed: the model. A version that keeps the vector of an earlier one has that of its text. Of equal
  ///     texts near each other it gets one. It must not write to the store: at the end writers wait for
  ///     the vectors of the last few texts.
  /// - Throws: `StoreError.reembed` where another reembed is under way, is not finished, or has not been
  ///   confirmed; `.invalid` where the model fails, `.index` where its vectors are none of that dimension;
  ///   `.cancelled`. What has been made by then stays.
  @discardableResult
  public func reembed(
    model: String, dimension: Int, progress: StoreProgress.Handler? = nil,
    embed: @escaping TextEmbedding
  ) async throws(StoreError) -> ReembedReport {
    try core.ensureOpen()
    try Check.name(model, field: "model")
    guard IndexLimits.dimensions.contains(dimension) else {
      throw .index(.dimensionOutOfRange(dimension))
    }
    let wanted = EmbeddingModel(name: model, dimension: dimension)
    return try await withReembedLock { () async throws(StoreError) in
      guard let space = try await space(of: wanted) else {
        core.speak(wanted)
        return ReembedReport(model: wanted, previous: wanted)
      }
      let report = try await Reembedder(self, space, progress: progress, embed: embed).run()
      core.speak(wanted)
      return report
    }
  }

  /// The space that is to become the active one: one that was begun, or the one that is kept, or a new one;
  /// nil where the model's is active.
  private func space(of wanted: EmbeddingModel) async throws(StoreError) -> VectorSpace? {
    // Vectors of the old space must not be in the new one's index.
    _ = try core.index.upToDate()
    return try await transact { db in
      let active = try VectorSpace.active(db)
      if active.model == wanted { return nil }
      let others = try VectorSpace.others(db)
      if let known = others.first(where: { $0.model == wanted }) { return known }
      if let other = others.first {
        throw StoreError.reembed(
          reason: other.state == .making
            ? "A reembed to \(other.model.text) is not finished; go on with it, or abandon it first"
            : "The vectors of \(other.model.text) are kept since the last reembed; confirm that, or go "
              + "back, first")
      }
      return try VectorSpace.add(wanted, active.metric, .making, db)
    }
  }

  /// Deletes the vectors of the model that the last `reembed` came from: there is no way back then.
  ///
  /// - Returns: that model.
  /// - Throws: `StoreError.reembed` where none are kept, or a reembed is under way.
  @discardableResult
  public func confirmReembed() async throws(StoreError) -> EmbeddingModel {
    try await leave(.kept, otherwise: "No vectors are kept: there is no reembed to confirm")
  }

  /// Gives up a reembed that is not finished, and deletes what it has made.
  ///
  /// - Returns: the model that it was to move to.
  /// - Throws: `StoreError.reembed` where there is none, or it is under way.
  @discardableResult
  public func abandonReembed() async throws(StoreError) -> EmbeddingModel {
    try await leave(.making, otherwise: "No reembed is unfinished: there is nothing to abandon")
  }

  private func leave(
    _ state: VectorSpace.State, otherwise: String
  ) async throws(StoreError) -> EmbeddingModel {
    try core.ensureOpen()
    return try await withReembedLock { () async throws(StoreError) in
      let space = try await transact { db in
        guard let space = try VectorSpace.others(db).first(where: { $0.state == state }) else {
          throw StoreError.reembed(reason: otherwise)
        }
        try space.enter(.leaving, db)
        return space
      }
      // From here on it is gone; whoever opens the store next does what is left of this.
      while try await transact({ try space.deleteVectors(limit: Self.deletedAtOnce, $0) }) > 0 {}
      try await transact(core.finishLeaving)
      return space.model
    }
  }

  /// Writers wait meanwhile.
  private static let deletedAtOnce = 4_096

  /// Which models the store has vectors of. It counts rows of the catalogue.
  public func reembedStatus() throws(StoreError) -> ReembedStatus {
    try read { db in
      let active = try VectorSpace.active(db)
      let other = try VectorSpace.others(db).first
      return ReembedStatus(
        active: active.model, making: other?.state == .making ? other?.model : nil,
        kept: other?.state == .kept ? other?.model : nil,
        embedded: try Int.fetchOne(
          db, sql: "SELECT count(*) FROM vector WHERE space = ?",
          arguments: [other?.id ?? active.id]) ?? 0,
        total: try Int.fetchOne(db, sql: "SELECT count(DISTINCT vector) FROM memory") ?? 0)
    }
  }

  /// What the store's vectors are of at this moment.
  package func storedModel() throws(StoreError) -> EmbeddingModel {
    try core.ensureOpen()
    return try core.index.upToDate().pages.header.embedding
  }

  private static let reembedLockName = "reembed.lock"

  /// Runs `body` while nobody else changes the store's spaces.
  private func withReembedLock<Value>(
    _ body: () async throws(StoreError) -> Value
  ) async throws(StoreError) -> Value {
    let lock = try File.open(core.directory.appending(Self.reembedLockName), .create)
    guard try lock.lock(wait: false) else {
      throw .reembed(
        reason: "A reembed of this store is under way, here or in another process; wait for its end, or "
          + "end that process")
    }
    // Not by its end alone: a child of this process may have the file open still.
    defer { try? lock.unlock() }
    return try await body()
  }
}

extension EmbeddingModel {
  /// For people.
  fileprivate var text: String { "\(name) (\(dimension) components)" }
}
