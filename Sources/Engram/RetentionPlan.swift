import EngramStore
import Foundation

/// What a retention run would remove, and why: nothing has been written.
public struct RetentionPlan: Sendable, Hashable {
  /// A memory that would go.
  public struct Item: Sendable, Hashable {
    public var id: UUID
    public var scope: Scope
    public var text: String
    public var reasons: [RetentionReason]
    /// As ``RetentionPolicy/score`` has it.
    public var score: Double
    /// As it was seen: one that is changed or found afterwards stays.
    public var change: Int64
    public var accesses: Int
  }

  /// That of the run: what ``Retention/undo(_:)`` takes.
  public var id: UUID
  /// In the order of their latest change.
  public var memories: [Item]
  /// What was said and whose time is over.
  public var episodes: [UUID]
  /// How many memories were looked at.
  public var examined: Int
}

/// What a retention run has removed.
public struct RetentionRun: Sendable, Hashable {
  /// Of the plan; in the history its deletions have the actor `retention/` and this id.
  public var id: UUID
  public var removed: [UUID]
  /// Memories of the plan that stay, as they have been changed, deleted or found since.
  public var kept: [UUID]
  /// How many episodes are gone.
  public var episodes: Int
}

/// What has come back of a retention run.
public struct RetentionUndo: Sendable, Hashable {
  public var restored: [UUID]
  /// Memories that did not come back: somebody has added or erased them since, or compaction has cut them.
  public var left: [UUID]
}
