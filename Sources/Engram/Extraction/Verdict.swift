import EngramStore
import Foundation

/// What becomes of a fact, as far as a model's decisions on it can be trusted. Whatever they say, the fact
/// is kept, and nothing ends but what they name.
struct Verdict: Equatable {
  /// What is to be remembered: the fact, or a text that says it and what is left of a memory.
  var text: String
  /// A memory that says the same.
  var known: UUID?
  /// A memory whose text changes into this one.
  var updated: UUID?
  /// Memories that are true no longer.
  var ended: [UUID] = []

  /// The memories whose place the fact takes.
  var replaced: [UUID] { (updated.map { [$0] } ?? []) + ended }

  /// - Parameters:
  ///   - decisions: on this fact.
  ///   - memories: those that the model was shown, in the order of their numbers.
  ///   - near: those of them that are near this fact.
  init(_ fact: RuleFact, _ decisions: [Decision], memories: [Memory], near: [ScoredMemory]) {
    text = fact.text
    for decision in decisions {
      guard let memory = decision.memory.map({ memories[$0] }) else { continue }
      switch decision.event {
      case .add: break
      case .none:
        // That a fact is known is believed only of a memory that may say it.
        let isLikely = near.contains {
          $0.memory.id == memory.id
            && RuleConsolidator.mayCover(memory.text, fact, similarity: $0.score)
        }
        if known == nil, isLikely { known = memory.id }
      case .update where updated == nil:
        updated = memory.id
        ended.removeAll { $0 == memory.id }
        let new = (decision.text ?? "").filter { $0 != "\0" }
          .trimmingCharacters(in: .whitespacesAndNewlines)
        // A text that is the old one again, or has lost the fact, is none.
        if new != memory.text, new.utf8.count <= StoreLimits.textBytes,
          RuleConsolidator.covers(new, fact)
        { text = new }
      case .update, .delete:
        if !replaced.contains(memory.id) { ended.append(memory.id) }
      }
    }
    if let known, replaced.contains(known) { self.known = nil }
  }
}
