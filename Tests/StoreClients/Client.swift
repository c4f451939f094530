import EngramIndex
import EngramStore
import Foundation

/// Makes random calls on a store, one after the other, beside others that do the same.
public struct Client: Sendable {
  /// Memories that all clients share.
  public static let memories = 6
  public static let users = 2
  /// The most clients that one store may ever have had.
  private static let clients = 999
  /// Inserts with a key write these two versions, so that the same one comes often.
  public static let versionsOfKeys = 1...2

  public static let configuration = StoreConfiguration(
    dimension: 4, metric: .squaredL2, indexingThreads: 2)

  private let number: Int
  private let store: Store
  private var numbers: SplitMix64
  private var calls = 0

  /// - Parameter number: another for each client that a store ever has, below 999.
  public init(_ number: Int, of store: Store, seed: UInt64) {
    self.number = number
    self.store = store
    numbers = SplitMix64(seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// - Parameters:
  ///   - begun: told each call before it is made.
  ///   - ended: told it with its answer.
  public mutating func run(
    while goesOn: (_ calls: Int) -> Bool, begun: (Call) -> Void = { _ in },
    ended: (Call) -> Void
  ) async {
    while goesOn(calls) {
      calls += 1
      let (request, cancels) = (request(), random(20) == 0)
      var call = Call(client: number, request, from: Call.now, to: .max, nil)
      begun(call)
      call.answer = await answer(to: request, cancelled: cancels)
      call.end = Call.now
      ended(call)
    }
  }

  // MARK: Requests

  private mutating func request() -> Call.Request {
    let memory = random(Self.memories)
    // Others, in a row that begins there.
    let several = (0..<2 + random(2)).map { (memory + $0) % Self.memories }
    let written = Call.Written(memory, Self.versionsOfKeys.upperBound + calls * Self.clients + number)
    let user = random(2) == 0 ? random(Self.users) : nil
    switch random(100) {
    case ..<12: return .insert([written])
    case ..<20: return .insert(several.map { Call.Written($0, written.version) })
    case ..<28:
      return .insertOnce(Call.Written(memory, random(4) == 0 ? 2 : 1))
    case ..<40: return .update(written, vector: true)
    case ..<46: return .update(written, vector: false)
    case ..<55: return .delete([memory])
    case ..<60: return .delete(several)
    case ..<70: return .get(memory)
    case ..<75: return .vector(memory)
    case ..<84: return .list(user: user)
    default: return .search(user: user, even: random(3) == 0)
    }
  }

  /// - Returns: nil where the store could not tell.
  private func answer(to request: Call.Request, cancelled: Bool) async -> Call.Answer? {
    let task = Task { await Self.answer(to: request, store) }
    if cancelled { task.cancel() }
    return await task.value
  }

  /// - Returns: nil where the store could not tell.
  public static func answer(to request: Call.Request, _ store: Store) async -> Call.Answer? {
    do throws(StoreError) {
      switch request {
      case .insert(let written):
        try await store.insert(try written.map { one throws(StoreError) in try memory(one) })
      case .insertOnce(let written):
        var memory = try memory(written)
        memory.key = "memory \(written.memory)"
        let found = try await store.insert(memory)
        guard found == id(of: written.memory) else { return .wrong("the key is of \(found)") }
      case .update(let written, let hasVector):
        let memory = try memory(written)
        // What is not told anew stays what it was.
        var update = MemoryUpdate(text: memory.text)
        if hasVector { (update.vector, update.metadata) = (memory.vector, memory.metadata) }
        try await store.update(id(of: written.memory), update)
      case .delete(let memories): try await store.delete(memories.map(id))
      case .get(let memory): return .memory(try read(try store.get(id(of: memory))))
      case .vector(let memory): return .vector(version(try store.vector(of: id(of: memory))))
      case .list(let user):
        return .memories(try read(try store.list(scope: scope(of: user)).memories))
      case .search(let user, let even): return try search(store, user: user, even: even)
      }
      return .done
    } catch {
      switch (error, request) {
      case (.unknownMemory, .get): return .memory(nil)
      case (.unknownMemory, .vector): return .vector(nil)
      case (.unknownMemory, _): return .unknownMemory
      case (.duplicateID, _): return .duplicateID
      case (.conflictingKey, _): return .conflictingKey
      case (.cancelled, _): return .cancelled
      case (.commitOutcomeUnknown, _): return nil
      default: return .wrong("\(error)")
      }
    }
  }

  private static func search(
    _ store: Store, user: Int?, even: Bool
  ) throws(StoreError) -> Call.Answer {
    let filter: Filter?
    do throws(FilterError) {
      filter = try even ? Filter(parsing: #"{"even": true}"#) : nil
    } catch { throw .filter(error) }
    let query: [Float] = [1, 0, 0, 0]
    let found = try store.search(query, k: 100, scope: scope(of: user), filter: filter)
    let memories = try read(found.map(\.memory))
    guard Set(memories.map(\.memory)).count == memories.count else {
      return .wrong("a memory twice")
    }
    for (memory, result) in zip(memories, found) {
      let vector = vector(Call.Written(memory.memory, memory.vector))
      let distance = zip(query, vector).reduce(into: 0) { $0 += ($1.0 - $1.1) * ($1.0 - $1.1) }
      guard abs(result.score - distance) <= 1e-5 * distance else {
        return .wrong("score \(result.score) of \(memory)")
      }
      if even, memory.vector % 2 != 0 { return .wrong("\(memory) does not pass the filter") }
    }
    return .memories(memories)
  }

  // MARK: Memories

  public static func user(of memory: Int) -> Int { memory % users }

  private static func scope(of user: Int?) -> Scope { Scope(user: user.map { "user \($0)" }) }

  private static func id(of memory: Int) -> UUID {
    UUID(uuid: (0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, UInt8(memory)))
  }

  /// All but the text is of the version that the vector is of.
  private static func memory(_ written: Call.Written) throws(StoreError) -> NewMemory {
    NewMemory(
      id: id(of: written.memory), text: "memory \(written.memory) version \(written.version)",
      vector: vector(written), scope: scope(of: user(of: written.memory)),
      metadata: try Metadata([
        "version": .int(Int64(written.version)), "even": .bool(written.version % 2 == 0),
      ]))
  }

  /// Tells the memory and the version, in numbers that are small enough to be exact.
  private static func vector(_ written: Call.Written) -> [Float] {
    [Float(written.memory), Float(written.version / 4_096), Float(written.version % 4_096), 0]
  }

  private static func version(_ vector: [Float]) -> Int { Int(vector[1]) * 4_096 + Int(vector[2]) }

  private static func read(_ memory: Memory) throws(StoreError) -> Call.Read {
    let words = memory.text.split(separator: " ")
    guard words.count == 4, let number = Int(words[1]), let version = Int(words[3]),
      case .int(let vector)? = memory.metadata["version"], memory.id == id(of: number),
      memory.scope == scope(of: user(of: number))
    else { throw .invalid(field: "memory", reason: "\(memory) was never written") }
    return Call.Read(number, version, vector: Int(vector))
  }

  private static func read(_ memories: [Memory]) throws(StoreError) -> [Call.Read] {
    try memories.map { memory throws(StoreError) in try read(memory) }
  }

  // MARK: Numbers

  private mutating func random(_ count: Int) -> Int { Int(numbers.next() % UInt64(count)) }
}
