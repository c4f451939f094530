/// Words for an utterance. They follow its path through the topic tree, so that near vectors mostly
/// have similar texts, as real ones do.
enum Sentence {
  static func make(topic: Topic, path: [UInt64], hash: UInt64, isUser: Bool) -> String {
    let words = Words(topic: topic, path: path, hash: hash)
    return isUser ? spoken(words) : answered(words)
  }

  private struct Words {
    let thing: String
    let quality: String
    let place: String
    let day: String
    let hour: String
    let company: String
    let reason: String
    let form: Int
    let amount: Int

    /// With its article.
    var aQuality: String {
      let isVowel = quality.first.map { "aeiou".contains($0) } ?? false
      return (isVowel ? "an " : "a ") + quality
    }

    init(topic: Topic, path: [UInt64], hash: UInt64) {
      func pick(_ list: [String], _ number: UInt64) -> String {
        list[Int(number % UInt64(list.count))]
      }
      func node(_ level: Int) -> UInt64 { level < path.count ? path[level] : hash }
      thing = pick(topic.things, node(2) >> 8)
      quality = pick(topic.qualities, node(4) >> 8)
      form = Int(node(5) >> 8 & 7)
      reason = pick(reasons, node(6) >> 8)
      place = pick(places, node(7) >> 8)
      company = pick(companies, Hash.mix(hash, 3))
      day = pick(days, Hash.mix(hash, 4))
      hour = pick(hours, Hash.mix(hash, 5))
      amount = 2 + Int(Hash.mix(hash, 6) % 997)
    }
  }

  private static func spoken(_ w: Words) -> String {
    switch w.form {
    case 0: "I prefer \(w.aQuality) \(w.thing) \(w.company), \(w.reason)."
    case 1: "Please look for the \(w.thing) \(w.place) on \(w.day) \(w.hour)."
    case 2: "We are planning \(w.aQuality) \(w.thing) for \(w.day), \(w.amount) dollars at most."
    case 3: "Last \(w.day) the \(w.thing) \(w.place) was too \(w.quality) for me."
    case 4: "Remember that I want the \(w.thing) \(w.hour), \(w.reason)."
    case 5: "Is there \(w.aQuality) \(w.thing) \(w.place) for less than \(w.amount) dollars?"
    case 6: "I usually choose the \(w.thing) \(w.company) on \(w.day)."
    default: "My budget for this \(w.thing) is \(w.amount) dollars, \(w.reason)."
    }
  }

  private static func answered(_ w: Words) -> String {
    switch w.form {
    case 0: "There is \(w.aQuality) \(w.thing) \(w.place), it costs \(w.amount) dollars."
    case 1: "I found \(w.amount) results, the first is \(w.aQuality) \(w.thing) \(w.place)."
    case 2: "Shall I note the \(w.thing) for \(w.day) \(w.hour)?"
    case 3: "Your \(w.thing) is set for \(w.day) \(w.hour), the total is \(w.amount) dollars."
    case 4: "You told me that \(w.aQuality) \(w.thing) suits you best, \(w.reason)."
    case 5: "The \(w.thing) \(w.place) has a rating of \(w.amount) points. Anything else?"
    case 6: "Sorry, no \(w.quality) \(w.thing) is left for \(w.day). Would another day do?"
    default: "I will keep in mind that you like \(w.aQuality) \(w.thing) \(w.company)."
    }
  }

  private static let places = [
    "near the station", "in the old town", "by the river", "close to my office", "at the harbour",
    "downtown", "across the park", "next to the library", "in the north of the city",
    "on the main square", "near the university", "around the corner",
  ]
  private static let companies = [
    "with my sister", "with two friends", "on my own", "with the children", "with a colleague",
    "with my parents", "after work", "before lunch", "with our neighbours", "for the whole team",
  ]
  private static let reasons = [
    "because it is easier to plan", "since I get tired early", "as it saves some time",
    "because my back hurts", "as we did last year", "because the mornings are busy",
    "since my brother is visiting", "so that nobody has to wait", "as I promised my aunt",
    "because I am saving money",
  ]
  private static let days = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "the 3rd of May",
    "the 9th of March", "the 21st of June", "the 14th of August", "the 30th of October",
  ]
  private static let hours = [
    "at 7 in the morning", "at half past eight", "around noon", "at a quarter to three",
    "after 5 pm", "at 6:30 pm", "before 9 pm", "late in the evening",
  ]
}
