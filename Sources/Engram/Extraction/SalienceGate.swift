/// Tells messages that hold nothing worth remembering, so that no model has to be asked: greetings,
/// thanks, acknowledgements, and questions that state nothing.
///
/// It errs on the side of asking. It knows English: whatever it does not understand may hold something.
/// A "yes" after a question of the assistant may, and so may a question with anything about the speaker,
/// a number, a quotation, a comma or a second sentence that is none of these.
enum SalienceGate {
  /// - Parameter before: what was said last before the messages; "yes" may answer it.
  static func holdsNothing(_ messages: [Message], after before: Message? = nil) -> Bool {
    var last = before
    for message in messages where message.role != .system {
      let isAnswer = last.map { $0.role == .assistant && $0.content.contains("?") } ?? false
      guard holdsNothing(message.content, isAnswer: isAnswer) else { return false }
      last = message
    }
    return true
  }

  private static func holdsNothing(_ text: String, isAnswer: Bool) -> Bool {
    guard text.utf8.count <= bytesMax, !text.unicodeScalars.contains(where: telling.contains) else {
      return false
    }
    let source = RuleTokens(text)
    // Signs alone, as a thumb; letters that are no words to the tokens are somebody's words.
    guard !source.sentences.isEmpty else { return !isAnswer && !text.contains { $0.isLetter || $0.isNumber } }
    return source.sentences.allSatisfy { sentence in
      let tokens = source.tokens[sentence.tokens]
      if sentence.isQuestion, isPlainQuestion(tokens) { return true }
      return !isAnswer && tokens.allSatisfy { $0.kind != .word || isChatter($0.word) }
    }
  }

  private static func isChatter(_ word: String) -> Bool {
    RuleLexicon.chatter.contains(word) || fillers.contains(word)
  }

  private static func isPlainQuestion(_ tokens: ArraySlice<RuleToken>) -> Bool {
    guard let first = tokens.first, interrogatives.contains(first.word) else { return false }
    return tokens.allSatisfy { token in
      token.kind == .word && !speakers.contains(token.word) && !token.word.contains { $0.isNumber }
    }
  }

  /// "Thanks a lot for your help": words that state nothing beside those of chatter.
  private static let fillers: Set<String> = [
    "a", "lot", "bunch", "million", "for", "the", "your", "help", "again", "and", "everything", "quick",
    "answer", "explanation", "appreciated",
  ]
  /// A longer text says something.
  private static let bytesMax = 300
  /// Quotations, code, lists and lines may hold what the words do not show.
  private static let telling = Set("\"\u{201c}\u{201d}\u{201e}\u{ab}\u{bb}`>\n\r".unicodeScalars)
  private static let interrogatives: Set<String> = [
    "what", "which", "who", "whose", "whom", "when", "where", "why", "how", "is", "are", "was", "were",
    "do", "does", "did", "can", "could", "will", "would", "should", "has", "have", "had",
  ]
  private static let speakers: Set<String> = [
    "i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves", "because", "since", "now",
  ]
}
