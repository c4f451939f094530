/// Spares an embedder the texts whose vectors are known: a text that was embedded lately is not embedded
/// again, and of equal texts at the same time only one is.
public struct CachedEmbedder: Embedder {
  private let embedder: any Embedder
  private let cache: EmbeddingCache

  public var model: String { embedder.model }
  public var dimension: Int { embedder.dimension }

  public init(_ embedder: any Embedder, cache: EmbeddingCache = EmbeddingCache()) {
    self.embedder = embedder
    self.cache = cache
  }

  /// - Throws: what the embedder throws, also ``ModelError/badReply(reason:)`` where it makes more or
  ///   fewer vectors than it was given texts. An error is not kept.
  public func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] {
    let keys = texts.map(key)
    var known: [EmbeddingCache.Key: [Float]] = [:]
    while true {
      var (mine, others): ([String], [EmbeddingCache.Key]) = ([], [])
      var seen = Set<EmbeddingCache.Key>()
      for (text, key) in zip(texts, keys) where known[key] == nil && seen.insert(key).inserted {
        switch cache.begin(key) {
        case .vector(let vector): known[key] = vector
        case .missing: mine.append(text)
        case .underway: others.append(key)
        }
      }
      for (text, vector) in zip(mine, try await make(mine)) { known[key(text)] = vector }
      guard !others.isEmpty else { break }
      for key in others { await cache.wait(for: key) }
      if Task.isCancelled { throw .cancelled }
    }
    return keys.compactMap { known[$0] }
  }

  /// Embeds texts for which this call has the word.
  private func make(_ texts: [String]) async throws(ModelError) -> [[Float]] {
    guard !texts.isEmpty else { return [] }
    var vectors: [[Float]] = []
    defer {
      for (number, text) in texts.enumerated() {
        cache.end(key(text), vectors.isEmpty ? nil : vectors[number])
      }
    }
    let made = try await embedder.embed(texts)
    guard made.count == texts.count else {
      throw .badReply(reason: "\(made.count) vectors of \(texts.count) texts")
    }
    vectors = made
    return vectors
  }

  private func key(_ text: String) -> EmbeddingCache.Key {
    EmbeddingCache.Key(model: model, dimension: dimension, text: text)
  }
}
