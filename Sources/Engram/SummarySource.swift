import EngramStore
import Foundation

/// A memory that a summary may be made of.
struct SummarySource {
  var memory: Memory
  /// Of length 1; nil where the store has lost it.
  var vector: [Float]?

  /// Of more memories than this the latest are summed up.
  static let most = 4_096

  /// The sources among the memories of a scope: no summaries, and of each slot the latest state only.
  ///
  /// - Parameter latest: the memories of the scope, newest first.
  /// - Returns: oldest first.
  static func sources(_ latest: [(memory: Memory, vector: [Float]?)]) -> [SummarySource] {
    var slots = Set<Slot>()
    var sources: [SummarySource] = []
    for (memory, vector) in latest where MemoryKind.read(memory.metadata) == nil {
      if let slot = FactSlot.read(memory.metadata)?.slot, !slots.insert(slot).inserted { continue }
      sources.append(SummarySource(memory: memory, vector: vector))
    }
    return sources.reversed()
  }
}
