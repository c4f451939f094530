import EngramStore
import Foundation

/// What a memory says, as its file has it.
struct MarkdownContent: Sendable {
  var text: String
  var scope: Scope
  /// JSON as the store keeps it.
  var metadata: String
  var categories: String
  var importance: Double?
  var role: String?
  var actor: String?
  /// Microseconds since 1970.
  var createdAt: Int64?
  var expiresAt: Int64?
  var validFrom: Int64?
  var validTo: Int64?

  /// From the line of a version.
  init(version line: ExportLine) throws {
    text = try line.text("text")
    scope = Scope(
      user: try line.optionalText("user"), agent: try line.optionalText("agent"),
      run: try line.optionalText("run"))
    metadata = try line.text("metadata")
    categories = try line.text("categories")
    importance = try line.optionalDouble("importance")
    role = try line.optionalText("role")
    actor = try line.optionalText("actor")
    createdAt = try line.int("created_at")
    expiresAt = try line.optionalInt("expires_at")
    validFrom = try line.optionalInt("valid_from")
    validTo = try line.optionalInt("valid_to")
  }

  /// From fields and the text below them, all of which a store would take.
  init(_ fields: Frontmatter, body: ArraySlice<UInt8>) throws(EngramError) {
    guard let text = String(validating: body, as: UTF8.self) else {
      throw fields.refused(
        fields.bodyLine + Self.lineOfFault(in: body), "the text is not UTF-8")
    }
    self.text = try Self.checked(fields, fields.bodyLine) { try Check.text(text) }
    func name(_ field: String) throws(EngramError) -> String? {
      let name = try fields.text(field)
      try Self.checked(fields, fields[field]?.line) { try Check.name(name, field: field) }
      return name
    }
    scope = Scope(user: try name("user"), agent: try name("agent"), run: try name("run"))
    role = try name("role")
    actor = try name("actor")
    metadata = try Self.checked(fields, fields["metadata"]?.line) {
      guard let json = try fields.json("metadata") else { return "{}" }
      guard case .object(let members) = json else {
        throw StoreError.invalid(field: "metadata", reason: "it must be a JSON object")
      }
      return try Check.metadata(try Metadata(members))
    }
    categories = try Self.checked(fields, fields["categories"]?.line) {
      try Check.categories(try Self.list(try fields.json("categories")))
    }
    importance = try Self.checked(fields, fields["importance"]?.line) {
      try Check.importance(try Self.number(try fields.json("importance")))
    }
    createdAt = try fields.time("created_at")
    expiresAt = try fields.time("expires_at")
    validFrom = try fields.time("valid_from")
    validTo = try fields.time("valid_to")
    if let validFrom, let validTo, validFrom > validTo, let field = fields["valid_to"] {
      throw fields.refused(field.line, "valid_to lies before valid_from")
    }
  }

  private static func list(_ json: JSONValue?) throws -> [String] {
    guard let json else { return [] }
    guard case .array(let values) = json else {
      throw StoreError.invalid(field: "categories", reason: "it must be a list of texts")
    }
    return try values.map { value in
      guard case .string(let text) = value else {
        throw StoreError.invalid(field: "categories", reason: "it must be a list of texts")
      }
      return text
    }
  }

  private static func number(_ json: JSONValue?) throws -> Double? {
    switch json {
    case nil: return nil
    case .int(let value)?: return Double(value)
    case .double(let value)?: return value
    default: throw StoreError.invalid(field: "importance", reason: "it must be a number")
    }
  }

  private static func checked<Value>(
    _ fields: Frontmatter, _ line: Int?, _ body: () throws -> Value
  ) throws(EngramError) -> Value {
    do { return try body() } catch StoreError.invalid(let field, let reason) {
      throw fields.refused(line ?? 1, "\(field): \(reason)")
    } catch { throw EngramError(error) }
  }

  /// Lines before the first that is not UTF-8.
  private static func lineOfFault(in body: ArraySlice<UInt8>) -> Int {
    body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
  }

  var categoryNames: [String] {
    guard case .array(let values)? = try? JSONValue(parsing: categories) else { return [] }
    return values.compactMap { if case .string(let name) = $0 { name } else { nil } }
  }

  // MARK: Edits

  /// What a person may change in a file.
  struct Edits: Sendable {
    var text: String?
    var metadata: Metadata?
    var categories: [String]?
    var importance: FieldUpdate<Double>?
    var expiresAt: FieldUpdate<Date>?

    var isEmpty: Bool {
      text == nil && metadata == nil && categories == nil && importance == nil && expiresAt == nil
    }
  }

  /// What makes this of another content.
  func edits(of base: MarkdownContent) throws(EngramError) -> Edits {
    var edits = Edits()
    if !text.hasBytes(of: base.text) { edits.text = text }
    if !metadata.hasBytes(of: base.metadata) {
      edits.metadata = try asEngramError { try Metadata(json: metadata) }
    }
    if !categories.hasBytes(of: base.categories) { edits.categories = categoryNames }
    if importance != base.importance { edits.importance = FieldUpdate(importance) }
    if expiresAt != base.expiresAt { edits.expiresAt = FieldUpdate(expiresAt.map(Timestamp.date)) }
    return edits
  }

  /// A memory that says this.
  func memory(id: UUID, vector: [Float]) throws(EngramError) -> NewMemory {
    NewMemory(
      id: id, text: text, vector: vector, scope: scope,
      metadata: try asEngramError { try Metadata(json: metadata) }, categories: categoryNames, role: role,
      actor: actor, importance: importance, createdAt: createdAt.map(Timestamp.date),
      expiresAt: expiresAt.map(Timestamp.date), validFrom: validFrom.map(Timestamp.date),
      validTo: validTo.map(Timestamp.date))
  }
}

extension String {
  /// Whether both have the same bytes: `==` also equates the forms of an accented letter.
  func hasBytes(of other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
