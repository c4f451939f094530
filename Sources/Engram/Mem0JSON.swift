import Crypto
import EngramStore
import Foundation

// Results in the JSON shapes of Mem0 2.0, nulls included, for those who move over and for servers.

extension Added {
  /// `id`, `memory`, `event`; `previous_memory` of an update, `superseded` where it took the place of
  /// others, `role` and `actor_id` of a message kept as it is.
  public var mem0: JSONValue {
    var members: [String: JSONValue] = [
      "id": .string(id.mem0), "memory": .string(memory), "event": .string(event.rawValue),
    ]
    if let previousMemory { members["previous_memory"] = .string(previousMemory) }
    if !superseded.isEmpty { members["superseded"] = .array(superseded.map { .string($0.mem0) }) }
    if let role {
      members["role"] = .string(role)
      members["actor_id"] = actor.map(JSONValue.string) ?? .null
    }
    return .object(members)
  }
}

extension Memory {
  /// As Mem0 returns a single memory: what it is in a list, with a `score` that is null.
  public var mem0: JSONValue { .object(mem0Members.merging(["score": .null]) { $1 }) }

  /// `id`, `memory`, `hash` (MD5 of the text), `metadata` (null where there is none), `created_at`,
  /// `updated_at`, and where they are given `user_id`, `agent_id`, `run_id`, `actor_id`, `role`,
  /// `expiration_date` (its last day), `categories`.
  var mem0Members: [String: JSONValue] {
    let hash = Insecure.MD5.hash(data: Data(text.utf8)).map { byte in
      String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }.joined()
    var values = metadata.values
    values[FactSlot.key] = nil
    var members: [String: JSONValue] = [
      "id": .string(id.mem0), "memory": .string(text), "hash": .string(hash),
      "metadata": values.isEmpty ? .null : .object(values), "created_at": createdAt.mem0,
      "updated_at": updatedAt.mem0,
    ]
    for (name, value) in [
      ("user_id", scope.user), ("agent_id", scope.agent), ("run_id", scope.run),
      ("actor_id", actor), ("role", role), ("expiration_date", expiresAt?.lastDay),
    ] {
      if let value { members[name] = .string(value) }
    }
    if !categories.isEmpty { members["categories"] = .array(categories.map(JSONValue.string)) }
    return members
  }
}

extension HistoryEntry {
  /// `id`, `memory_id`, `old_memory`, `new_memory`, `event`, `created_at`, `updated_at`, `is_deleted`,
  /// `actor_id`, `role`; `superseded_by` where another memory took its place.
  public var mem0: JSONValue {
    func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
    var members: [String: JSONValue] = [
      "id": .string(id.mem0), "memory_id": .string(memoryID.mem0), "old_memory": text(oldMemory),
      "new_memory": text(newMemory), "event": .string(event.rawValue), "created_at": createdAt.mem0,
      "updated_at": updatedAt?.mem0 ?? .null, "is_deleted": .bool(isDeleted),
      "actor_id": text(actor), "role": text(role),
    ]
    if let successor { members["superseded_by"] = .string(successor.mem0) }
    return .object(members)
  }
}

extension Sequence {
  /// `{"results": [...]}`, as Mem0 returns lists.
  func mem0Results(_ element: (Element) -> JSONValue) -> JSONValue {
    .object(["results": .array(map(element))])
  }
}

extension Sequence where Element == Added {
  public var mem0: JSONValue { mem0Results(\.mem0) }
}

extension Sequence where Element == Memory {
  public var mem0: JSONValue { mem0Results { .object($0.mem0Members) } }
}

extension FoundMemory {
  /// A memory with its `score`, and where they were asked for its components as `score_details`.
  public var mem0: JSONValue {
    var members = memory.mem0Members
    members["score"] = .double(score)
    if let components {
      members["score_details"] = .object([
        "semantic_score": .double(components.similarity), "bm25_score": .double(components.text),
        "context_score": .double(components.context), "recency_score": .double(components.recency),
        "importance_score": .double(components.importance),
        "access_score": .double(components.access),
        "final_score": .double(score),
      ])
    }
    return .object(members)
  }
}

extension Sequence where Element == FoundMemory {
  public var mem0: JSONValue { mem0Results(\.mem0) }
}

extension Page {
  /// `results`, and `next` where there is another page.
  public var mem0: JSONValue {
    guard case .object(var members) = memories.mem0, let next else { return memories.mem0 }
    members["next"] = .string(next)
    return .object(members)
  }
}

extension Sequence where Element == HistoryEntry {
  /// A plain list: Mem0 returns histories without `results`.
  public var mem0: JSONValue { .array(map(\.mem0)) }
}

extension UUID {
  /// In small letters.
  fileprivate var mem0: String { uuidString.lowercased() }
}

extension Date {
  fileprivate var mem0: JSONValue { .string(ISO8601.format(microseconds)) }

  private var microseconds: Int64 { Int64((timeIntervalSince1970 * 1e6).rounded()) }

  /// The last day on which something is there that ends at this time: Mem0 counts in days.
  fileprivate var lastDay: String { String(ISO8601.format(microseconds - 1).prefix(10)) }
}

extension Memory {
  /// When a memory ends whose last day Mem0 gives as `YYYY-MM-DD`.
  ///
  /// - Throws: `EngramError.invalid` where the text is no such date.
  public static func expiry(lastDay: String) throws(EngramError) -> Date {
    guard lastDay.utf8.count == 10, let begin = ISO8601.parse(lastDay) else {
      throw .invalid(field: "expiration_date", reason: "\(lastDay) is no date; write YYYY-MM-DD")
    }
    return Date(timeIntervalSince1970: Double(begin) / 1e6 + 86_400)
  }
}
