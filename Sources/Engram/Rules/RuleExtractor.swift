/// Reads lasting facts about a user in what the user writes, by rules alone.
///
/// The rules know English. A declarative sentence in another language becomes a fact without a
/// slot, kept as it was written; everything else in another language is nothing to them.
///
/// What counts: statements in the first person, and about the speaker's own people ("my sister").
/// What does not: questions, suppositions, guesses, quotations, plans of the day, and the
/// conversation itself. Only messages of the user are to be read; what an assistant says is no fact
/// about the user.
///
/// A fact keeps the speaker's words and person ("I live in Berlin", not "User lives in Berlin"):
/// nothing has to be conjugated, search meets the words that were said, and a kept text reads as
/// the same fact again. Whose "I" it is, the scope of the memory says.
///
/// What the rules do not see: what only the world's knowledge tells ("I moved from Chrome to
/// Firefox" reads as a move to a place), a change between two facts without a slot ("I take the
/// train now" after "I take the bus"), and irony.
///
/// The work grows linearly with the length of the text.
public struct RuleExtractor: Sendable {
  public init() {}

  /// The facts in one message, in the order of its sentences.
  ///
  /// - Parameter previous: the facts of the conversation so far, oldest first; "no, I meant Lyon"
  ///   corrects the last of them that it can be about.
  public func facts(in text: String, after previous: [RuleFact] = []) -> [RuleFact] {
    var message = RuleMessage(text, after: previous)
    message.read()
    return message.facts
  }

  /// How much a message holds that is worth remembering, from 0 to 1: the importance of its facts;
  /// 0.25 where it says something of the user that is guessed or that no rule can read; less for
  /// questions, the conversation itself and the day's events; 0 for "ok" and "thanks".
  public func salience(of text: String) -> Double {
    var message = RuleMessage(text, after: [])
    message.read()
    return message.salience
  }

  /// True for a message that an extracting model need not see.
  public func isChatter(_ text: String) -> Bool { salience(of: text) < Self.chatterBelow }

  private static let chatterBelow = 0.2
}
