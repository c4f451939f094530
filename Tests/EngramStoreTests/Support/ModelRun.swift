import EngramIndex
import EngramStore
import Foundation

/// Random operations on a store and on a dictionary, which must agree after each of them.
struct ModelRun {
  struct Disagreement: Error, CustomStringConvertible {
    var description: String
  }

  let directory: URL
  let metric: Metric
  let durability: Durability
  private var generator: Generator
  private var model: StoreModel
  private var store: Store
  /// Memories that are no more, with their scope; nil where that was erased, too.
  private var deleted: [UUID: Scope?] = [:]
  private let dimension = 6

  init(_ directory: URL, metric: Metric, durability: Durability, seed: UInt64) throws {
    self.directory = directory
    self.metric = metric
    self.durability = durability
    generator = Generator(seed: seed)
    model = StoreModel(metric: metric)
    store = try openStore(
      directory, dimension: dimension, metric: metric, durability: durability)
  }

  mutating func run(steps: Int) async throws {
    for step in 1...steps {
      do { try await self.step() } catch {
        throw Disagreement(description: "step \(step): \(error)")
      }
    }
    try await reopen()
    try await store.close()
  }

  private mutating func step() async throws {
    switch Int.random(in: 0..<100, using: &generator) {
    case ..<24: try await insert(1)
    case ..<30: try await insert(Int.random(in: 2...12, using: &generator))
    case ..<32: try await insertRefused()
    case ..<46: try await update()
    case ..<52: try await delete()
    case ..<60: try get()
    case ..<68: try list()
    case ..<90: try search()
    case ..<95: try history()
    case ..<96: try await store.snapshot()
    case ..<97: try await verify()
    case ..<98: try await compact()
    case ..<99: try await erase()
    default: try await reopen()
    }
  }

  // MARK: Operations

  private mutating func insert(_ count: Int) async throws {
    var memories = (0..<count).map { _ in memory() }
    // One that was deleted may come back.
    if generator.oneIn(6), let id = randomDeleted(), let scope = deleted.removeValue(forKey: id) {
      memories[0].id = id
      if let scope { memories[0].scope = scope }
    }
    let begin = Date()
    let ids = try await store.insert(memories)
    model.insert(memories, ids: ids, time: begin...Date())
    try agree(zip(ids, memories).allSatisfy { $1.id == nil || $1.id == $0 }, "ids of insert")
    for id in ids { try check(id) }
  }

  /// All or nothing: one of several has an id that exists.
  private mutating func insertRefused() async throws {
    var memories = [memory(), memory(), memory()]
    let place = Int.random(in: 0..<3, using: &generator)
    if generator.oneIn(2), let id = randomDeleted(), let scope = deleted[id] ?? nil {
      memories[place].id = id
      memories[place].scope = Scope(user: scope.user, agent: scope.agent, run: "another")
    } else {
      guard let id = randomID() else { return }
      memories[place].id = id
    }
    let kind = await refusal { [store, memories] in try await store.insert(memories) }
    try agree(kind == "duplicateID", "insert of an existing id: \(kind ?? "accepted")")
    try agree(try store.statistics().changes == model.changes, "a refused insert left something")
  }

  private mutating func update() async throws {
    guard let id = randomID() else { return }
    var update = MemoryUpdate()
    let parts = Int.random(in: 1...63, using: &generator)
    if parts & 1 != 0 { update.text = text() }
    if parts & 2 != 0 { update.vector = vector() }
    if parts & 4 != 0 { update.metadata = try metadata() }
    if parts & 8 != 0 { update.categories = generator.oneIn(2) ? [] : ["b", "a, \"b\"", "\u{E9}"] }
    if parts & 16 != 0 {
      update.importance = generator.oneIn(3) ? .clear : .set(.random(in: 0...1, using: &generator))
    }
    if parts & 32 != 0 {
      let times: [ClosedRange<Int64>?] = [
        nil, 1_000_000_000...1_700_000_000, 4_000_000_000...4_200_000_000,
      ]
      update.expiresAt = FieldUpdate((times.randomElement(using: &generator) ?? nil).map { date($0) })
    }
    let begin = Date()
    try await store.update(id, update)
    model.update(id, update, time: begin...Date())
    try check(id)
  }

  private mutating func delete() async throws {
    var ids: [UUID] = []
    for _ in 0..<(generator.oneIn(3) ? 4 : 1) {
      if let id = randomID() { ids.append(id) }
    }
    try await store.delete(ids)
    let scopes = ids.map { model.current[$0]?.memory.scope }
    model.delete(ids)
    for (id, scope) in zip(ids, scopes) {
      deleted[id] = .some(scope)
      try agree(await refusal { _ = try store.get(id) } == "unknownMemory", "\(id) is still there")
    }
  }

