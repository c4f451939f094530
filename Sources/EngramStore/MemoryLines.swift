import Foundation

/// All that a store knows of one memory, as lines of an export.
package struct MemoryLines: Sendable {
  package let id: UUID
  /// Its changes, oldest first.
  package var history: [ExportLine] = []
  /// Its versions, oldest first; none where it was erased, or compaction has cut them all.
  package var versions: [ExportLine] = []

  package init(id: UUID) { self.id = id }
}

extension Store {
  /// A store at one moment, memory by memory, while writers and readers go on.
  package struct Content {
    private let tables: ExportTables

    fileprivate init(_ tables: ExportTables) { self.tables = tables }

    /// The line that begins an export.
    package func header() throws -> ExportLine { try tables.header() }

    package func changeCount() throws -> Int { try tables.count(of: "history") }
    package func versionCount() throws -> Int { try tables.count(of: "memory") }

    /// Each memory that there ever was, by the bytes of its id.
    package func eachMemory(_ body: (MemoryLines) throws -> Void) throws {
      try tables.eachMemory(body)
    }

    /// The lines of keys, accesses, cut memories and episodes.
    package func rest(_ body: (ExportLine) throws -> Void) throws { try tables.rest(body) }

    /// Whether the chain of the history goes through a head.
    package func follows(_ head: HistoryHead) throws -> Bool {
      try HistoryRow.hash(of: head.sequence, tables.db) == head.hash
    }
  }

  /// Runs `body` on a thread of its own with all that the store holds but its vectors.
  package func readContent<Value: Sendable>(
    _ progress: StoreProgress.Handler? = nil,
    _ body: @escaping @Sendable (Content) throws -> Value
  ) async throws(StoreError) -> Value {
    try core.ensureOpen()
    return try await LongCall.run(progress) { [self] call in
      try readVectors { db, pages in
        try call.watching(db) {
          try body(Content(ExportTables(db: db, identity: pages.header, call: call)))
        }
      }
    }
  }
}
