import EngramIndex
import Foundation
import GRDB

@testable import EngramStore

/// A run of one process on a store, or of several at once, with all that they did on disk, and what
/// the store then held after each change: what remains of it after a crash at any moment is held
/// against that.
struct RecordedRun {
  fileprivate struct Change: Equatable {
    var memory: UUID
    var event: String
    var text: String?
  }

  let durability: Durability
  let log: CallLog
  /// All changes, the first at 0.
  private let changes: [Change]
  /// Versions of the current memories after each change, before any at 0.
  private let states: [[UUID: Int]]
  /// Changes that came in one commit with the one before.
  private let joined: Set<Int64>
  /// Of each record of the log: the change that must survive a power loss before it.
  private let promises: [Int]
  /// Whether a process was killed: what it was writing then may be in what a crash leaves, and in
  /// the run have given way to what others wrote.
  private let isKilled: Bool

  /// Runs a script on the store in `directory`, which may be there already.
  ///
  /// - Parameters:
  ///   - processes: all run the script at once, each with a seed of its own.
  ///   - kill: the call on a file at which the last of them is killed.
  init(
    _ directory: URL, _ durability: Durability, seed: Int, lives: Int, steps: Int,
    processes: Int = 1, kill: Int? = nil
  ) async throws {
    self.durability = durability
    let logFile = directory.deletingLastPathComponent().file("calls-\(UUID().uuidString)")
    defer { try? logFile.remove() }
    let children = try (0..<processes).map { number in
      var environment = [
        "ENGRAM_FAULTS_PATH": directory.path, "ENGRAM_FAULTS_LOG": logFile.path,
      ]
      if number == processes - 1, let kill {
        environment["ENGRAM_FAULT"] = "file \(kill) KILL once"
      }
      return try Child(
        store: directory.file("store"), durability: durability, writers: seed + number,
        work: "script-\(lives)-\(steps)", environment: environment)
    }
    var isKilled = false
    for (number, child) in children.enumerated() {
      let lines = child.end()
      let wasKilled =
        kill != nil && number == processes - 1 && child.failure == "signal \(SIGKILL)"
      isKilled = isKilled || wasKilled
      guard wasKilled || child.failure == nil && lines.last == "done",
        !lines.contains(where: { $0.hasPrefix("!") })
      else { throw Failure(description: "the recorded process failed: \(lines)") }
    }
    self.isKilled = isKilled
    log = try CallLog(logFile)

    let store = try openStore(directory.file("store"), script: durability)
    changes = try Self.changes(of: store)
    joined = try Self.joined(of: store)
    try await store.close()
    var states: [[UUID: Int]] = [[:]]
    for change in changes {
      var state = states[states.count - 1]
      state.apply(change)
      states.append(state)
    }
    self.states = states
    promises = Self.promises(log, durability, changes)
  }

  struct Failure: Error, CustomStringConvertible { let description: String }

  var count: Int { changes.count }

  /// The change that must survive a power loss before a record of the log.
  func promise(before record: Int) -> Int { promises[record] }

