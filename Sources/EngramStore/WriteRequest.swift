import EngramIndex
import Foundation

/// What a caller wants written, checked as far as that goes without the catalogue.
enum WriteRequest: Sendable {
  case insert([PreparedMemory])
  case update(UUID, PreparedUpdate)
  case delete([UUID])
  /// Deletes what is still as it was seen; what searches collect until then counts.
  case retire([RetiredMemory], episodes: [UUID], actor: String, AccessLog)
  /// Brings memories back that these changes deleted.
  case revive([Int64], actor: String)
  /// Refuses what comes with it if anything has been erased after a change.
  case ensureNoErasure(after: Int64)
  /// Refuses what it stands in front of, unless memories are at these versions.
  case expect([UUID: Int64])
  /// Writes what was said, or what has become of it.
  case record([EpisodeRow])
  /// An episode waits no longer, or until later, or has been given up.
  case finish(UUID)
  case postpone(UUID, Episode.Postponement)
  /// An episode that waits or has been given up waits anew, or, with nil, no longer.
  case requeue(UUID, retryAt: Int64?)
  /// All of these, or none; the memories are made of that episode.
  case all([WriteRequest], madeOf: UUID?)
  /// Writes the access counts that searches have collected.
  case recordAccess([UUID: Access])
  case erase(ErasureTarget, actor: String?)
  /// Moves the log into the database and empties it.
  case checkpoint
  /// Gives space back.
  case compact(CompactionRequest)
  /// A transaction of its own, that adds nothing to the history.
  case work(CatalogueWork)
  /// Makes another vector space the active one.
  case switchSpace(SpaceSwitch)

  enum ErasureTarget: Sendable {
    case memories([UUID])
    case scope(Scope)
  }

  /// How many memories it touches, and the bytes of their vectors: a group is bounded by both.
  var size: (memories: Int, bytes: Int) {
    switch self {
    case .insert(let memories): (memories.count, memories.reduce(0) { $0 + $1.vector.count * 4 })
    case .update(_, let update): (1, (update.vector?.count ?? 0) * 4)
    case .delete(let ids): (ids.count, 0)
    case .retire(let memories, let episodes, _, _): (memories.count + episodes.count, 0)
    case .revive(let changes, _): (changes.count, 0)
    case .ensureNoErasure: (0, 0)
    case .recordAccess(let accesses): (accesses.count, 0)
    case .record(let episodes): (episodes.count, 0)
    case .finish, .postpone, .requeue: (1, 0)
    case .expect: (0, 0)
    case .all(let requests, _):
      requests.map(\.size).reduce((0, 0)) { ($0.0 + $1.memories, $0.1 + $1.bytes) }
    case .erase(.memories(let ids), _): (ids.count, 0)
    case .erase(.scope, _), .checkpoint, .compact, .work, .switchSpace: (0, 0)
    }
  }
}

/// How often and when last a memory was returned by a search.
struct Access: Sendable {
  var count: Int
  var at: Int64
}

/// A new memory whose fields have been found acceptable.
struct PreparedMemory: Sendable {
  let id: UUID
  /// Whether the caller chose the id: it may be taken.
  let isNamed: Bool
  let key: String?
  let text: String
  let vector: [Float]
  let origin: VectorOrigin
  let scope: Scope
  let metadata: String
  let categories: String
  let role: String?
  let actor: String?
  let importance: Double?
  let createdAt: Int64?
  let expiresAt: Int64?
  let validFrom: Int64?
  let validTo: Int64?
  let supersedes: [UUID]

  /// - Parameter live: the index over vectors of the model that made this one's.
  init(_ memory: NewMemory, in live: LiveIndex) throws(StoreError) {
    id = memory.id ?? .timeOrdered()
    isNamed = memory.id != nil
    text = try Check.text(memory.text)
    vector = try Check.vector(memory.vector, index: live.index)
    origin = live.pages.header.origin
    for (field, name) in [
      ("user", memory.scope.user), ("agent", memory.scope.agent), ("run", memory.scope.run),
      ("role", memory.role), ("actor", memory.actor), ("key", memory.key),
    ] { try Check.name(name, field: field) }
    scope = memory.scope
    key = memory.key
    metadata = try Check.metadata(memory.metadata)
    categories = try Check.categories(memory.categories)
    role = memory.role
    actor = memory.actor
    importance = try Check.importance(memory.importance)
    createdAt = try Check.time(memory.createdAt, field: "createdAt")
    expiresAt = try Check.time(memory.expiresAt, field: "expiresAt")
    validFrom = try Check.time(memory.validFrom, field: "validFrom")
    validTo = try Check.time(memory.validTo, field: "validTo")
    if let validFrom, let validTo, validFrom > validTo {
      throw .invalid(field: "validTo", reason: "it lies before validFrom")
    }
    supersedes = memory.supersedes
    guard !supersedes.contains(id) else {
      throw .invalid(field: "supersedes", reason: "it names the memory itself")
    }
  }
}

