import EngramStore
import Foundation

/// What the facts of one call do to the memories that are there: all of it is written, or nothing.
struct ConsolidationPlan {
  private(set) var batch = WriteBatch()
  private(set) var added: [Added] = []
  private let options: AddOptions
  private let scope: Scope
  /// Facts of this call, which those behind them may repeat or contradict.
  private var new: [UUID: HeldFact<UUID>] = [:]
  /// What memories said that this call updates.
  private var before: [UUID: String] = [:]
  /// Memories that an earlier fact of this call has ended.
  private var ended = Set<UUID>()

  init(episode: Episode, options: AddOptions) {
    batch.episodes = [episode]
    self.options = options
    scope = episode.scope
  }

  /// - Parameters:
  ///   - number: which fact of the call it is.
  ///   - held: memories that it may have to do with.
  mutating func add(
    _ fact: RuleFact, _ vector: [Float], _ number: Int, held: [ScoredMemory]
  ) throws {
    var facts = held.filter { !ended.contains($0.memory.id) }.map { found in
      let slot = FactSlot.read(found.memory.metadata)
      return HeldFact(
        id: found.memory.id, text: found.memory.text, slot: slot?.slot, value: slot?.value,
        similarity: found.score)
    }
    // In the order in which they were said.
    facts += batch.updates.compactMap { new[$0.memory] }
    facts += batch.inserts.compactMap { $0.id.flatMap { new[$0] } }
    let texts = Dictionary(facts.map { ($0.id, $0.text) }, uniquingKeysWith: { first, _ in first })
    var decision = RuleConsolidator().decide(fact, against: facts)
    if options.mode == .additive {
      switch decision {
      case .replace: decision = .add
      case .retract(let ids): decision = ids.first.map { .none(because: $0) } ?? .add
      case .add, .none: break
      }
    }
    switch decision {
    case .none(let id):
      added.append(Added(id: id, memory: texts[id] ?? fact.text, event: .none, superseded: []))
    case .add: try insert(fact, vector, number, superseding: [])
    case .retract(let ids):
      for id in take(back: ids) {
        batch.deletes.append(id)
        ended.insert(id)
        added.append(Added(id: id, memory: texts[id] ?? "", event: .delete, superseded: []))
      }
    case .replace(let ids):
      let old = take(back: ids)
      ended.formUnion(old)
      guard options.mode == .update, let first = old.first else {
        return try insert(fact, vector, number, superseding: old)
      }
      let update = MemoryUpdate(
        text: fact.text, vector: vector, merging: try FactSlot.metadata(fact, options.metadata))
      batch.updates.append((first, update))
      // What it said before this call.
      let previous = before[first] ?? texts[first]
      before[first] = previous
      hold(fact, as: first)
      batch.deletes += old.dropFirst()
      added.append(
        Added(
          id: first, memory: fact.text, event: .update, previousMemory: previous, superseded: []))
      for id in old.dropFirst() {
        added.append(Added(id: id, memory: texts[id] ?? "", event: .delete, superseded: []))
      }
    }
  }

  private mutating func insert(
    _ fact: RuleFact, _ vector: [Float], _ number: Int, superseding old: [UUID]
  ) throws {
    var memory = options.memory(fact.text, vector, scope: scope)
    let id = UUID.timeOrdered()
    memory.id = id
    memory.key = options.key.map { "\($0)/\(number)" }
    memory.metadata = try FactSlot.metadata(fact, options.metadata)
    memory.importance = options.importance ?? fact.importance
    memory.role = Message.Role.user.rawValue
    memory.supersedes = old
    batch.inserts.append(memory)
    hold(fact, as: id)
    added.append(Added(id: id, memory: fact.text, event: .add, superseded: old))
  }

  private mutating func hold(_ fact: RuleFact, as id: UUID) {
    let slot = fact.kind == .state ? fact.slot : nil
    new[id] = HeldFact(id: id, text: fact.text, slot: slot, value: fact.value)
  }

  /// Of memories that are to end, those that are written already. A fact of this call is left out of it,
  /// as if it had not been said; what it was to supersede ends all the same.
  private mutating func take(back ids: [UUID]) -> [UUID] {
    var written: [UUID] = []
    for id in ids {
      guard new.removeValue(forKey: id) != nil else {
        written.append(id)
        continue
      }
      if let place = batch.inserts.firstIndex(where: { $0.id == id }) {
        written += batch.inserts.remove(at: place).supersedes
      } else {
        batch.updates.removeAll { $0.memory == id }
        written.append(id)
      }
      added.removeAll { $0.id == id }
    }
    return written
  }
}