  /// What the history says; what it says no more of memories that were erased follows from their events.
  private static func changes(of store: Store) throws -> [Change] {
    var versions: [UUID: Int] = [:]
    return try store.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT h.sequence, h.memory_id, h.event, p.new_memory, EXISTS (
            SELECT 1 FROM history e WHERE e.memory_id = h.memory_id AND e.event = 'ERASE')
          FROM history h LEFT JOIN history_payload p USING (sequence) ORDER BY h.sequence
          """
      ).enumerated().map { position, row in
        guard row[0] == position + 1, let memory = UUID(bytes: row[1] as Data) else {
          throw Failure(description: "change \(position + 1) is missing")
        }
        let (event, said, isErased): (String, String?, Bool) = (row[2], row[3], row[4])
        versions[memory] = versions[memory].map { $0 + 1 } ?? 0
        let isGone = event == "DELETE" || event == "ERASE"
        let isAfter = said == "after"
        let text = isGone ? nil : isAfter ? "after" : Ledger.text(memory, versions[memory] ?? 0)
        guard said == (isErased ? nil : text) else {
          throw Failure(description: "change \(position + 1) says \(row)")
        }
        return Change(memory: memory, event: event, text: text)
      }
    }
  }

  /// Changes with a vector whose slot says that their group began before them.
  private static func joined(of store: Store) throws -> Set<Int64> {
    let slots = try store.read { try Int.fetchAll($0, sql: "SELECT slot FROM vector") }
    return Set(
      try slots.compactMap { slot in
        guard let (header, _) = try store.core.index.pages.readSlot(slot) else { return nil }
        return header.group < header.change ? header.change : nil
      })
  }

  /// With full durability what was acknowledged survives, at the others what a process was told
  /// before it closed the store.
  private static func promises(
    _ log: CallLog, _ durability: Durability, _ changes: [Change]
  ) -> [Int] {
    var numbers: [String: Int] = [:]
    for (position, change) in changes.enumerated() {
      numbers[change.text ?? "deleted \(change.memory)"] = position + 1
    }
    var acknowledged: [UInt64: Int] = [:]
    var promised = 0
    var promises: [Int] = []
    for record in log.records {
      promises.append(promised)
      guard record.kind == .answer else { continue }
      for line in log.text(record).split(separator: "\n") {
        let parts = line.split(separator: " ")
        if parts.count > 1, let id = UUID(uuidString: String(parts[1])), parts[0] != "?" {
          let version = parts.count > 2 ? Int(parts[2]) : nil
          let what = version.map { Ledger.text(id, $0) } ?? "deleted \(id)"
          acknowledged[record.process, default: 0] = max(
            acknowledged[record.process, default: 0], numbers[what] ?? Int.max)
        }
        if durability == .full || line == "closed" {
          promised = max(promised, acknowledged[record.process, default: 0])
        }
      }
    }
    return promises + [promised]
  }

  // MARK: What is left of it

  /// What is wrong with the store in a directory after a crash: it must hold what it held after one
  /// of its commits, at or after the promised change, and go on from there. What opening it throws
  /// is thrown.
  func problems(of directory: URL, promised: Int) async throws -> [String] {
    let id = UUID()
    let vector = [Float](repeating: 1_000, count: 16)
    return try await Self.withStore(directory, durability) { store in
      // An erasure that was interrupted is gone on with.
      try await store.erase([])
      var problems = try await store.verify().problems
      let found = try Self.changes(of: store)
      let known = zip(changes, found).prefix { $0 == $1 }.count
      if known < found.count && !isKilled { return problems + ["another history: \(found)"] }
      if known < promised { problems.append("\(known) changes of \(promised)") }
      if joined.contains(Int64(known + 1)) { problems.append("half a commit") }
      let state = found[known...].reduce(into: states[known]) { $0.apply($1) }
      problems += try Self.problems(of: store, holding: state)
      try await store.insert(
        NewMemory(id: id, text: "after", vector: vector, scope: Scope(user: "after")))
      // SQLite opens a log that has no whole frame with what its heap held in the index of the log, which
      // the next commit overwrites: here that may be the same texts, of the image before.
      let erased = found.filter { $0.event == "ERASE" }.map(\.memory)
      return try problems + Self.texts(of: erased, in: directory)
    } + Self.withStore(directory, durability) { store in
      var problems = try await store.verify().problems
      if try store.search(vector, k: 1).first?.memory.id != id {
        problems.append("a new memory is not found")
      }
      let state = try Self.changes(of: store).reduce(into: [:]) { $0.apply($1) }
      if try Set(store.list(limit: 1_000).memories.map(\.id)) != Set(state.keys) {
        problems.append("memories went or came with the new one")
      }
      return problems
    }
  }

  /// Files that have texts of some memories.
  private static func texts(of memories: [UUID], in directory: URL) throws -> [String] {
    guard !memories.isEmpty else { return [] }
    let ids = Set(memories.map { Array($0.uuidString.utf8) })
    let head = Array("memory ".utf8)
    return try directory.sizes().keys.filter { name in
      let bytes = [UInt8](try Data(contentsOf: directory.file(name)))
      return bytes.indices.contains { index in
        bytes[index] == head[0] && bytes[index...].starts(with: head)
          && ids.contains(Array(bytes[index...].dropFirst(head.count).prefix(36)))
      }
    }.map { "\($0) has texts that were erased" }
  }

  /// Opens a store and closes it again whatever happens: one that is forgotten closes later, when
  /// another image may lie in its place.
  private static func withStore(
    _ directory: URL, _ durability: Durability, _ body: (Store) async throws -> [String]
  ) async throws -> [String] {
    let store = try openStore(directory, script: durability)
    let problems: [String]
    do { problems = try await body(store) } catch {
      try? await store.close()
      throw error
    }
    try await store.close()
    return problems
  }

  private static func problems(of store: Store, holding state: [UUID: Int]) throws -> [String] {
    var problems: [String] = []
    let memories = try store.list(limit: 1_000).memories
    if Set(memories.map(\.id)) != Set(state.keys) || memories.count != state.count {
      problems.append("other memories than its history says")
    }
    for memory in memories {
      let vector = try store.vector(of: memory.id)
      if !Ledger.isWhole(memory, vector: vector) || Ledger.version(of: memory) != state[memory.id] {
        problems.append("\(memory) is not version \(state[memory.id] ?? -1)")
      }
      let found = try store.search(Ledger.vector(of: memory), k: 1, scope: memory.scope).first
      if found?.memory != memory || found?.score != 0 {
        problems.append("\(memory.id) is not found: \(String(describing: found))")
      }
    }
    return problems
  }
}

extension [UUID: Int] {
  fileprivate mutating func apply(_ change: RecordedRun.Change) {
    self[change.memory] = change.text.map { text in
      text.split(separator: " ").last.flatMap { Int($0) } ?? -1
    }
  }
}

/// A store of the child's scripts.
func openStore(_ directory: URL, script durability: Durability) throws -> Store {
  try openStore(
    directory, dimension: 16, metric: .squaredL2, durability: durability, model: "unnamed")
}
