import BenchmarkSupport
import EngramStore
import Foundation

extension Dataset {
  /// A row as a memory.
  func memory(_ row: Int, metadata: Metadata = .empty) -> NewMemory {
    NewMemory(
      id: records.ids[row], text: records.texts[row], vector: Array(vector(row)),
      scope: Scope(
        user: records.userIDs[row], agent: records.agentIDs[row], run: records.runIDs[row]),
      metadata: metadata, role: records.roles[row],
      createdAt: Date(timeIntervalSince1970: Double(records.createdAt[row]) / 1e6))
  }
}
