import EngramStore
import Foundation

extension MemoryEngine {
  /// Changes a memory; what it was before stays in its history. A new text is embedded anew.
  ///
  /// - Parameters:
  ///   - metadata: members that are added or replaced; those with null go.
  ///   - categories: all that it has afterwards.
  ///   - importance: 0...1.
  ///   - expiresAt: from when on searches and lists leave it out; one that has expired is found again
  ///     with a later time, or with none.
  /// - Throws: `StoreError.unknownMemory` where there is none.
  public func update(
    _ id: UUID, text: String? = nil, metadata: [String: JSONValue]? = nil,
    categories: [String]? = nil, importance: FieldUpdate<Double>? = nil,
    expiresAt: FieldUpdate<Date>? = nil
  ) async throws(EngramError) {
    let merge: Metadata? =
      if let metadata { try asEngramError { try Metadata(metadata) } } else { nil }
    try await embedders.using { embedder async throws(EngramError) in
      let vector: [Float]? =
        if let text { try await embedder.vectors(of: [text])[0] } else { nil }
      let update = MemoryUpdate(
        text: text, vector: vector, merging: merge, categories: categories, importance: importance,
        expiresAt: expiresAt)
      try await asEngramError { try await store.update(id, update, model: embedder.model) }
    }
  }

  /// Removes a memory from searches and lists; its history stays. To leave nothing of it: `Store.erase`.
  public func delete(_ id: UUID) async throws(EngramError) {
    try await asEngramError { try await store.delete(id) }
  }

  /// Removes memories: all of them, or none where one is unknown.
  public func delete(_ ids: [UUID]) async throws(EngramError) {
    try await asEngramError { try await store.delete(ids) }
  }

  /// Removes all memories of a scope, the expired ones, too; of what waits for a chat model there none is
  /// made.
  ///
  /// - Returns: how many they were.
  @discardableResult
  public func deleteAll(scope: Scope) async throws(EngramError) -> Int {
    try Self.require(scope)
    return try await asEngramError {
      try await store.dropWaiting(scope: scope)
      return try await store.deleteAll(scope: scope)
    }
  }

  /// Removes all memories of everybody; their history stays.
  @discardableResult
  public func reset() async throws(EngramError) -> Int {
    try await asEngramError {
      try await store.dropWaiting(scope: .all)
      return try await store.deleteAll(scope: .all)
    }
  }
}
