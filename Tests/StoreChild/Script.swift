import EngramStore
import Foundation
import StoreClients

/// Random requests to a store over a few lives of it, for tests that record what it does on disk or
/// let that fail. What fails with a typed error is reported and the work goes on; a store that
/// takes no more writes is opened again. What is read must be right, whatever fails.
struct Script {
  private enum Request: Sendable {
    case insert([UUID], keyed: Bool)
    /// The insert of a memory that came with a key, once more.
    case again(UUID)
    case update(UUID, Version)
    case delete(UUID, Version)
    case erase(UUID, Version)
    case read(UUID)
    case snapshot
    case compact(cutting: Bool)
  }

  private enum Outcome: Sendable {
    case done, refused
    /// The store takes no more writes; of this one it is known that it did not take place, or not.
    case stopped, unknown

    init(_ error: StoreError) {
      self =
        switch error {
        case .commitOutcomeUnknown: .unknown
        case .readOnly: .stopped
        default: .refused
        }
    }
  }

  private struct Version: Sendable {
    var text = 0
    /// The version that its vector came with.
    var vector = 0
  }

  private let path: String
  private let configuration: StoreConfiguration
  private var numbers: SplitMix64
  private var memories: [UUID: Version] = [:]
  /// Memories that came with a key, and such of whose insert it is not known whether it took place.
  private var keyed: [UUID] = []
  /// Memories that never had a key: with another one its key would be free again.
  private var keyless: Set<UUID> = []
  private var lost: [UUID] = []

  init(path: String, configuration: StoreConfiguration, seed: UInt64) {
    self.path = path
    self.configuration = configuration
    numbers = SplitMix64(seed: seed)
  }

  mutating func run(lives: Int, steps: Int) async {
    // Whoever waits for ever is ended.
    alarm(120)
    for _ in 0..<lives {
      var store = open()
      for _ in 0..<steps {
        guard let open = store else { return }
        if await takesWrites(afterStep: open) { continue }
        await close(open)
        store = self.open()
      }
      if let store { await close(store) }
    }
  }

  /// Some failures come once: the next attempt may succeed.
  private func open() -> Store? {
    for _ in 0..<4 {
      do throws(StoreError) {
        let store = try Store(path: path, configuration: configuration)
        report("open")
        return store
      } catch { report("! open: \(error)") }
    }
    return nil
  }

  private func close(_ store: Store) async {
    do throws(StoreError) {
      try await store.close()
      report("closed")
    } catch { report("! close: \(error)") }
  }

