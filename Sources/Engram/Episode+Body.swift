import EngramStore
import Foundation

// The body of an episode is JSON: `{"messages": [...]}`, and, where memories are still to be made of it,
// what came with the call, so that it survives a restart. Before there was a queue it was the list of the
// messages alone.

extension Episode {
  /// What was said; empty where another layer wrote the episode.
  public var messages: [Message] {
    let values: [JSONValue]
    switch try? JSONValue(parsing: body) {
    case .array(let list)?: values = list
    case .object(let members)?:
      guard case .array(let list)? = members["messages"] else { return [] }
      values = list
    default: return []
    }
    return values.compactMap(Message.init)
  }

  /// What came with the call, where memories are to be made of the episode later.
  var options: AddOptions? {
    guard case .object(let members)? = try? JSONValue(parsing: body),
      case .object(let options)? = members["options"]
    else { return nil }
    return AddOptions(options)
  }

  /// Whether it is a text that somebody wants kept, not a conversation.
  var isNote: Bool {
    guard case .object(let members)? = try? JSONValue(parsing: body) else { return false }
    return members["note"] == true
  }

  /// Messages as they were said.
  ///
  /// - Parameters:
  ///   - key: of the call: said again with it, it is the same episode.
  ///   - options: what memories are to be made with later; nil where they are made at once.
  init(
    _ messages: [Message], scope: Scope, key: String?, isNote: Bool = false, options: AddOptions? = nil
  ) throws(EngramError) {
    var members: [String: JSONValue] = ["messages": .array(messages.map(\.json))]
    if isNote { members["note"] = true }
    if let options { members["options"] = .object(try options.members) }
    let text = try asEngramError { try JSONValue.object(members).canonicalText }
    guard text.utf8.count <= StoreLimits.textBytes else {
      throw .invalid(
        field: "messages",
        reason: "together they are longer than \(StoreLimits.textBytes) bytes; add them in several calls")
    }
    self.init(
      id: key.map { UUID(named: $0, scope) }, scope: scope, body: text,
      retryAt: options == nil ? nil : Date())
  }
}

extension Message {
  /// `role`, `content`, and `name` where there is one.
  public var json: JSONValue {
    var members: [String: JSONValue] = ["role": .string(role.rawValue), "content": .string(content)]
    if let name { members["name"] = .string(name) }
    return .object(members)
  }

  fileprivate init?(_ value: JSONValue) {
    guard case .object(let members) = value, case .string(let role)? = members["role"],
      let role = Role(rawValue: role), case .string(let content)? = members["content"]
    else { return nil }
    let name: String? = if case .string(let name)? = members["name"] { name } else { nil }
    self.init(role, content, name: name)
  }
}

extension AddOptions {
  /// What of it memories are made with.
  fileprivate var members: [String: JSONValue] {
    get throws(EngramError) {
      var members: [String: JSONValue] = ["mode": .string(mode.rawValue)]
      if metadata != .empty { members["metadata"] = .object(metadata.values) }
      if !categories.isEmpty { members["categories"] = .array(categories.map(JSONValue.string)) }
      if let importance { members["importance"] = .double(importance) }
      for (name, date) in [("createdAt", createdAt), ("expiresAt", expiresAt)] {
        guard let date else { continue }
        guard let time = Int64(exactly: (date.timeIntervalSince1970 * 1e6).rounded()) else {
          throw .invalid(field: name, reason: "the year must lie in 1...9999")
        }
        members[name] = .int(time)
      }
      if let key { members["key"] = .string(key) }
      return members
    }
  }

  /// - Returns: nil where the mode is none that this version knows.
  fileprivate init?(_ members: [String: JSONValue]) {
    guard case .string(let name)? = members["mode"], let mode = Consolidation(rawValue: name) else {
      return nil
    }
    self.init(mode: mode)
    if case .object(let values)? = members["metadata"], let metadata = try? Metadata(values) {
      self.metadata = metadata
    }
    if case .array(let values)? = members["categories"] {
      categories = values.compactMap { if case .string(let name) = $0 { name } else { nil } }
    }
    switch members["importance"] {
    case .double(let value)?: importance = value
    case .int(let value)?: importance = Double(value)
    default: break
    }
    func date(_ name: String) -> Date? {
      guard case .int(let time)? = members[name] else { return nil }
      return Date(timeIntervalSince1970: Double(time) / 1e6)
    }
    createdAt = date("createdAt")
    expiresAt = date("expiresAt")
    if case .string(let key)? = members["key"] { self.key = key }
  }
}
