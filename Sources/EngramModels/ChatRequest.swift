/// A conversation to be answered.
public struct ChatRequest: Sendable, Hashable {
  /// Who speaks.
  public enum Role: String, Sendable, Hashable, CaseIterable {
    case system, user, assistant
  }

  /// What one speaker said.
  public struct Message: Sendable, Hashable {
    public var role: Role
    public var text: String

    public init(_ role: Role, _ text: String) {
      self.role = role
      self.text = text
    }
  }

  /// What an answer in JSON must look like.
  public struct Schema: Sendable, Hashable {
    /// 1 to 64 letters, digits, underscores and dashes.
    public var name: String
    /// A JSON Schema as JSON text: an object whose members are all required and that allows no
    /// further ones, which is what services can enforce.
    public var json: String

    public init(name: String, json: String) {
      self.name = name
      self.json = json
    }
  }

  /// In the order in which they were said; at least one.
  public var messages: [Message]
  /// Asks for JSON of this form; nil asks for text. A service that cannot enforce it is only told, so
  /// read the answer with ``JSONRepair/decode(_:from:)``.
  public var schema: Schema?
  /// The length of the answer at most; nil leaves it to the service.
  public var maxTokens: Int?
  /// 0 for the likeliest words, to 2 for the most varied; nil leaves it to the service. It is left out
  /// for models that refuse it.
  public var temperature: Double?

  public init(
    messages: [Message], schema: Schema? = nil, maxTokens: Int? = nil, temperature: Double? = nil
  ) {
    self.messages = messages
    self.schema = schema
    self.maxTokens = maxTokens
    self.temperature = temperature
  }
}

extension ChatRequest {
  /// Refuses what no service can take.
  func check() throws(ModelError) {
    guard !messages.isEmpty else { throw .invalid(field: "messages", reason: "give at least one") }
    if let maxTokens, maxTokens < 1 {
      throw .invalid(field: "maxTokens", reason: "give 1 or more, not \(maxTokens)")
    }
    if let temperature, !(0...2).contains(temperature) {
      throw .invalid(field: "temperature", reason: "give 0 to 2, not \(temperature)")
    }
    guard let schema else { return }
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-".utf8)
    guard (1...64).contains(schema.name.utf8.count), schema.name.utf8.allSatisfy(allowed.contains)
    else {
      throw .invalid(
        field: "schema.name", reason: "takes 1 to 64 letters, digits, underscores and dashes")
    }
    // It goes into the request as it is.
    guard schema.json.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "{"),
      JSONRepair.isValid(schema.json)
    else { throw .invalid(field: "schema.json", reason: "must be a JSON object") }
  }
}