  private mutating func get() throws {
    if let id = randomID() { try check(id) }
  }

  private func check(_ id: UUID) throws {
    if let problem = model.problem(with: try store.get(id)) {
      throw Disagreement(description: problem)
    }
  }

  private mutating func list() throws {
    let scope = scope(searched: true)
    let includeExpired = generator.oneIn(2)
    let limit = Int.random(in: 1...40, using: &generator)
    var listed: [UUID] = []
    var cursor: String?
    repeat {
      let page = try store.list(
        scope: scope, after: cursor, limit: limit, includeExpired: includeExpired)
      try agree(page.memories.count == limit || page.next == nil, "a short page with a cursor")
      for memory in page.memories {
        if let problem = model.problem(with: memory) { throw Disagreement(description: problem) }
        listed.append(memory.id)
      }
      cursor = page.next
    } while cursor != nil
    try agree(listed == model.listed(scope, includeExpired: includeExpired), "list of \(scope)")
  }

  private mutating func search() throws {
    let query = vector()
    let scope = scope(searched: true)
    let k = generator.oneIn(5) ? 10_000 : Int.random(in: 1...20, using: &generator)
    let (filter, passes) = try self.filter()
    let results = try store.search(query, k: k, scope: scope, filter: filter)
    let problem = model.problem(with: results, query: query, k: k, scope: scope, passing: passes)
    if let problem {
      throw Disagreement(
        description: "search k \(k) in \(scope), \(filter.map { "\($0)" } ?? "-"): \(problem)")
    }
  }

  private mutating func history() throws {
    guard let id = model.history.keys.sorted(by: { $0.uuidString < $1.uuidString })
      .randomElement(using: &generator)
    else { return }
    if let problem = model.problem(with: try store.history(of: id), of: id) {
      throw Disagreement(description: problem)
    }
  }

  private mutating func compact() async throws {
    let isCutting = generator.oneIn(2)
    try await store.compact(before: isCutting ? Date() : nil)
    let problems = try model.problems(with: store)
    try agree(problems.isEmpty, "after compaction: \(problems)")
    try await verify()
  }

  private mutating func erase() async throws {
    let living = model.current.mapValues(\.memory.scope)
    let past = deleted.compactMapValues(\.self).merging(living) { $1 }
    var ids: [UUID] = []
    if generator.oneIn(2) {
      let user = ["anna", "Zo\u{EB}"].randomElement(using: &generator) ?? ""
      ids = try await store.erase(scope: Scope(user: user), by: "model").memories
      let expected = past.filter { $0.value.lies(in: Scope(user: user)) }.map(\.key)
      try agree(Set(ids) == Set(expected), "erase of \(user): \(ids), not \(expected)")
    } else if let id = past.keys.sorted(by: { $0.uuidString < $1.uuidString })
      .randomElement(using: &generator)
    {
      ids = try await store.erase([id, id]).memories
      try agree(ids == [id], "erase of \(id) erased \(ids)")
      try agree(try await store.erase([id]).memories.isEmpty, "\(id) was erased twice")
    }
    let order = try ids.map { (id: $0, change: try store.history(of: $0).last?.sequence ?? 0) }
    model.erase(order.sorted { $0.change < $1.change }.map(\.id))
    for id in ids { deleted[id] = .some(nil) }
    let problems = try model.problems(with: store)
    try agree(problems.isEmpty, "after an erasure: \(problems)")
    try await verify()
  }

  private func verify() async throws {
    let report = try await store.verify()
    try agree(report.problems.isEmpty, "verify: \(report.problems)")
    try agree(report.memories == model.current.count, "verify counts \(report.memories) memories")
    try agree(report.head.sequence == model.changes, "verify counts \(report.head.sequence) changes")
  }

  /// Closes and opens, at times without what is derived, and compares everything.
  private mutating func reopen() async throws {
    try await store.close()
    var origin = IndexOrigin.snapshot
    if generator.oneIn(2) {
      try directory.snapshot.remove()
      origin = .rebuilt(because: "there was no snapshot")
    }
    store = try openStore(directory, dimension: dimension, metric: metric, durability: durability)
    let found = try store.statistics().indexOrigin
    try agree(found == origin || found == .empty, "the index is \(found), not \(origin)")
    let problems = try model.problems(with: store)
    try agree(problems.isEmpty, "after opening: \(problems)")
    try await verify()
  }

  private func agree(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    guard holds else { throw Disagreement(description: what()) }
  }

  // MARK: Random values

