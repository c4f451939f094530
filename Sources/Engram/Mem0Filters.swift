import EngramStore

/// Filters as Mem0 takes them: whose memories are meant stands among the conditions on the metadata.
///
///     {"user_id": "alice", "topic": {"in": ["tea", "coffee"]}}
public struct Mem0Filters: Sendable {
  /// From `user_id`, `agent_id` and `run_id`, at the top or in an `AND` there.
  public var scope: Scope
  /// The rest; nil where there is none.
  public var filter: Filter?

  /// - Throws: `EngramError.invalid` where an id is no text, is given twice, or stands under `OR` or `NOT`,
  ///   where it could not be served; `FilterError` in `.invalid` where the rest is no filter.
  public init(json: JSONValue) throws(EngramError) {
    var scope = Scope.all
    let rest = try Self.rest(of: json, &scope)
    self.scope = scope
    do throws(FilterError) {
      filter = if case .object(let members) = rest, members.isEmpty { nil } else { try Filter(json: rest) }
    } catch { throw .invalid(field: "filters", reason: "\(error)") }
  }

  private static let fields: [String: WritableKeyPath<Scope, String?> & Sendable] = [
    "user_id": \.user, "agent_id": \.agent, "run_id": \.run,
  ]

  /// What is left of a filter once the ids have been taken out.
  private static func rest(of json: JSONValue, _ scope: inout Scope) throws(EngramError) -> JSONValue {
    guard case .object(var members) = json else { return json }
    for (name, field) in fields {
      guard let value = members.removeValue(forKey: name) else { continue }
      guard case .string(let id) = value else {
        throw .invalid(field: name, reason: "it must be a text")
      }
      guard scope[keyPath: field] == nil else {
        throw .invalid(field: name, reason: "it is given twice; a memory has one")
      }
      scope[keyPath: field] = id
    }
    for name in ["OR", "NOT"] where members[name].map(holdsID) == true {
      throw .invalid(field: "filters", reason: "user_id, agent_id and run_id cannot stand under \(name)")
    }
    if case .array(let parts)? = members["AND"] {
      var kept: [JSONValue] = []
      for part in parts {
        let rest = try rest(of: part, &scope)
        if case .object(let members) = rest, members.isEmpty { continue }
        kept.append(rest)
      }
      members["AND"] = kept.isEmpty ? nil : .array(kept)
    }
    return .object(members)
  }

  private static func holdsID(_ json: JSONValue) -> Bool {
    switch json {
    case .array(let parts): parts.contains(where: holdsID)
    case .object(let members):
      members.contains { name, value in
        fields[name] != nil || ["AND", "OR", "NOT"].contains(name) && holdsID(value)
      }
    default: false
    }
  }
}
