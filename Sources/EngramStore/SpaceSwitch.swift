import EngramIndex
import Foundation
import GRDB
import Synchronization

/// The moment at which another vector space becomes the active one.
///
/// Runs on the commit thread, under the writer lock: the last versions get their vectors while nobody
/// writes others, and one transaction switches over. Searches go on meanwhile, and see the old space or
/// the new one.
final class SpaceSwitch: Sendable {
  /// Vectors of versions, made while the caller waits.
  typealias Embed = @Sendable ([Unembedded]) throws -> [[Float]]

  private let space: VectorSpace
  private let next: SpaceIndex
  /// The versions up to this change have vectors in the space.
  private let complete: Int64
  /// So many may be without.
  private let limit: Int
  private let embed: Embed
  private let switched = Atomic(false)

  init(
    to space: VectorSpace, _ next: SpaceIndex, complete: Int64, limit: Int, embed: @escaping Embed
  ) {
    self.space = space
    self.next = next
    self.complete = complete
    self.limit = limit
    self.embed = embed
  }

  /// Whether it took place: not where too many vectors were missing, or the index is of no use any more.
  var isDone: Bool { switched.load(ordering: .acquiring) }

  func perform(
    catalogue: Catalogue, index: SharedIndex, snapshots: SnapshotFile
  ) throws(Compactor.Failure) -> Compactor.Outcome? {
    let (last, vectors): (Unembedded.Batch, [[Float]])
    do {
      last = try catalogue.write { db in
        try Unembedded.next(after: complete, in: space.id, limit: limit + 1, db)
      }
      guard last.isLast, try catalogue.write(next.isOfUse) else { return nil }
      vectors = try embed(last.versions)
      // The old space's slots are kept nowhere else from here on.
      try index.pages.synchronise()
    } catch { throw .before(StoreError(error)) }
    return try snapshots.switching { () throws(Compactor.Failure) in
      let outcome = try commit(last.versions, vectors, catalogue: catalogue, index: index)
      return (outcome, index.live, next.saved)
    }
  }

  private func commit(
    _ last: [Unembedded], _ vectors: [[Float]], catalogue: Catalogue, index: SharedIndex
  ) throws(Compactor.Failure) -> Compactor.Outcome {
    var isCommitting = false
    var slots = 0
    do {
      try catalogue.write { db in
        try db.inTransaction(.immediate) {
          _ = try next.live.pages.adopt(last, vectors, db)
          try VectorPages.forgetUnsynced(db)
          try space.activate(db)
          slots = try Catalogue.slotCount(db, space: space.id)
          try index.beginCommit()
          isCommitting = true
          return .commit
        }
      }
    } catch {
      let error = StoreError(error)
      guard isCommitting else { throw .before(error) }
      guard error.isDiskFull, !catalogue.isInTransaction,
        (try? index.endCommit([], slots: 0, covering: index.live.covered)) != nil
      else {
        index.abandonCommit()
        throw .unknown(error)
      }
      throw .before(error)
    }
    switched.store(true, ordering: .releasing)
    do {
      let mark = try index.endSwitch(to: next.live)
      return Compactor.Outcome(isErasing: false, slots: slots, mark: mark)
    } catch {
      // The next who reads goes over to the new space by itself.
      index.abandonCommit()
      throw .after(error)
    }
  }
}
