import Crypto
import Foundation
import SystemPackage

/// What an export holds, as its last line says.
public struct ExportCounts: Sendable, Hashable {
  /// Changes of the history, versions of memories, vectors, keys of inserts, and memories whose
  /// accesses were counted.
  public var history = 0
  public var memories = 0
  public var vectors = 0
  public var keys = 0
  public var accesses = 0
  /// Memories of which compaction has left no version.
  public var cut = 0
  public var episodes = 0

  mutating func count(_ kind: ExportLine.Kind) {
    switch kind {
    case .header, .end: break
    case .history: history += 1
    case .memory: memories += 1
    case .vector: vectors += 1
    case .key: keys += 1
    case .access: accesses += 1
    case .cut: cut += 1
    case .episode: episodes += 1
    }
  }
}

extension Store {
  /// Writes all that the store holds as lines of JSON: the history with its texts and hashes, every
  /// version of every memory, their vectors. `import` makes the same store of it; `docs/export.md`
  /// specifies every line.
  ///
  /// It is of one moment, while writers and readers go on.
  ///
  /// - Parameters:
  ///   - path: where nothing is yet; the file is there only once it is whole.
  ///   - progress: told how far it has come.
  /// - Throws: `StoreError.exists`; `.damaged` where a row or a vector fails its checksum (`repair`
  ///   comes first); `.cancelled`. Nothing is left at the path then.
  @discardableResult
  public func export(
    to path: String, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> ExportCounts {
    try core.ensureOpen()
    return try await LongCall.run(progress) { [self] call in
      let path = FilePath(path)
      // Its draft's name may be that of somebody's file, which would be gone.
      for path in [path, Directory.draft(of: path)] where try Directory.kind(of: path) != .absent {
        throw StoreError.exists(path.string)
      }
      var counts = ExportCounts()
      try Directory.publish(path) { file throws(StoreError) in
        do { counts = try writeExport(to: FileStream(file.descriptor, path), call) } catch {
          throw StoreError(error)
        }
      }
      return counts
    }
  }

  /// The same to a descriptor: a pipe, standard output. What was written before a failure is there.
  @discardableResult
  public func export(
    to descriptor: FileDescriptor, progress: StoreProgress.Handler? = nil
  ) async throws(StoreError) -> ExportCounts {
    try core.ensureOpen()
    return try await LongCall.run(progress) { [self] call in
      let name = FilePath("descriptor \(descriptor.rawValue)")
      return try writeExport(to: FileStream(descriptor, name), call)
    }
  }

  private func writeExport(to stream: FileStream, _ call: LongCall) throws -> ExportCounts {
    try readVectors { db, pages in
      try call.watching(db) {
        let tables = ExportTables(db: db, identity: pages.header, call: call)
        var counts = ExportCounts()
        // Of all lines but the first, which names the store.
        var hash = SHA256()
        var stream = stream
        func write(_ line: ExportLine) throws {
          let text = try line.encoded()
          if line.kind != .header { hash.update(data: text) }
          try stream.write(text)
          counts.count(line.kind)
        }
        try write(tables.header())
        try tables.history(write)
        try tables.memories(write)
        try tables.vectors(pages, write)
        try tables.rest(write)
        try write(counts.exported(sha256: Data(hash.finalize())))
        try stream.flush()
        return counts
      }
    }
  }
}

extension ExportCounts {
  func exported(sha256: Data) -> ExportLine {
    ExportLine(
      .end,
      [
        "history": .int(Int64(history)), "memories": .int(Int64(memories)),
        "vectors": .int(Int64(vectors)), "keys": .int(Int64(keys)),
        "accesses": .int(Int64(accesses)), "cut": .int(Int64(cut)),
        "episodes": .int(Int64(episodes)), "sha256": JSONValue(sha256),
      ])
  }
}
