@testable import Engram

/// What a memory got right and wrong over many cases.
struct RuleFigures {
  var cases = 0
  /// Values that must be gone, and those of them that are current.
  var staleExpected = 0, stale = 0
  /// Values that must be current, and those of them that are not.
  var currentExpected = 0, lost = 0
  /// Facts that are current where something must be, and how many of them are too many.
  var facts = 0, extra = 0
  /// Conversations of chatter, suppositions and strangers, and those of which too much was kept.
  var nothings = 0, nothingsKept = 0
  /// What went wrong, for who reads a failure.
  var faults: [String] = []

  mutating func add(_ test: RuleCase) {
    var memory = RuleMemory()
    for message in test.says { memory.hear(message) }
    add(test, facts: memory.entries.map(\.fact))
  }

  /// - Parameter facts: what is held at the end.
  mutating func add(_ test: RuleCase, facts: [RuleFact]) {
    var wrong: [String] = []
    for words in test.current where !facts.contains(where: { Self.holds($0, words) }) {
      wrong.append("lost \(words)")
    }
    for slot in test.slots where !facts.contains(where: { Self.slot($0) == slot }) {
      wrong.append("lost \(slot)")
    }
    let missing = wrong.count
    for words in test.stale where facts.contains(where: { Self.asserts($0, words) }) {
      wrong.append("stale \(words)")
    }
    staleExpected += test.stale.count
    stale += wrong.count - missing
    currentExpected += test.current.count + test.slots.count
    lost += missing
    let tooMany = max(0, facts.count - (test.atMost ?? facts.count))
    if tooMany > 0 { wrong.append("\(tooMany) too many") }
    if test.kind == .chatter || test.kind == .hypothetical {
      nothings += 1
      nothingsKept += tooMany > 0 ? 1 : 0
    } else {
      self.facts += facts.count
      extra += tooMany
    }
    cases += 1
    guard !wrong.isEmpty else { return }
    let held = facts.map { "\($0.text) [\(Self.slot($0))]" }.joined(separator: "; ")
    faults.append("\(test): \(wrong.joined(separator: ", ")). Held: \(held)")
  }

  private static func slot(_ fact: RuleFact) -> String {
    [fact.slot?.subject, fact.slot?.attribute, fact.value].map { $0 ?? "-" }.joined(
      separator: " | ")
  }

  private static func holds(_ fact: RuleFact, _ words: String) -> Bool {
    contains(fact.text, words) || fact.value.map { contains($0, words) } == true
  }

  /// True if the fact says these words are so: what it names as its past does not count.
  private static func asserts(_ fact: RuleFact, _ words: String) -> Bool {
    holds(fact, words) && !(fact.previousValue.map { contains($0, words) } ?? false)
  }

  private static func contains(_ text: String, _ words: String) -> Bool {
    let words = RuleText.normalized(words)
    let text = RuleText.normalized(text)
    return " \(text) ".contains(" \(words) ")
  }

  private static func rate(_ count: Int, of all: Int) -> String {
    guard all > 0 else { return "-" }
    let perMille = (count * 1_000 + all / 2) / all
    return "\(count)/\(all) (\(perMille / 10).\(perMille % 10) %)"
  }

  var row: String {
    [
      "\(cases)", Self.rate(stale, of: staleExpected), Self.rate(lost, of: currentExpected),
      Self.rate(extra, of: facts), Self.rate(nothingsKept, of: nothings), "\(faults.count)",
    ].joined(separator: " | ")
  }
}
