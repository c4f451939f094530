import EngramModels
import EngramStore
import Synchronization

extension MemoryEngine {
  /// Moves the memories to another embedder, while this process and others go on adding and searching; see
  /// `Store.reembed`, of which this has the rules: where it ends early the same call goes on, and the same
  /// call with the embedder of before goes back. `store.confirmReembed` deletes the old vectors,
  /// `store.abandonReembed` gives up, `store.reembedStatus` says how things stand.
  ///
  /// From the moment at which the store has moved this engine uses the new embedder. Engines of other
  /// processes refuse what needs vectors with `EngramError.otherModel`, until they are opened with it.
  ///
  /// - Parameter progress: told how far it has come.
  /// - Throws: `EngramError.model` where the embedder fails, `.store` with `StoreError.reembed` where
  ///   another reembed stands in the way.
  @discardableResult
  public func reembed(
    to embedder: any Embedder, progress: StoreProgress.Handler? = nil
  ) async throws(EngramError) -> ReembedReport {
    let failure = Failure()
    let embedder = CachedEmbedder(embedder)
    embedders.prepare(embedder)
    do throws(StoreError) {
      let report = try await store.reembed(
        model: embedder.model, dimension: embedder.dimension, progress: progress
      ) { texts in
        do throws(ModelError) { return try await embedder.embed(texts) } catch {
          failure.error.withLock { $0 = error }
          throw error
        }
      }
      embedders.settle(embedder, embedder.vectorModel)
      return report
    } catch {
      embedders.settle(embedder, try? store.storedModel())
      if case .invalid = error, let cause = failure.error.withLock({ $0 }) { throw .model(cause) }
      throw EngramError(error)
    }
  }

  /// What the embedder said, which the store has no word for.
  private final class Failure: Sendable {
    let error = Mutex<ModelError?>(nil)
  }
}
