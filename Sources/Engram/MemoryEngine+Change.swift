import EngramStore
import Foundation

/// What changes of a memory; what is nil stays as it is.
public struct MemoryChange: Sendable {
  public var id: UUID
  /// A new text, which is embedded anew.
  public var text: String?
  /// Members that are added or replaced; those with null go.
  public var metadata: [String: JSONValue]?
  /// All that it has afterwards.
  public var categories: [String]?
  /// 0...1.
  public var importance: FieldUpdate<Double>?
  /// From when on searches and lists leave it out; one that has expired is found again with a later time,
  /// or with none.
  public var expiresAt: FieldUpdate<Date>?

  public init(
    _ id: UUID, text: String? = nil, metadata: [String: JSONValue]? = nil,
    categories: [String]? = nil, importance: FieldUpdate<Double>? = nil,
    expiresAt: FieldUpdate<Date>? = nil
  ) {
    self.id = id
    self.text = text
    self.metadata = metadata
    self.categories = categories
    self.importance = importance
    self.expiresAt = expiresAt
  }
}

extension MemoryEngine {
  /// Changes a memory; what it was before stays in its history. Parameters are those of ``MemoryChange``.
  ///
  /// - Throws: `StoreError.unknownMemory` where there is none.
  public func update(
    _ id: UUID, text: String? = nil, metadata: [String: JSONValue]? = nil,
    categories: [String]? = nil, importance: FieldUpdate<Double>? = nil,
    expiresAt: FieldUpdate<Date>? = nil
  ) async throws(EngramError) {
    try await update([
      MemoryChange(
        id, text: text, metadata: metadata, categories: categories, importance: importance,
        expiresAt: expiresAt)
    ])
  }

  /// Changes memories: all of them, or none where one is unknown or a change is refused.
  ///
  /// - Throws: `StoreError.unknownMemory` where one is not there.
  public func update(_ changes: [MemoryChange]) async throws(EngramError) {
    let merging = try changes.map { change throws(EngramError) in try change.merging }
    let texts = changes.compactMap(\.text)
    try await embedders.using { embedder async throws(EngramError) in
      var vectors = try await embedder.vectors(of: texts)[...]
      var batch = WriteBatch()
      batch.model = embedder.model
      batch.updates = zip(changes, merging).map { change, merging in
        let update = MemoryUpdate(
          text: change.text, vector: change.text == nil ? nil : vectors.popFirst(), merging: merging,
          categories: change.categories, importance: change.importance, expiresAt: change.expiresAt)
        return (change.id, update)
      }
      _ = try await asEngramError { [batch] in try await store.write(batch) }
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

extension MemoryChange {
  /// What becomes of the metadata. A new text is about something else, or nothing that is known.
  fileprivate var merging: Metadata? {
    get throws(EngramError) {
      guard metadata?[FactSlot.key] == nil else {
        throw .invalid(field: "metadata", reason: "\(FactSlot.key) is Engram's own; take another name")
      }
      var members = metadata ?? [:]
      if let text { members[FactSlot.key] = FactSlot.value(ofText: text) ?? .null }
      guard !members.isEmpty || metadata != nil else { return nil }
      return try asEngramError { try Metadata(members) }
    }
  }
}
