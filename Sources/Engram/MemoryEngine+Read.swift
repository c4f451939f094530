import EngramStore
import Foundation

extension MemoryEngine {
  /// The current version of a memory.
  ///
  /// - Throws: `StoreError.unknownMemory` where there is none.
  public func get(_ id: UUID) throws(EngramError) -> Memory { try asEngramError { try store.get(id) } }

  /// What happened to a memory, oldest first, also when it has been deleted.
  public func history(of id: UUID) throws(EngramError) -> [HistoryEntry] {
    try asEngramError { try store.history(of: id) }
  }

  /// A page of the memories of a scope that pass a filter, in the order of their latest change.
  ///
  /// - Parameters:
  ///   - after: the cursor of the page before; nil for the first page.
  ///   - limit: 1...1,000.
  ///   - showExpired: whether memories whose time is over are listed.
  public func getAll(
    scope: Scope, filter: Filter? = nil, after cursor: String? = nil, limit: Int = 100,
    showExpired: Bool = false
  ) throws(EngramError) -> Page {
    try Self.require(scope)
    return try asEngramError {
      try store.list(
        scope: scope, filter: filter, after: cursor, limit: limit, includeExpired: showExpired)
    }
  }
}
