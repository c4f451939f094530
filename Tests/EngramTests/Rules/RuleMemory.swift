import Engram

/// A memory as plain as can be: a list of the current facts.
struct RuleMemory {
  struct Entry {
    var id: Int
    var fact: RuleFact
  }

  private(set) var entries: [Entry] = []
  private var said: [RuleFact] = []
  private var nextID = 0

  mutating func hear(_ message: String) {
    let facts = RuleExtractor().facts(in: message, after: said)
    said += facts
    for fact in facts { take(fact) }
  }

  mutating func take(_ fact: RuleFact) {
    // A caller stores the slot of a state only.
    let held = entries.map { entry in
      let isState = entry.fact.kind == .state
      return HeldFact(
        id: entry.id, text: entry.fact.text, slot: isState ? entry.fact.slot : nil,
        value: isState ? entry.fact.value : nil)
    }
    switch RuleConsolidator().decide(fact, against: held) {
    case .add: keep(fact)
    case .replace(let ids):
      entries.removeAll { ids.contains($0.id) }
      keep(fact)
    case .retract(let ids): entries.removeAll { ids.contains($0.id) }
    case .none: break
    }
  }

  private mutating func keep(_ fact: RuleFact) {
    entries.append(Entry(id: nextID, fact: fact))
    nextID += 1
  }
}
