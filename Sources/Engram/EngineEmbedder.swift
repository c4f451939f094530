import EngramModels
import EngramStore
import Synchronization

/// The embedder of an engine, and while a reembed moves the store to another one, that one: of which of them
/// a store's vectors are, the store says.
final class EngineEmbedder: Sendable {
  private struct State {
    var current: any Embedder
    var next: (any Embedder)?
  }

  let store: Store
  private let state: Mutex<State>

  init(_ embedder: any Embedder, of store: Store) {
    self.store = store
    state = Mutex(State(current: embedder))
  }

  var current: any Embedder { state.withLock { $0.current } }

  /// The one of the two that makes vectors of a model.
  private func embedder(of model: EmbeddingModel) -> (any Embedder)? {
    state.withLock { state in
      [state.current, state.next].lazy.compactMap { $0 }.first { $0.vectorModel == model }
    }
  }

  /// Runs a call that needs vectors; where a reembed of this engine moves the store meanwhile, once more
  /// with the new embedder.
  func using<Value>(
    _ body: (any Embedder) async throws(EngramError) -> Value
  ) async throws(EngramError) -> Value {
    let embedder = current
    do { return try await body(embedder) } catch {
      guard error.mayBeOfOtherModel, let model = try? store.storedModel(),
        model != embedder.vectorModel, let other = self.embedder(of: model)
      else { throw error }
      return try await body(other)
    }
  }

  func prepare(_ next: any Embedder) {
    // One that is under way stays: the store refuses the second.
    state.withLock { if $0.next == nil { $0.next = next } }
  }

  /// A reembed has ended, whatever came of it.
  ///
  /// - Parameters:
  ///   - embedder: to which it was to move the store.
  ///   - model: what the store's vectors are of; nil where it cannot say.
  func settle(_ embedder: any Embedder, _ model: EmbeddingModel?) {
    state.withLock { state in
      if embedder.vectorModel == model { state.current = embedder }
      // Another one may be under way, which stood in this one's way.
      if state.next?.vectorModel == embedder.vectorModel { state.next = nil }
    }
  }

  /// Throws where the store's vectors are of a model that this engine does not have.
  func check() throws(EngramError) {
    let stored = try asEngramError { try store.storedModel() }
    guard embedder(of: stored) != nil else {
      throw .otherModel(stored: stored.name, requested: current.model)
    }
  }
}

extension Embedder {
  var vectorModel: EmbeddingModel { EmbeddingModel(name: model, dimension: dimension) }
}

extension EngramError {
  /// Whether it says that a vector is none of the store's.
  fileprivate var mayBeOfOtherModel: Bool {
    switch self {
    case .otherModel, .store(.mismatch), .store(.index(.dimensionMismatch)): true
    default: false
    }
  }
}
