import EngramStore
import Foundation

/// What the facts of one call do to the memories that are there: all of it is written, or nothing.
struct ConsolidationPlan {
  private(set) var batch = WriteBatch()
  private(set) var added: [Added] = []
  private let options: AddOptions
  private let scope: Scope
  /// When it was said.
  private let createdAt: Date?
  /// Facts of this call, which those behind them may repeat or contradict.
  private var new: [UUID: HeldFact<UUID>] = [:]
  /// What memories said that this call updates.
  private var before: [UUID: String] = [:]
  /// Memories that an earlier fact of this call has ended.
  private var ended = Set<UUID>()
  /// What has taken the place of a memory in this call.
  private var taker: [UUID: UUID] = [:]

  init(episode: Episode, options: AddOptions) {
    batch.episodes = [episode]
    self.options = options
    scope = episode.scope
    createdAt = options.createdAt
  }

  /// Of an episode that has waited: what it says was said when it was.
  init(finishing episode: Episode, options: AddOptions) {
    batch.finished = episode.id
    self.options = options
    scope = episode.scope
    createdAt = options.createdAt ?? episode.createdAt
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
    facts += heldNow
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
    case .add: try insert(fact, vector, key: key(number), superseding: [])
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
        try insert(fact, vector, key: key(number), superseding: old)
        return
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

  /// A fact that a chat model has found, and what is to become of it.
  ///
  /// - Parameters:
  ///   - vectors: of the fact and of the verdict's text.
  ///   - speaker: who said it, by name.
  ///   - texts: of the memories that the verdict may name.
  mutating func add(
    _ found: ExtractedFact, _ verdict: Verdict, _ vectors: (fact: [Float], text: [Float]),
    speaker: String?, texts: [UUID: String]
  ) throws {
    // A memory that an earlier fact has changed or ended is that fact's: this one is kept beside it,
    // unless the earlier one's text says it, too.
    let old = verdict.replaced.filter { taker[$0] == nil && !ended.contains($0) }
    let same =
      RuleConsolidator().duplicate(of: found.ruleFact, among: heldNow)
      ?? verdict.replaced.compactMap { taker[$0] }.first { taker in
        new[taker].map { RuleConsolidator.covers($0.text, found.ruleFact) } ?? false
      }
    if let same {
      added.append(
        Added(id: same, memory: new[same]?.text ?? found.text, event: .none, superseded: []))
      return delete(old, texts)
    }
    let isUpdate = verdict.updated.map(old.contains) ?? false
    let text = isUpdate ? verdict.text : found.text
    let vector = isUpdate ? vectors.text : vectors.fact
    let fact = ExtractedFact.ruleFact(text, importance: found.importance)
    // What an assistant repeats of a memory is no news, also where a user has just changed it.
    if let known = verdict.known,
      taker[known] == nil && !ended.contains(known) || found.role == .assistant
    {
      added.append(Added(id: known, memory: texts[known] ?? fact.text, event: .none, superseded: []))
      return delete(old, texts)
    }
    guard options.mode == .update else {
      let id = try insert(fact, vector, role: found.role, actor: speaker, superseding: old)
      for old in old { taker[old] = id }
      return
    }
    if isUpdate, let id = verdict.updated {
      var merge = try FactSlot.metadata(fact, options.metadata).values
      // What it was about before it is no longer.
      if merge[FactSlot.key] == nil { merge[FactSlot.key] = .null }
      batch.updates.append(
        (id, MemoryUpdate(text: fact.text, vector: vector, merging: try Metadata(merge))))
      hold(fact, as: id)
      taker[id] = id
      added.append(
        Added(
          id: id, memory: fact.text, event: .update, previousMemory: texts[id], superseded: []))
      return delete(old.filter { $0 != id }, texts)
    }
    let id = try insert(fact, vector, role: found.role, actor: speaker, superseding: [])
    delete(old, texts)
    for old in old { taker[old] = id }
  }

  private mutating func delete(_ ids: [UUID], _ texts: [UUID: String]) {
    for id in ids {
      batch.deletes.append(id)
      ended.insert(id)
      added.append(Added(id: id, memory: texts[id] ?? "", event: .delete, superseded: []))
    }
  }

  /// The facts of this call, in the order in which they were said.
  private var heldNow: [HeldFact<UUID>] {
    batch.updates.compactMap { new[$0.memory] } + batch.inserts.compactMap { $0.id.flatMap { new[$0] } }
  }

  private func key(_ number: Int) -> String? { options.key.map { "\($0)/\(number)" } }

  @discardableResult
  private mutating func insert(
    _ fact: RuleFact, _ vector: [Float], key: String? = nil, role: Message.Role = .user,
    actor: String? = nil, superseding old: [UUID]
  ) throws -> UUID {
    var memory = options.memory(fact.text, vector, scope: scope)
    let id = UUID.timeOrdered()
    memory.id = id
    memory.key = key
    memory.createdAt = createdAt
    memory.metadata = try FactSlot.metadata(fact, options.metadata)
    memory.importance = options.importance ?? fact.importance
    memory.role = role.rawValue
    memory.actor = actor
    memory.supersedes = old
    batch.inserts.append(memory)
    hold(fact, as: id)
    added.append(Added(id: id, memory: fact.text, event: .add, superseded: old))
    return id
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
