import EngramIndex
import EngramStore
import Foundation

/// What a store should hold, as a plain dictionary, and what it should answer.
struct StoreModel {
  struct Entry {
    var sequence: Int64
    var event: HistoryEntry.Event
    var old: String?
    var new: String?
  }

  struct Record {
    /// What was given to insert, with what updates have changed since.
    var memory: NewMemory
    var change: Int64
    var created: ClosedRange<Date>
    var updated: ClosedRange<Date>
  }

  let metric: Metric
  private(set) var current: [UUID: Record] = [:]
  private(set) var history: [UUID: [Entry]] = [:]
  /// What the history says of who made a memory: of each id, by the change number.
  private(set) var changes: Int64 = 0

  init(metric: Metric) { self.metric = metric }

  // MARK: Writing

  /// - Parameter time: when the call began and ended.
  mutating func insert(_ memories: [NewMemory], ids: [UUID], time: ClosedRange<Date>) {
    for (memory, id) in zip(memories, ids) {
      changes += 1
      let created = memory.createdAt.map { $0...$0 } ?? time
      current[id] = Record(memory: memory, change: changes, created: created, updated: created)
      record(id, .add, nil, memory.text)
    }
  }

  mutating func update(_ id: UUID, _ update: MemoryUpdate, time: ClosedRange<Date>) {
    guard var record = current[id] else { return }
    changes += 1
    let old = record.memory.text
    record.change = changes
    record.updated = time
    if let text = update.text { record.memory.text = text }
    if let vector = update.vector { record.memory.vector = vector }
    if let metadata = update.metadata { record.memory.metadata = metadata }
    if let categories = update.categories { record.memory.categories = categories }
    if let importance = update.importance { record.memory.importance = importance.value }
    if let expiresAt = update.expiresAt { record.memory.expiresAt = expiresAt.value }
    current[id] = record
    self.record(id, .update, old, record.memory.text)
  }

  mutating func delete(_ ids: [UUID]) {
    for id in ids {
      guard let removed = current.removeValue(forKey: id) else { continue }
      changes += 1
      record(id, .delete, removed.memory.text, nil)
    }
  }

  /// Of ids that have a history and have not been erased since.
  mutating func erase(_ ids: [UUID]) {
    for id in ids {
      current[id] = nil
      changes += 1
      history[id] = (history[id] ?? []).map {
        Entry(sequence: $0.sequence, event: $0.event, old: nil, new: nil)
      }
      record(id, .erase, nil, nil)
    }
  }

  private mutating func record(
    _ id: UUID, _ event: HistoryEntry.Event, _ old: String?, _ new: String?
  ) {
    history[id, default: []].append(Entry(sequence: changes, event: event, old: old, new: new))
  }

  // MARK: Answers

  /// Ids that a list of the scope shows, in its order.
  func listed(_ scope: Scope, includeExpired: Bool, now: Date = Date()) -> [UUID] {
    current.filter {
      $0.value.memory.scope.lies(in: scope) && (includeExpired || !$0.value.isExpired(now))
    }
    .sorted { $0.value.change < $1.value.change }.map(\.key)
  }

  /// What is wrong with the results of a search; nil where they are right.
  func problem(
    with results: [ScoredMemory], query: [Float], k: Int, scope: Scope,
    passing: (Metadata) -> Bool
  ) -> String? {
    let now = Date()
    let scores = current.values.filter {
      $0.memory.scope.lies(in: scope) && !$0.isExpired(now) && passing($0.memory.metadata)
    }
    .map { metric.exactScore(query, $0.memory.vector) }
    .sorted { metric.loss($0, against: $1) < 0 }
    guard results.count == min(k, scores.count) else {
      return "\(results.count) results, not \(min(k, scores.count))"
    }
    guard Set(results.map(\.memory.id)).count == results.count else { return "a memory twice" }
    for (position, result) in results.enumerated() {
      guard let record = current[result.memory.id] else { return "an unknown memory" }
      guard record.memory.scope.lies(in: scope), passing(record.memory.metadata),
        !record.isExpired(now)
      else { return "a memory that was not asked for" }
      if let problem = problem(with: result.memory) { return problem }
      let exact = metric.exactScore(query, record.memory.vector)
      let tolerance = 1e-5 * max(1, abs(exact))
      guard abs(Double(result.score) - exact) <= tolerance else {
        return "score \(result.score), not \(exact)"
      }
      guard abs(exact - scores[position]) <= tolerance else {
        return "score \(exact) at \(position), where \(scores[position]) is due"
      }
    }
    return nil
  }

