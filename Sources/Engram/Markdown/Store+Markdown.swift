import EngramStore
import Foundation
import SystemPackage

extension Store {
  /// Writes all that the store holds but its vectors as a directory of Markdown files that people can
  /// read, and edit: a file for each memory, also for those that have ended, with its history, and one for
  /// the rest. `MemoryEngine.importMarkdown` makes the same store of it, `syncMarkdown` takes edits over.
  ///
  /// It is of one moment, while writers and readers go on. `docs/markdown.md` specifies the files.
  ///
  /// - Parameters:
  ///   - path: where nothing is yet; the directory is there only once it is whole.
  ///   - progress: told how far it has come.
  /// - Returns: how many files of memories it has.
  /// - Throws: `EngramError.invalid` where the directory is an export of this store, which is brought up to
  ///   date by a sync; `StoreError.exists`; `.damaged` where a row fails its checksum; `.cancelled`.
  ///   Nothing is left at the path then.
  @discardableResult
  public func exportMarkdown(
    to path: String, progress: StoreProgress.Handler? = nil
  ) async throws(EngramError) -> Int {
    try await asEngramError {
      try await readContent(progress) { content in
        if MarkdownDirectory(path).isExport(of: try content.header().uuid("store")) {
          throw StoreError.invalid(
            field: "directory", reason: "\(path) is an export of this store; bring it up to date with sync")
        }
        return try Directory.publishDirectory(FilePath(path)) { draft in
          let directory = MarkdownDirectory(draft.string)
          var (files, folders) = (0, Set<FilePath>())
          let manifest = try content.markdown { memory in
            try directory.write(memory.bytes, to: memory.path)
            folders.insert(directory.file(memory.path).removingLastComponent())
            files += 1
          }
          for folder in folders { try Directory.synchronise(folder) }
          try directory.write(try manifest.bytes, to: MarkdownManifest.name)
          // Its bytes count: git must not exchange the ends of lines.
          try directory.write(Array("* -text\n".utf8), to: ".gitattributes")
          return files
        }
      }
    }
  }
}

extension Store.Content {
  /// Calls `body` with the file of each memory that has a version; the manifest of the store.
  func markdown(_ body: (MarkdownMemory) throws -> Void) throws -> MarkdownManifest {
    var records: [ExportLine] = []
    try eachMemory { lines in
      if lines.versions.isEmpty {
        records += lines.history
      } else {
        try body(try MarkdownMemory(lines))
      }
    }
    try rest { records.append($0) }
    return try MarkdownManifest(
      header: try header(), changes: try changeCount(), versions: try versionCount(), records: records)
  }
}