  private mutating func randomDeleted() -> UUID? {
    deleted.keys.sorted { $0.uuidString < $1.uuidString }.randomElement(using: &generator)
  }

  private mutating func randomID() -> UUID? {
    model.current.keys.sorted { $0.uuidString < $1.uuidString }.randomElement(using: &generator)
  }

  private mutating func memory() -> NewMemory {
    var memory = NewMemory(
      id: generator.oneIn(2) ? uuid() : nil, text: text(), vector: vector(),
      scope: scope(searched: false))
    if let metadata = try? metadata() { memory.metadata = metadata }
    if generator.oneIn(3) { memory.categories = ["work", "ünïcode \"quoted\"", "a,b"] }
    if generator.oneIn(3) { memory.role = "assistant" }
    if generator.oneIn(3) { memory.actor = "actor \(generator.next() % 5)" }
    if generator.oneIn(3) { memory.importance = Double.random(in: 0...1, using: &generator) }
    if generator.oneIn(3) { memory.createdAt = date(1_000_000_000...1_700_000_000) }
    if generator.oneIn(8) { memory.expiresAt = date(1_000_000_000...1_700_000_000) }
    if generator.oneIn(8) { memory.expiresAt = date(4_000_000_000...4_200_000_000) }
    if generator.oneIn(4) { memory.validFrom = date(1_000_000_000...1_500_000_000) }
    if generator.oneIn(4) { memory.validTo = date(1_500_000_001...2_000_000_000) }
    return memory
  }

  private mutating func uuid() -> UUID {
    let (high, low) = (generator.next(), generator.next())
    return withUnsafeBytes(of: (high, low)) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }

  private mutating func text() -> String {
    let texts = [
      "likes tea", "wohnt in Zürich", "雨の日が好き", "🙂🙃", "e\u{301}", "it's \"so\"\n",
    ]
    return "\(texts.randomElement(using: &generator) ?? "") \(generator.next() % 1_000)"
  }

  /// Some are there twice and more, so that scores tie.
  private mutating func vector() -> [Float] {
    if generator.oneIn(10) {
      return (0..<dimension).map { $0 == Int(generator.next() % 3) ? 1 : 0.5 }
    }
    let scale = Float.random(in: 0.1...10, using: &generator)
    return generator.vector(dimension).map { $0 * scale }
  }

  /// Two of the users differ in bytes only.
  private mutating func scope(searched: Bool) -> Scope {
    let users = ["anna", "ben", "Zo\u{EB}", "Zoe\u{308}", nil, nil]
    let others = ["x", "y", nil, nil]
    if searched, generator.oneIn(20) { return Scope(user: "nobody") }
    return Scope(
      user: users.randomElement(using: &generator) ?? nil,
      agent: others.randomElement(using: &generator) ?? nil,
      run: others.randomElement(using: &generator) ?? nil)
  }

  private mutating func metadata() throws -> Metadata {
    if generator.oneIn(6) { return .empty }
    return try Metadata([
      "kind": .string(["a", "b", "c"].randomElement(using: &generator) ?? ""),
      "n": .int(Int64.random(in: 0..<10, using: &generator)),
    ])
  }

  /// A filter, and the same condition in other words.
  private mutating func filter() throws -> (Filter?, (Metadata) -> Bool) {
    func kind(_ metadata: Metadata) -> JSONValue? { metadata["kind"] }
    func number(_ metadata: Metadata) -> Int64? {
      if case .int(let number)? = metadata["n"] { number } else { nil }
    }
    let bound = Int64.random(in: 0..<10, using: &generator)
    switch Int.random(in: 0..<8, using: &generator) {
    case 0:
      return (try Filter(parsing: #"{"kind": "a"}"#), { kind($0) == "a" })
    case 1:
      return (
        try Filter(parsing: #"{"n": {"gte": \#(bound)}}"#),
        { number($0).map { $0 >= bound } ?? false }
      )
    case 2:
      return (
        try Filter(parsing: #"{"OR": [{"kind": {"in": ["b", "c"]}}, {"n": \#(bound)}]}"#),
        { ["b", "c"].contains(kind($0)) || number($0) == bound }
      )
    case 3:
      return (try Filter(parsing: #"{"NOT": [{"kind": "*"}]}"#), { kind($0) == nil })
    default:
      return (nil, { _ in true })
    }
  }

  private mutating func date(_ seconds: ClosedRange<Int64>) -> Date {
    let microseconds =
      Int64.random(in: seconds, using: &generator) * 1_000_000
      + Int64.random(in: 0..<1_000_000, using: &generator)
    return Date(timeIntervalSince1970: Double(microseconds) / 1e6)
  }
}
