import EngramStore
import Foundation

/// What a process had been told of its writes, and whether a store keeps it.
struct Ledger {
  private struct Life {
    var version = 0
    var mayBeDeleted = false
    var isDeleted = false
  }

  private var lives: [UUID: Life] = [:]
  /// Memories whose last write may have taken place or not.
  private var doubtful: Set<UUID> = []
  /// Ids whose last line came with the latest process.
  private(set) var latest: [UUID] = []

  var count: Int { lives.count }

  /// Adds what a process reported before it ended.
  mutating func add(_ lines: [Substring]) {
    latest = []
    for line in lines {
      let parts = line.split(separator: " ")
      guard parts.count >= 2, let id = UUID(uuidString: String(parts[1])) else { continue }
      switch parts[0] {
      case "+":
        lives[id] = Life()
        doubtful.remove(id)
        latest.append(id)
      case "=": lives[id] = Life(version: Int(parts[2]) ?? -1)
      case "?": lives[id]?.mayBeDeleted = true
      case "~": doubtful.insert(id)
      default: lives[id]?.isDeleted = true
      }
    }
  }

  /// What of the acknowledged writes a store does not keep, and what it holds that is not whole.
  ///
  /// - Parameter ended: whether the process ended by itself: then what was refused is not there.
  func problems(with store: Store, ended: Bool = false) throws -> [String] {
    var problems: [String] = []
    for (id, life) in lives {
      let events = try store.history(of: id).map(\.event)
      let memory: Memory
      do throws(StoreError) { memory = try store.get(id) } catch {
        let isGone = if case .unknownMemory = error { life.mayBeDeleted } else { false }
        if !isGone || events.last != .delete && events.last != .erase {
          problems.append("\(id): \(error)")
        }
        continue
      }
      if life.isDeleted { problems.append("\(id) is back") }
      // One more update may have been under way.
      let version = Self.version(of: memory)
      let mayBeNewer = !ended || doubtful.contains(id)
      if version != life.version && !(mayBeNewer && version == life.version + 1) {
        problems.append("\(id): version \(version ?? -1), acknowledged \(life.version)")
      }
      if events.count != (version ?? -1) + 1 { problems.append("\(id): history \(events)") }
    }
    return problems + (try wrongMemories(in: store, ended: ended))
  }

  /// Every memory, acknowledged or not, is of one version, vector and metadata included.
  private func wrongMemories(in store: Store, ended: Bool) throws -> [String] {
    var problems: [String] = []
    var cursor: String?
    repeat {
      let page = try store.list(after: cursor, limit: 1_000)
      for memory in page.memories {
        if !Self.isWhole(memory, vector: try store.vector(of: memory.id)) {
          problems.append("\(memory) is not whole")
        }
        if ended, lives[memory.id] == nil, !doubtful.contains(memory.id) {
          problems.append("\(memory.id) was refused and is there")
        }
      }
      cursor = page.next
    } while cursor != nil
    return problems
  }

  /// Memories of the latest process that a search for their own vector does not find.
  func missedBySearch(of store: Store) throws -> [UUID] {
    try latest.filter { id in
      guard let memory = try? store.get(id) else { return false }
      let results = try store.search(Self.vector(of: memory), k: 1, scope: memory.scope)
      return results.first?.memory.id != id || results.first?.score != 0
    }
  }

  // MARK: Memories as the child makes them

  static func newMemory() throws -> NewMemory {
    let id = UUID()
    return NewMemory(
      id: id, text: text(id, 0), vector: vector(id, 0), scope: Scope(user: "parent"),
      metadata: try Metadata(["version": .int(0), "vector": .int(0)]))
  }

  static func version(of memory: Memory) -> Int? { number("version", memory) }

  static func text(_ id: UUID, _ version: Int) -> String {
    "memory \(id.uuidString) version \(version)"
  }

  /// The vector that a memory says it has.
  static func vector(of memory: Memory) -> [Float] {
    vector(memory.id, number("vector", memory) ?? -1)
  }

  private static func vector(_ id: UUID, _ version: Int) -> [Float] {
    withUnsafeBytes(of: id.uuid) { bytes in bytes.map { Float($0) + Float(version) / 4 } }
  }

  static func isWhole(_ memory: Memory, vector: [Float]) -> Bool {
    guard let version = version(of: memory) else { return false }
    return memory.text == text(memory.id, version) && vector == Self.vector(of: memory)
  }

  private static func number(_ key: String, _ memory: Memory) -> Int? {
    guard case .int(let number)? = memory.metadata[key] else { return nil }
    return Int(number)
  }
}
