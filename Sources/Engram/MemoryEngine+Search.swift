import EngramIndex
import EngramStore
import Foundation

/// A memory that a search found, and how well it fits.
public struct FoundMemory: Sendable, Hashable {
  public var memory: Memory
  /// 0...1; those of two searches can be compared.
  public var score: Double
  /// What the score is made of; nil where nobody asked.
  public var components: ScoreComponents?

  public init(memory: Memory, score: Double, components: ScoreComponents? = nil) {
    self.memory = memory
    self.score = score
    self.components = components
  }
}

extension MemoryEngine {
  /// The memories of a scope that fit a query best, best first.
  ///
  /// - Throws: `EngramError.noScope`; `.invalid` where the query is empty or an option is out of range;
  ///   `.store` with `StoreError.beforeHorizon` where the moment is one that compaction has cut off.
  public func search(
    _ query: String, scope: Scope, options: SearchOptions = SearchOptions()
  ) async throws(EngramError) -> [FoundMemory] {
    try Self.require(scope)
    try options.validate()
    let query = query.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !query.isEmpty else { throw .invalid(field: "query", reason: "it is empty") }
    let found = try await embedders.using { embedder async throws(EngramError) in
      let vector = try await embedder.vectors(of: [query])[0]
      return try asEngramError { try ranked(query, vector, of: embedder.model, scope, options) }
    }
    guard let maxTokens = options.maxTokens else { return found }
    // What it sums up is of now.
    let summary = options.asOf == nil ? try summary(of: scope) : nil
    return TokenBudget(tokens: maxTokens).fitting(
      (summary.map { [FoundMemory(memory: $0, score: 1)] } ?? []) + found)
  }

  /// Best first; what this layer has written by itself is no result of a search.
  private func ranked(
    _ query: String, _ vector: [Float], of model: String, _ scope: Scope, _ options: SearchOptions
  ) throws -> [FoundMemory] {
    try store.ask(
      query, vector: vector, k: options.limit, options: options.asking(of: scope), model: model
    ).filter { $0.score >= options.threshold }.map { FoundMemory($0, explained: options.explain) }
  }
}

extension FoundMemory {
  fileprivate init(_ ranked: RankedMemory, explained: Bool) {
    self.init(memory: ranked.memory, score: ranked.score)
    guard explained else { return }
    components = ScoreComponents(
      similarity: ranked.similarity, text: ranked.text, context: ranked.context,
      recency: ranked.recency, importance: ranked.importance, access: ranked.access)
  }
}

extension SearchOptions {
  fileprivate func validate() throws(EngramError) {
    guard threshold >= 0, threshold <= 1 else {
      throw .invalid(field: "threshold", reason: "it must lie in 0...1")
    }
    guard IndexLimits.k.contains(limit) else {
      throw .invalid(field: "limit", reason: "it must lie in \(IndexLimits.k)")
    }
    if let maxTokens, maxTokens < 1 {
      throw .invalid(field: "maxTokens", reason: "it must be positive")
    }
  }

  fileprivate func asking(of scope: Scope) -> AskOptions {
    AskOptions(
      scope: scope, filter: filter, weights: weights, diversity: diversity, asOf: asOf,
      latestOnly: latestOnly, includeExpired: showExpired,
      excluding: { MemoryKind.read($0) != nil })
  }
}
