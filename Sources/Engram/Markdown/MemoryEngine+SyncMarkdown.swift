import EngramStore
import Foundation

extension MemoryEngine {
  /// Takes edits of Markdown files over, and writes what has changed in the store since they were exported:
  /// afterwards the directory is what an export would be.
  ///
  /// A changed text, or changed `categories`, `importance`, `expires_at` or `metadata` update the memory; a
  /// new file adds one as it is. All of them are written to the store in one transaction, and then the
  /// files, one by one; a sync that was interrupted goes on where it was.
  ///
  /// - Parameters:
  ///   - path: a directory that `Store.exportMarkdown` wrote of this store.
  ///   - options: what becomes of removed files, and of memories that were changed on both sides.
  ///   - progress: told how far it has come.
  /// - Throws: `EngramError.markdown` with file and line where something is malformed or is not to be
  ///   edited, or the files are another store's; nothing was written then.
  @discardableResult
  public func syncMarkdown(
    _ path: String, options: MarkdownSyncOptions = MarkdownSyncOptions(),
    progress: StoreProgress.Handler? = nil
  ) async throws(EngramError) -> MarkdownSyncReport {
    let directory = MarkdownDirectory(path)
    var attempts = 0
    while true {
      do {
        return try await sync(directory, options, progress)
      } catch .store(.changed), .store(.unknownMemory), .store(.duplicateID) {
        // Somebody has written to one of the memories meanwhile: what is there now decides.
        attempts += 1
        guard attempts < Self.syncAttempts else {
          throw .invalid(field: "sync", reason: "the store changes all the time; try again later")
        }
      } catch { throw error }
    }
  }

  private static let syncAttempts = 10

  private func sync(
    _ directory: MarkdownDirectory, _ options: MarkdownSyncOptions, _ progress: StoreProgress.Handler?
  ) async throws(EngramError) -> MarkdownSyncReport {
    let embedder = embedders.current
    var plan = try await longCall(progress) { call in
      let manifest = try directory.manifest()
      var plan = try MarkdownSyncPlan(manifest, options)
      try directory.eachMemory(call) { found, digest throws(EngramError) in
        plan.add(found, digest: digest)
      }
      return plan
    }
    plan = try await changed(plan, progress) { try $0.decide($1, in: directory) }
    let vectors = options.isDryRun ? [] : try await embedder.vectors(of: plan.texts, progress)
    var batch = try plan.batch(vectors)
    batch.model = embedder.model
    if !options.isDryRun { try await asEngramError { [batch] in try await store.write(batch) } }
    plan = try await changed(plan, progress) { try $0.write($1, to: directory) }
    return plan.report
  }

  /// The plan after `body` has gone through the store.
  private func changed(
    _ plan: MarkdownSyncPlan, _ progress: StoreProgress.Handler?,
    _ body: @escaping @Sendable (inout MarkdownSyncPlan, Store.Content) throws -> Void
  ) async throws(EngramError) -> MarkdownSyncPlan {
    let result = try await asEngramError {
      try await store.readContent(progress) { content in
        try engramResult {
          var plan = plan
          try body(&plan, content)
          return plan
        }
      }
    }
    return try result.get()
  }
}
