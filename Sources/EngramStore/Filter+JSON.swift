// The filter language's JSON: Mem0's grammar, read and written.
//
//   filter  = {"AND": [filter...], "OR": [filter...], "NOT": [filter...] or filter, key: value...}
//   value   = "*" (present and not null) | scalar (equals) | {operator: operand...}
//
// What stands together in one object is joined by AND.

extension Filter {
  /// The keys of a filter object that join filters instead of comparing metadata.
  static let logicalOperators: Set<String> = ["AND", "OR", "NOT"]

  /// Reads a filter from JSON text.
  public init(parsing text: String) throws(FilterError) {
    let json: JSONValue
    do { json = try JSONValue(parsing: text) } catch { throw .notJSON(error) }
    try self.init(json: json)
  }

  /// Reads a filter from JSON. The empty object is no condition; `NOT` of a list matches where none
  /// of the list does.
  public init(json: JSONValue) throws(FilterError) {
    try self.init(json, in: "the top level", depth: 0)
  }

  private init(_ json: JSONValue, in place: String, depth: Int) throws(FilterError) {
    guard case .object(let members) = json else { throw .notAnObject(in: place) }
    let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    self = try Self.all(sorted, depth: depth) { member, depth throws(FilterError) in
      try Filter(key: member.key, value: member.value, depth: depth)
    }
  }

  /// Joins what an object holds by AND, a level that a single member does not need.
  private static func all(
    _ members: [(key: String, value: JSONValue)], depth: Int,
    _ filter: ((key: String, value: JSONValue), Int) throws(FilterError) -> Filter
  ) throws(FilterError) -> Filter {
    let depth = members.count > 1 ? depth + 1 : depth
    guard depth <= maximumDepth else { throw .tooDeep }
    let filters = try members.map { member throws(FilterError) in try filter(member, depth) }
    return filters.count == 1 ? filters[0] : .and(filters)
  }

  /// Reads one member of a filter object.
  private init(key: String, value: JSONValue, depth: Int) throws(FilterError) {
    switch (key, value) {
    case ("AND", .array(let elements)):
      self = .and(try Self.list(elements, of: key, depth: depth))
    case ("OR", .array(let elements)):
      self = .or(try Self.list(elements, of: key, depth: depth))
    case ("NOT", .array(let elements)):
      self = .not(.or(try Self.list(elements, of: key, depth: depth)))
    case ("NOT", _):
      self = .not(try Filter(value, in: "\"NOT\"", depth: depth + 1))
    case ("AND", _), ("OR", _):
      throw .notAList(operator: key)
    case (_, .object(let operators)):
      if operators.isEmpty { throw .noOperator(key: key) }
      let sorted = operators.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      self = try Self.all(sorted, depth: depth) { member, _ throws(FilterError) in
        guard let name = Operator(rawValue: member.key), name != .exists else {
          throw .unknownOperator(key: key, operator: member.key)
        }
        return .comparison(try Comparison(key: key, name, member.value))
      }
    case (_, "*"):
      self = .comparison(try Comparison(key: key, .exists, value))
    default:
      self = .comparison(try Comparison(key: key, .eq, value))
    }
  }

  private static func list(
    _ elements: [JSONValue], of name: String, depth: Int
  ) throws(FilterError) -> [Filter] {
    try elements.map { element throws(FilterError) in
      try Filter(element, in: "\"\(name)\"", depth: depth + 1)
    }
  }

  /// The filter as JSON with every operator written out; reading it gives an equal filter.
  public var canonicalJSON: JSONValue {
    switch self {
    case .and(let filters): ["AND": .array(filters.map(\.canonicalJSON))]
    case .or(let filters): ["OR": .array(filters.map(\.canonicalJSON))]
    case .not(.or(let filters)): ["NOT": .array(filters.map(\.canonicalJSON))]
    case .not(let filter): ["NOT": filter.canonicalJSON]
    case .comparison(let comparison): comparison.canonicalJSON
    }
  }
}

extension Filter.Comparison {
  fileprivate var canonicalJSON: JSONValue {
    let name = self.operator
    return [key: name == .exists ? operand : [name.rawValue: operand]]
  }
}
