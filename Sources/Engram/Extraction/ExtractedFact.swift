import EngramModels
import EngramStore
import Foundation

/// A fact that a chat model has found in what was said.
struct ExtractedFact: Equatable {
  /// As it is to be remembered: a sentence that stands alone.
  var text: String
  /// Who said it: a user or an assistant.
  var role: Message.Role
  /// 0...1; nil where the model did not say.
  var importance: Double?

  /// The fact as rules know facts: with the slot that they read in it, where it says nothing else.
  var ruleFact: RuleFact { Self.ruleFact(text, importance: importance) }

  static func ruleFact(_ text: String, importance: Double?) -> RuleFact {
    let read = RuleExtractor().facts(in: text)
    guard read.count == 1, var fact = read.first, fact.kind == .state else {
      return RuleFact(text: text, importance: importance ?? unknownImportance)
    }
    fact.text = text
    fact.importance = importance ?? fact.importance
    return fact
  }

  private static let unknownImportance = 0.5
}

extension ExtractedFact {
  /// More facts in one answer are no facts.
  static let countMax = 500

  /// The facts in a model's answer: `{"facts": [...]}`, or a list alone, of objects with a `text` or of
  /// plain strings. What in the list has no text is no fact.
  ///
  /// - Throws: `ModelError.badReply` where the answer is of another form, or broke off: facts may be
  ///   missing then.
  static func read(_ reply: ChatReply) throws(ModelError) -> [ExtractedFact] {
    let facts = try reply.list(named: "facts").compactMap(ExtractedFact.init)
    guard facts.count <= countMax else {
      throw .badReply(reason: "the model found \(facts.count) facts, more than \(countMax)")
    }
    if let long = facts.first(where: { $0.text.utf8.count > StoreLimits.textBytes }) {
      throw .badReply(reason: "the model made a fact of \(long.text.utf8.count) bytes")
    }
    return facts
  }

  private init?(_ value: JSONValue) {
    switch value {
    case .string(let text):
      self.init(text: text.factText, role: .user)
    case .object(let members):
      guard case .string(let text)? = members["text"] else { return nil }
      self.init(text: text.factText, role: members["role"] == "assistant" ? .assistant : .user)
      importance = members["importance"]?.number.map { min(max($0, 0), 1) }
    default: return nil
    }
    if text.isEmpty { return nil }
  }
}

extension ChatReply {
  /// The members of the list that a model was asked for.
  ///
  /// - Throws: `ModelError.badReply` where there is none, or the answer broke off.
  func list(named name: String) throws(ModelError) -> [JSONValue] {
    guard !isCutOff else { throw .badReply(reason: "the model's answer was cut off") }
    guard let json = JSONRepair.repairWhole(text) else {
      throw .badReply(reason: "the model wrote no JSON, or none that is whole")
    }
    switch try? JSONValue(parsing: json) {
    case .array(let values)?: return values
    case .object(let members)?:
      if case .array(let values)? = members[name] { return values }
    default: break
    }
    throw .badReply(reason: "the model's JSON has no list \"\(name)\"")
  }
}

extension JSONValue {
  fileprivate var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value.isNaN ? nil : value
    default: nil
    }
  }
}

extension String {
  /// Without white space around it and without NUL, which the store refuses.
  fileprivate var factText: String {
    filter { $0 != "\0" }.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
