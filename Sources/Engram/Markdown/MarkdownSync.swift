import EngramStore
import Foundation

/// How a sync of Markdown files and a store is done.
public struct MarkdownSyncOptions: Sendable {
  /// Which side counts where a memory was changed on both.
  public enum Preference: String, Sendable, CaseIterable {
    case files, store
  }

  /// Whether a file that was removed deletes its memory.
  public var deletes: Bool
  /// Nil to leave both as they are, and say so. `store` also brings back files that were removed.
  public var preference: Preference?
  /// Whether it is only said what would be done.
  public var isDryRun: Bool

  public init(deletes: Bool = false, preference: Preference? = nil, isDryRun: Bool = false) {
    self.deletes = deletes
    self.preference = preference
    self.isDryRun = isDryRun
  }
}

/// What a sync of Markdown files and a store did, or would do.
public struct MarkdownSyncReport: Sendable, Hashable {
  /// A memory that was changed on both sides since the export, or whose file was changed during the sync:
  /// neither side was touched.
  public struct Conflict: Sendable, Hashable {
    public var memory: UUID
    /// Of its file, within the directory; nil where that was removed.
    public var file: String?
    public var reason: String
  }

  /// Memories of the store that were added for new files, changed, and deleted.
  public var added: [UUID] = []
  public var updated: [UUID] = []
  public var deleted: [UUID] = []
  /// Memories whose files were removed, and that were not deleted, as nobody asked for that.
  public var missing: [UUID] = []
  public var conflicts: [Conflict] = []
  /// Files that were written as the store has them, and removed, within the directory. A dry run leaves
  /// those out that follow from what it would do to the store.
  public var written: [String] = []
  public var removed: [String] = []
}
