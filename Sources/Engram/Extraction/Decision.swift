import EngramModels
import EngramStore

/// What a chat model says that a fact does to the memories near it.
struct Decision: Equatable {
  enum Event: String {
    case add = "ADD", update = "UPDATE", delete = "DELETE", none = "NONE"
  }

  /// Which of the facts that were asked about.
  var fact: Int
  var event: Event
  /// Which of the memories that were shown; nil where the answer names none of them.
  var memory: Int?
  var text: String?
}

extension Decision {
  /// The decisions in a model's answer: `{"decisions": [...]}`, or a list alone.
  ///
  /// What cannot be understood is left out, which loses nothing: a fact without a decision is added. A
  /// memory is named by the number that it was shown under, as a string; that number as an integer is
  /// taken for it, and nothing else is.
  ///
  /// - Throws: `ModelError.badReply` where the answer is of another form, or broke off.
  static func read(
    _ reply: ChatReply, facts: Int, memories: Int
  ) throws(ModelError) -> [Decision] {
    try reply.list(named: "decisions").compactMap { value in
      guard case .object(let members) = value, let fact = members["fact"]?.number(below: facts),
        case .string(let name)? = members["event"], let event = Event(rawValue: name)
      else { return nil }
      let text: String? = if case .string(let text)? = members["text"] { text } else { nil }
      return Decision(
        fact: fact, event: event, memory: members["id"]?.number(below: memories), text: text)
    }
  }
}

extension JSONValue {
  /// The number that stands here as an integer or as its digits, where it is one of 0..<count.
  fileprivate func number(below count: Int) -> Int? {
    let number: Int? =
      switch self {
      case .int(let value): Int(exactly: value)
      case .string(let text): Int(text).flatMap { String($0) == text ? $0 : nil }
      default: nil
      }
    return number.flatMap { (0..<count).contains($0) ? $0 : nil }
  }
}
