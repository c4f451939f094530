import Foundation

/// Whom a memory belongs to. In a search every id that is given must match; an absent one is no
/// condition.
public struct Scope: Sendable, Hashable, Codable {
  public var user: String?
  public var agent: String?
  public var run: String?

  public init(user: String? = nil, agent: String? = nil, run: String? = nil) {
    self.user = user
    self.agent = agent
    self.run = run
  }

  /// No condition.
  public static let all = Scope()
}

/// A JSON object of a memory, kept as canonical text and parsed when looked into.
public struct Metadata: Sendable, Hashable {
  /// The object as JSON with sorted keys.
  public let json: String

  public static let empty = Metadata(canonical: "{}")

  /// - Throws: `StoreError.invalid` where a number is NaN or infinite: JSON has neither.
  public init(_ values: [String: JSONValue]) throws(StoreError) {
    do { json = try JSONValue.object(values).canonicalText } catch {
      throw .invalid(field: "metadata", reason: "\(error)")
    }
  }

  /// Metadata from the text of a JSON object.
  ///
  /// - Throws: `StoreError.invalid` where it is not one.
  public init(json text: String) throws(StoreError) {
    let value: JSONValue
    do { value = try JSONValue(parsing: text) } catch {
      throw .invalid(field: "metadata", reason: "\(error)")
    }
    guard case .object(let values) = value else {
      throw .invalid(field: "metadata", reason: "it must be a JSON object")
    }
    try self.init(values)
  }

  /// Text that the store wrote.
  init(canonical json: String) { self.json = json }

  /// The object's members.
  public var values: [String: JSONValue] {
    guard case .object(let values)? = try? JSONValue(parsing: json) else { return [:] }
    return values
  }

  public subscript(key: String) -> JSONValue? { values[key] }

  /// These members and those of another object, which win; null takes a member out.
  func merging(_ other: Metadata) throws(StoreError) -> Metadata {
    try Metadata(values.merging(other.values) { $1 }.filter { $0.value != .null || other[$0.key] == nil })
  }
}

/// A memory to insert.
public struct NewMemory: Sendable {
  /// Its identity; nil for a new one, of version 7: by time, then random (RFC 9562, section 5.7). Ids that
  /// are random throughout make inserts a little slower.
  public var id: UUID?
  /// Names this insert within its scope, so that it can be repeated when its answer was lost: of
  /// inserts with one key the first makes the memory, the others return its id, also when it has
  /// been changed or deleted since. With another text it is refused (`StoreError.conflictingKey`). At
  /// most `StoreLimits.nameBytes` bytes.
  public var key: String?
  public var text: String
  /// As many finite components as the store's vectors have.
  public var vector: [Float]
  public var scope: Scope
  public var metadata: Metadata
  public var categories: [String]
  public var role: String?
  /// Who said it, where that is not the user.
  public var actor: String?
  /// How much it matters, 0...1.
  public var importance: Double?
  /// When it came about; nil for the time of the insert.
  public var createdAt: Date?
  /// From then on searches and lists leave it out.
  public var expiresAt: Date?
  /// Since when and until when what it says is true.
  public var validFrom: Date?
  public var validTo: Date?
  /// Memories that are no longer true once this one is there: they end with its insert, and keep their
  /// texts and their history. Each must be current.
  public var supersedes: [UUID]

  public init(
    id: UUID? = nil, key: String? = nil, text: String, vector: [Float], scope: Scope,
    metadata: Metadata = .empty, categories: [String] = [], role: String? = nil,
    actor: String? = nil, importance: Double? = nil, createdAt: Date? = nil,
    expiresAt: Date? = nil, validFrom: Date? = nil, validTo: Date? = nil,
    supersedes: [UUID] = []
  ) {
    self.id = id
    self.key = key
    self.text = text
    self.vector = vector
    self.scope = scope
    self.metadata = metadata
    self.categories = categories
    self.role = role
    self.actor = actor
    self.importance = importance
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.validFrom = validFrom
    self.validTo = validTo
    self.supersedes = supersedes
  }
}

/// A memory as the store holds it. Times have microseconds.
public struct Memory: Sendable, Hashable {
  public var id: UUID
  public var text: String
  public var scope: Scope
  public var metadata: Metadata
  public var categories: [String]
  public var role: String?
  public var actor: String?
  public var importance: Double?
  public var createdAt: Date
  public var updatedAt: Date
  public var expiresAt: Date?
  public var validFrom: Date?
  public var validTo: Date?
  /// The change that made this version; it grows with every write to the store.
  public var change: Int64
}

/// What an update changes; what is nil stays as it is.
public struct MemoryUpdate: Sendable {
  public var text: String?
  public var vector: [Float]?
  public var metadata: Metadata?
  /// Members that are added to the metadata or take the place of those there; null takes one out.
  public var merging: Metadata?
  /// All of its categories; an empty list takes them out.
  public var categories: [String]?
  public var importance: FieldUpdate<Double>?
  public var expiresAt: FieldUpdate<Date>?

  public init(
    text: String? = nil, vector: [Float]? = nil, metadata: Metadata? = nil, merging: Metadata? = nil,
    categories: [String]? = nil, importance: FieldUpdate<Double>? = nil,
    expiresAt: FieldUpdate<Date>? = nil
  ) {
    self.text = text
    self.vector = vector
    self.metadata = metadata
    self.merging = merging
    self.categories = categories
    self.importance = importance
    self.expiresAt = expiresAt
  }
}

/// What becomes of a field that a memory may be without.
public enum FieldUpdate<Value: Sendable>: Sendable {
  case set(Value)
  /// The memory is without it afterwards.
  case clear

  /// Nil for a field that is cleared.
  public init(_ value: Value?) { self = value.map(Self.set) ?? .clear }

  /// The new value; nil where it is cleared.
  public var value: Value? { if case .set(let value) = self { value } else { nil } }
}

extension FieldUpdate: Equatable where Value: Equatable {}

/// One result of a search.
public struct ScoredMemory: Sendable, Hashable {
  public var memory: Memory
  /// The raw metric, exact: cosine, inner product, or squared Euclidean distance.
  public var score: Float
}

/// One entry of a memory's history, in Mem0's terms.
public struct HistoryEntry: Sendable, Hashable {
  public enum Event: String, Sendable {
    case add = "ADD", update = "UPDATE", delete = "DELETE"
    /// Another memory has taken its place.
    case supersede = "SUPERSEDE"
    /// What the entries before it said is gone.
    case erase = "ERASE"
  }

  /// The first 16 bytes of the entry's hash.
  public var id: UUID
  /// The change number; entries of all memories are numbered in one sequence without gaps.
  public var sequence: Int64
  public var memoryID: UUID
  public var event: Event
  public var oldMemory: String?
  public var newMemory: String?
  /// When the memory was created, and when this entry changed it (nil for its creation).
  public var createdAt: Date
  public var updatedAt: Date?
  public var isDeleted: Bool
  public var actor: String?
  public var role: String?
  /// Which memory took its place, if it was superseded.
  public var successor: UUID?
}