  /// One request or a few at once; whether the store goes on afterwards.
  private mutating func takesWrites(afterStep store: Store) async -> Bool {
    var requests: [Request] = []
    var free = memories.keys.sorted { $0.uuidString < $1.uuidString }
    for _ in 0..<(random(3) == 0 ? 4 : 1) { requests.append(request(&free)) }
    let outcomes = await withTaskGroup(of: (Request, Outcome).self) { group in
      for request in requests {
        group.addTask { (request, await Self.perform(request, store)) }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    for (request, outcome) in outcomes { note(request, outcome) }
    return outcomes.allSatisfy { $0.1 == .done || $0.1 == .refused }
  }

  /// - Parameter free: memories that no other request of this step concerns.
  private mutating func request(_ free: inout [UUID]) -> Request {
    let kind = random(16)
    if kind == 15 {
      return random(3) == 0 ? .compact(cutting: random(2) == 0) : .snapshot
    }
    if kind == 14, let id = lost.popLast() { return .insert([id], keyed: true) }
    if kind == 14, let id = keyed.popLast() { return .again(id) }
    if kind >= 7, !free.isEmpty {
      let id = free.remove(at: random(free.count))
      guard var version = memories[id] else { return .snapshot }
      if kind >= 13 { return .read(id) }
      if kind == 12, keyless.contains(id), random(3) == 0 { return .erase(id, version) }
      if kind >= 11 { return .delete(id, version) }
      version.text += 1
      if kind >= 8 { version.vector = version.text }
      return .update(id, version)
    }
    if kind == 6 { return .insert([newID()], keyed: true) }
    return .insert((0..<(kind < 2 ? 5 : 1)).map { _ in newID() }, keyed: false)
  }

  private static func perform(_ request: Request, _ store: Store) async -> Outcome {
    do throws(StoreError) {
      switch request {
      case .insert(let ids, let keyed):
        var memories: [NewMemory] = []
        for id in ids { memories.append(try memory(id, keyed: keyed)) }
        let inserted = try await store.insert(memories)
        precondition(inserted == ids)
        report(ids.map { "+ \($0.uuidString) 0" }.joined(separator: "\n"))
      case .again(let id):
        var memory = try memory(id, keyed: true)
        memory.id = nil
        let known = try await store.insert(memory)
        precondition(known == id)
      case .update(let id, let version):
        try await store.update(
          id,
          MemoryUpdate(
            text: text(id, version.text),
            vector: version.vector == version.text ? vector(id, version.vector) : nil,
            metadata: metadata(version.text, vector: version.vector)))
        report("= \(id.uuidString) \(version.text)")
      case .delete(let id, _):
        report("? \(id.uuidString)")
        try await store.delete(id)
        report("- \(id.uuidString)")
      case .erase(let id, _):
        report("? \(id.uuidString)")
        try await store.erase([id])
        report("- \(id.uuidString)")
      case .read(let id):
        do throws(StoreError) { try read(id, store) } catch {
          report("! \(error)")
          // What fails once is served the next time.
          do throws(StoreError) { try read(id, store) } catch { report("! again: \(error)") }
        }
      case .snapshot: try await store.snapshot()
      case .compact(let isCutting): try await store.compact(before: isCutting ? Date() : nil)
      }
      return .done
    } catch {
      report("! \(error)")
      return Outcome(error)
    }
  }

  private static func memory(_ id: UUID, keyed: Bool) throws(StoreError) -> NewMemory {
    NewMemory(
      id: id, key: keyed ? id.uuidString : nil, text: text(id, 0), vector: vector(id, 0),
      scope: scope(of: id), metadata: try metadata(0))
  }

  private static func scope(of id: UUID) -> Scope { Scope(user: "user \(id.uuid.0 % 3)") }

  /// Reads a memory in every way; whatever comes must be as it was written.
  private static func read(_ id: UUID, _ store: Store) throws(StoreError) {
    let memory = try store.get(id)
    precondition(memory.id == id && isWhole(memory))
    let vector = try store.vector(of: id)
    let filter: Filter
    do throws(FilterError) { filter = try Filter(parsing: #"{"version": "*"}"#) } catch {
      throw .filter(error)
    }
    for found in [
      try store.search(vector, k: 1, scope: scope(of: id)),
      try store.search(vector, k: 1, filter: filter),
    ] {
      precondition(found.count == 1 && found[0].memory == memory && found[0].score == 0)
    }
    let (found, listed) = (try store.search(vector, k: 100), try store.list(limit: 1_000).memories)
    precondition(found.allSatisfy { isWhole($0.memory) } && listed.allSatisfy(isWhole))
    let last = try store.history(of: id).last
    precondition(last?.newMemory == memory.text)
  }

  private static func isWhole(_ memory: Memory) -> Bool {
    guard case .int(let version)? = memory.metadata["version"] else { return false }
    return memory.text == text(memory.id, Int(version))
  }

  private mutating func note(_ request: Request, _ outcome: Outcome) {
    switch (request, outcome) {
    case (.insert(let ids, let isKeyed), .done):
      for id in ids { memories[id] = Version() }
      if isKeyed { keyed += ids } else { keyless.formUnion(ids) }
    case (.update(let id, let version), .done): memories[id] = version
    case (.delete(let id, _), .done), (.erase(let id, _), .done): memories[id] = nil
    case (.insert(let ids, let isKeyed), .unknown):
      if isKeyed { lost += ids }
      for id in ids { report("~ \(id.uuidString)") }
    case (.update(let id, _), .unknown), (.delete(let id, _), .unknown), (.erase(let id, _), _):
      memories[id] = nil
      report("~ \(id.uuidString)")
    case (.delete(let id, let version), .refused), (.delete(let id, let version), .stopped):
      report("= \(id.uuidString) \(version.text)")
    default: break
    }
  }

  // MARK: Numbers

  private mutating func newID() -> UUID {
    let (high, low) = (numbers.next(), numbers.next())
    return withUnsafeBytes(of: (high, low)) { UUID(uuid: $0.load(as: uuid_t.self)) }
  }

  private mutating func random(_ count: Int) -> Int { Int(numbers.next() % UInt64(count)) }
}
