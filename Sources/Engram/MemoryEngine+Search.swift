import EngramIndex
import EngramStore
import Foundation

/// A memory that a search found, and how well it fits.
public struct FoundMemory: Sendable, Hashable {
  public var memory: Memory
  /// 0...1; those of two searches can be compared.
  public var score: Double
}

extension MemoryEngine {
  /// The memories of a scope that fit a query best, best first.
  ///
  /// - Parameters:
  ///   - limit: 1...10,000.
  ///   - filter: a condition on the metadata.
  ///   - threshold: what scores less is left out, 0...1.
  public func search(
    _ query: String, scope: Scope, limit: Int = 20, filter: Filter? = nil, threshold: Double = 0.1
  ) async throws(EngramError) -> [FoundMemory] {
    try Self.require(scope)
    let query = query.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !query.isEmpty else { throw .invalid(field: "query", reason: "it is empty") }
    guard threshold >= 0, threshold <= 1 else {
      throw .invalid(field: "threshold", reason: "it must lie in 0...1")
    }
    guard IndexLimits.k.contains(limit) else {
      throw .invalid(field: "limit", reason: "it must lie in \(IndexLimits.k)")
    }
    let vector = try await vectors(of: [query])[0]
    return try asEngramError {
      try store.ask(query, vector: vector, k: limit, scope: scope, filter: filter).map {
        FoundMemory(memory: $0.memory, score: $0.score)
      }.filter { $0.score >= threshold }
    }
  }
}
