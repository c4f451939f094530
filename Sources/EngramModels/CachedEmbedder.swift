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
    var known: [String: [Float]] = [:]
    while true {
      var (mine, others): ([String], [String]) = ([], [])
      for text in Set(texts).subtracting(known.keys) {
        switch cache.begin(key(text)) {
        case .vector(let vector): known[text] = vector
        case .missing: mine.append(text)
        case .underway: others.append(text)
        }
      }
      // In the caller's order, which the set has lost.
      let isMine = Set(mine)
      var seen = Set<String>()
      let missing = texts.filter { isMine.contains($0) && seen.insert($0).inserted }
      for (text, vector) in zip(missing, try await make(missing)) { known[text] = vector }
      guard !others.isEmpty else { break }
      for text in others { await cache.wait(for: key(text)) }
      if Task.isCancelled { throw .cancelled }
    }
    return texts.compactMap { known[$0] }
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
