import EngramStore
import Foundation

/// What comes with what is added.
public struct AddOptions: Sendable {
  /// What becomes of what is said.
  public var mode: Consolidation
  public var metadata: Metadata
  public var categories: [String]
  /// How much it matters, 0...1.
  public var importance: Double?
  /// When it was said; nil for now.
  public var createdAt: Date?
  /// From then on searches and lists leave it out.
  public var expiresAt: Date?
  /// Names this call within its scope: repeated, it adds nothing. At most 500 bytes.
  public var key: String?
  /// Whether a call that has a chat model make the memories returns when they have been made, and not as
  /// soon as what was said is durable. It then makes those of earlier calls on the scope that wait, too,
  /// and throws what goes wrong with them. Without a chat model every call waits.
  public var waits: Bool
  /// How long the messages are kept as they were said; nil for what ``RetentionPolicy/episodeTTL`` says.
  public var episodeTTL: Duration?

  public init(
    mode: Consolidation = .supersede, metadata: Metadata = .empty, categories: [String] = [],
    importance: Double? = nil, createdAt: Date? = nil, expiresAt: Date? = nil, key: String? = nil,
    waits: Bool = false,
    episodeTTL: Duration? = nil
  ) {
    self.mode = mode
    self.metadata = metadata
    self.categories = categories
    self.importance = importance
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.key = key
    self.waits = waits
    self.episodeTTL = episodeTTL
  }
}

/// What becomes of what is said: how facts are found, and what they do to those that are there.
public enum Consolidation: String, Sendable, CaseIterable {
  /// Each message is a memory, as it is.
  case verbatim
  /// Facts are added to those that are there.
  case additive
  /// Facts are added, or change or delete those that are there.
  case update
  /// A fact that contradicts others ends them; they keep their text and history.
  case supersede
}

/// What became of something that was said.
public struct Added: Sendable, Hashable {
  public enum Event: String, Sendable {
    case add = "ADD", update = "UPDATE", delete = "DELETE"
    /// It was known already.
    case none = "NONE"
    /// It is durable, and memories will be made of it.
    case pending = "PENDING"
  }

  /// The memory that was made or changed, or that was there already; of `pending` the episode.
  public var id: UUID
  /// What it says; of `pending` what was said.
  public var memory: String
  public var event: Event
  /// What a memory said that was changed.
  public var previousMemory: String?
  /// The memories whose place it took.
  public var superseded: [UUID]
  /// Of a message that was kept as it is.
  public var role: String?
  public var actor: String?
}