/// An update whose fields have been found acceptable.
struct PreparedUpdate: Sendable {
  let text: String?
  let vector: [Float]?
  /// Of the vector.
  let origin: VectorOrigin?
  let metadata: String?
  let merging: Metadata?
  let categories: String?
  let importance: FieldUpdate<Double>?
  let expiresAt: FieldUpdate<Int64>?

  /// - Parameter live: the index over vectors of the model that made this one's.
  init(_ update: MemoryUpdate, in live: LiveIndex) throws(StoreError) {
    guard update.text != nil || update.vector != nil || update.metadata != nil || update.merging != nil
      || update.categories != nil || update.importance != nil || update.expiresAt != nil
    else {
      throw .invalid(field: "update", reason: "it changes nothing; give what is to change")
    }
    guard update.metadata == nil || update.merging == nil else {
      throw .invalid(field: "merging", reason: "metadata are replaced or merged, not both")
    }
    merging = update.merging
    text = if let text = update.text { try Check.text(text) } else { nil }
    vector =
      if let vector = update.vector { try Check.vector(vector, index: live.index) } else { nil }
    origin = vector == nil ? nil : live.pages.header.origin
    metadata =
      if let metadata = update.metadata { try Check.metadata(metadata) } else { nil }
    categories =
      if let categories = update.categories { try Check.categories(categories) } else { nil }
    importance =
      if let importance = update.importance {
        FieldUpdate(try Check.importance(importance.value))
      } else { nil }
    expiresAt =
      if let expiresAt = update.expiresAt {
        FieldUpdate(try Check.time(expiresAt.value, field: "expiresAt"))
      } else { nil }
  }
}

/// The rules for a memory's fields.
package enum Check {
  package static func text(_ text: String) throws(StoreError) -> String {
    guard text.utf8.count <= StoreLimits.textBytes else {
      throw .invalid(field: "text", reason: "it is longer than \(StoreLimits.textBytes) bytes")
    }
    guard text.contains(where: { !$0.isWhitespace }) else {
      throw .invalid(field: "text", reason: "it is empty")
    }
    // SQLite's text functions end at a NUL.
    guard !text.utf8.contains(0) else {
      throw .invalid(field: "text", reason: "it contains a NUL character")
    }
    return text
  }

  package static func name(_ name: String?, field: String) throws(StoreError) {
    guard let name else { return }
    guard !name.isEmpty else {
      throw .invalid(field: field, reason: "it is empty; leave it out instead")
    }
    guard name.utf8.count <= StoreLimits.nameBytes, !name.utf8.contains(0) else {
      throw .invalid(
        field: field,
        reason: "it is longer than \(StoreLimits.nameBytes) bytes or contains a NUL character")
    }
  }

  package static func metadata(_ metadata: Metadata) throws(StoreError) -> String {
    guard metadata.json.utf8.count <= StoreLimits.textBytes else {
      throw .invalid(field: "metadata", reason: "it is longer than \(StoreLimits.textBytes) bytes")
    }
    return metadata.json
  }

  package static func categories(_ categories: [String]) throws(StoreError) -> String {
    guard categories.count <= StoreLimits.categories else {
      throw .invalid(
        field: "categories", reason: "a memory has at most \(StoreLimits.categories)")
    }
    for category in categories { try name(category, field: "category") }
    return try MemoryRow.encodeCategories(categories)
  }

  package static func importance(_ importance: Double?) throws(StoreError) -> Double? {
    if let importance {
      guard importance >= 0, importance <= 1 else {
        throw .invalid(field: "importance", reason: "it must lie in 0...1")
      }
    }
    return importance
  }

  static func vector(_ vector: [Float], index: HNSWIndex) throws(StoreError) -> [Float] {
    do {
      try index.validate(vector)
    } catch {
      throw .index(error)
    }
    return vector
  }

  static func time(_ date: Date?, field: String) throws(StoreError) -> Int64? {
    guard let date else { return nil }
    return try Timestamp.microseconds(date, field: field)
  }
}