  /// What is wrong with a memory that the store returned; nil where it is right.
  func problem(with memory: Memory) -> String? {
    guard let record = current[memory.id] else { return "\(memory.id) should be gone" }
    let expected = record.memory
    let checks: [(String, Bool)] = [
      ("text", memory.text.utf8.elementsEqual(expected.text.utf8)),
      ("user", memory.scope.user.isIdentical(to: expected.scope.user)),
      ("agent", memory.scope.agent.isIdentical(to: expected.scope.agent)),
      ("run", memory.scope.run.isIdentical(to: expected.scope.run)),
      ("metadata", memory.metadata.json.utf8.elementsEqual(expected.metadata.json.utf8)),
      ("categories", memory.categories == expected.categories),
      ("role", memory.role.isIdentical(to: expected.role)),
      ("actor", memory.actor.isIdentical(to: expected.actor)),
      ("importance", memory.importance == expected.importance),
      ("createdAt", record.created.holds(memory.createdAt)),
      ("updatedAt", record.updated.holds(memory.updatedAt)),
      ("expiresAt", memory.expiresAt?.microseconds == expected.expiresAt?.microseconds),
      ("validFrom", memory.validFrom?.microseconds == expected.validFrom?.microseconds),
      ("validTo", memory.validTo?.microseconds == expected.validTo?.microseconds),
      ("change", memory.change == record.change),
    ]
    let wrong = checks.filter { !$0.1 }.map(\.0)
    return wrong.isEmpty ? nil : "\(memory.id): wrong \(wrong.joined(separator: ", "))"
  }

  /// What is wrong with a memory's history; nil where it is right.
  func problem(with entries: [HistoryEntry], of id: UUID) -> String? {
    let expected = history[id] ?? []
    guard entries.count == expected.count else {
      return "\(entries.count) entries, not \(expected.count)"
    }
    for (entry, expected) in zip(entries, expected) {
      guard entry.sequence == expected.sequence, entry.memoryID == id,
        entry.event == expected.event, entry.oldMemory.isIdentical(to: expected.old),
        entry.newMemory.isIdentical(to: expected.new),
        entry.isDeleted == [.delete, .erase].contains(expected.event),
        (entry.updatedAt == nil) == (expected.event == .add)
      else { return "entry \(entry.sequence) of \(id) is \(entry), not \(expected)" }
    }
    return nil
  }

  /// Everything that can be asked of a store, against the model: what is wrong.
  func problems(with store: Store) throws -> [String] {
    var problems: [String] = []
    for (id, record) in current {
      problems += [problem(with: try store.get(id))].compactMap(\.self)
      if try store.vector(of: id) != record.memory.vector { problems.append("vector of \(id)") }
    }
    for id in history.keys {
      problems += [problem(with: try store.history(of: id), of: id)].compactMap(\.self)
      if current[id] == nil, (try? store.get(id)) != nil { problems.append("\(id) is back") }
    }
    let statistics = try store.statistics()
    if statistics.memories != current.count { problems.append("\(statistics.memories) memories") }
    if statistics.changes != changes { problems.append("\(statistics.changes) changes") }
    return problems
  }
}

extension StoreModel.Record {
  func isExpired(_ now: Date) -> Bool { memory.expiresAt.map { $0 <= now } ?? false }
}

extension Scope {
  /// Whether a memory of this scope is meant by a search for `other`: by bytes, as everywhere.
  func lies(in other: Scope) -> Bool {
    [(user, other.user), (agent, other.agent), (run, other.run)].allSatisfy { own, asked in
      asked == nil || own.isIdentical(to: asked)
    }
  }
}

extension String? {
  /// Whether two strings have the same bytes: `==` also equates the forms of an accented letter.
  func isIdentical(to other: String?) -> Bool {
    switch (self, other) {
    case (nil, nil): true
    case (let left?, let right?): left.utf8.elementsEqual(right.utf8)
    default: false
    }
  }
}

extension Date {
  /// Microseconds since 1970, as exactly as a store keeps times.
  var microseconds: Int64 { Int64((timeIntervalSince1970 * 1e6).rounded()) }
}

extension ClosedRange<Date> {
  func holds(_ date: Date) -> Bool {
    (lowerBound.microseconds...upperBound.microseconds).contains(date.microseconds)
  }
}
