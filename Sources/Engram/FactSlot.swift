import EngramStore

/// Where a memory keeps what its fact is about: under `_engram` in its metadata, which callers may not
/// set and which Mem0's JSON leaves out.
enum FactSlot {
  static let key = "_engram"

  /// A condition that memories of a slot meet.
  static func filter(_ slot: Slot) throws -> Filter {
    .comparison(try Filter.Comparison(key: key + ".slot", .eq, .string(name(slot))))
  }

  private static func name(_ slot: Slot) -> String { "\(slot.subject): \(slot.attribute)" }

  /// The metadata of a fact, what the caller wants there included.
  static func metadata(_ fact: RuleFact, _ given: Metadata) throws -> Metadata {
    guard let own = value(of: fact) else { return given }
    var values = given.values
    values[key] = own
    return try Metadata(values)
  }

  /// Nil where a fact is about nothing that changes.
  private static func value(of fact: RuleFact) -> JSONValue? {
    guard let slot = fact.slot, fact.kind == .state else { return nil }
    var own: [String: JSONValue] = [
      "slot": .string(name(slot)), "subject": .string(slot.subject), "attribute": .string(slot.attribute),
    ]
    if let value = fact.value { own["value"] = .string(value) }
    return .object(own)
  }

  /// What rules make of a text; nil unless it states one thing.
  static func value(ofText text: String) -> JSONValue? {
    let facts = RuleExtractor().facts(in: text, after: [])
    return facts.count == 1 ? value(of: facts[0]) : nil
  }

  static func read(_ metadata: Metadata) -> (slot: Slot, value: String?)? {
    guard case .object(let own)? = metadata[key], case .string(let subject)? = own["subject"],
      case .string(let attribute)? = own["attribute"]
    else { return nil }
    let value: String? = if case .string(let value)? = own["value"] { value } else { nil }
    return (Slot(subject: subject, attribute: attribute), value)
  }
}
