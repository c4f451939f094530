import EngramStore
import Foundation

/// What a killed process had been told of its writes, and whether a store keeps it.
struct Ledger {
  private struct Life {
    var version = 0
    var mayBeDeleted = false
    var isDeleted = false
  }

  private var lives: [UUID: Life] = [:]
  /// Ids whose last line came with the latest process.
  private(set) var latest: [UUID] = []

  var count: Int { lives.count }

  /// Adds what a process reported before it was killed.
  mutating func add(_ lines: [Substring]) {
    latest = []
    for line in lines {
      let parts = line.split(separator: " ")
      guard parts.count >= 2, let id = UUID(uuidString: String(parts[1])) else { continue }
      switch parts[0] {
      case "+":
        lives[id] = Life()
        latest.append(id)
      case "=": lives[id]?.version = Int(parts[2]) ?? -1
      case "?": lives[id]?.mayBeDeleted = true
      default: lives[id]?.isDeleted = true
      }
    }
  }

  /// What of the acknowledged writes a store does not keep, and what it holds that is not whole.
  func problems(with store: Store) throws -> [String] {
    var problems: [String] = []
    for (id, life) in lives {
      let events = try store.history(of: id).map(\.event)
      let memory: Memory
      do throws(StoreError) { memory = try store.get(id) } catch {
        let isGone = if case .unknownMemory = error { life.mayBeDeleted } else { false }
        if !isGone || events.last != .delete { problems.append("\(id): \(error)") }
        continue
      }
      if life.isDeleted { problems.append("\(id) is back") }
      // One more update may have been under way.
      let version = Self.version(of: memory)
      if version != life.version && version != life.version + 1 {
        problems.append("\(id): version \(version ?? -1), acknowledged \(life.version)")
      }
      if events.count != (version ?? -1) + 1 { problems.append("\(id): history \(events)") }
    }
    return problems + (try partialMemories(in: store))
  }

  /// Every memory, acknowledged or not, is of one version, vector and metadata included.
  private func partialMemories(in store: Store) throws -> [String] {
    var problems: [String] = []
    var cursor: String?
    repeat {
      let page = try store.list(after: cursor, limit: 1_000)
      for memory in page.memories {
        guard let version = Self.version(of: memory),
          memory.text == "memory \(memory.id.uuidString) version \(version)",
          try store.vector(of: memory.id) == Self.vector(memory.id, version)
        else {
          problems.append("\(memory) is not whole")
          continue
        }
      }
      cursor = page.next
    } while cursor != nil
    return problems
  }

  /// Memories of the latest process that a search for their own vector does not find.
  func missedBySearch(of store: Store) throws -> [UUID] {
    try latest.filter { id in
      guard let memory = try? store.get(id), let version = Self.version(of: memory) else {
        return false
      }
      let results = try store.search(Self.vector(id, version), k: 1, scope: memory.scope)
      return results.first?.memory.id != id || results.first?.score != 0
    }
  }

  private static func version(of memory: Memory) -> Int? {
    guard case .int(let version)? = memory.metadata["version"] else { return nil }
    return Int(version)
  }

  /// As in the child.
  private static func vector(_ id: UUID, _ version: Int) -> [Float] {
    withUnsafeBytes(of: id.uuid) { bytes in bytes.map { Float($0) + Float(version) / 4 } }
  }
}
