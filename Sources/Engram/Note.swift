/// A text that somebody wants kept, not a message of a conversation.
///
/// Rules read facts about the speaker; a note may be about anything. It is kept as it is where it states
/// something: at least three words, no question, nobody spoken of as I, we or you (that is for the rules),
/// and no thanks or greeting.
enum Note {
  static func isKept(_ text: String) -> Bool {
    let words = text.lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "'" && $0 != "\u{2019}" }
    guard words.count >= 3, let first = words.first, !greetings.contains(String(first)),
      !text.contains("?")
    else { return false }
    return words.allSatisfy { word in
      let stem = word.split(maxSplits: 1) { $0 == "'" || $0 == "\u{2019}" }.first.map(String.init) ?? ""
      return !speakers.contains(stem)
    }
  }

  private static let speakers: Set = [
    "i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "you", "your", "yours",
  ]
  private static let greetings: Set = [
    "thanks", "thank", "ok", "okay", "hi", "hello", "hey", "yes", "no", "yeah", "sure", "great", "good",
    "lol", "please", "sorry", "well", "wow", "nice", "cool", "bye", "see", "welcome",
  ]
}
