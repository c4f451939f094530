import EngramStore
import Foundation
import Testing

/// What is refused is refused with a typed error, leaves nothing behind, and the store goes on.
@Suite struct BadInputTests {
  /// A store with one memory, and what should be refused; nothing may change.
  private func expectRefused(
    _ expected: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (Store, UUID) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let id = try await store.insert(memory("one"))
      let kind = await refusal { try await body(store, id) }
      #expect(kind == expected, sourceLocation: sourceLocation)
      #expect(try store.statistics().changes == 1, sourceLocation: sourceLocation)
      let report = try await store.verify()
      #expect(report.isSound, sourceLocation: sourceLocation)
      try await store.insert(memory("two"))
      #expect(try store.search(vector, k: 5).count == 2, sourceLocation: sourceLocation)
      try await store.close()
    }
  }

  private let vector: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
  private func memory(_ text: String) -> NewMemory {
    NewMemory(text: text, vector: vector, scope: Scope(user: "anna"))
  }

  // MARK: Vectors

  @Test(arguments: [
    ([], "index dimensionMismatch"),
    ([1, 2, 3], "index dimensionMismatch"),
    ([1, 2, 3, 4, 5, 6, 7, 8, 9], "index dimensionMismatch"),
    ([1, 2, 3, .nan, 5, 6, 7, 8], "index notFinite"),
    ([1, 2, 3, 4, 5, 6, 7, .infinity], "index notFinite"),
    ([-.infinity, 2, 3, 4, 5, 6, 7, 8], "index notFinite"),
    ([0, 0, 0, 0, 0, 0, 0, -0.0], "index zeroVector"),
    ([3e38, 3e38, 3, 4, 5, 6, 7, 8], "index normTooLarge"),
  ] as [([Float], String)])
  func badVector(vector: [Float], expected: String) async throws {
    try await expectRefused(expected) { store, _ in
      var memory = memory("x")
      memory.vector = vector
      // A good one in the same call is not written either.
      try await store.insert([self.memory("good"), memory])
    }
    try await expectRefused(expected) { store, id in
      try await store.update(id, MemoryUpdate(text: "new", vector: vector))
    }
    try await expectRefused(expected) { store, _ in _ = try store.search(vector, k: 1) }
    try await expectRefused(expected) { store, _ in
      _ = try store.search(vector, k: 1, scope: Scope(user: "anna"))
    }
    try await expectRefused(expected) { store, _ in
      _ = try store.search(vector, k: 1, scope: Scope(user: "nobody"))
    }
  }

  @Test func aZeroVectorHasAnInnerProduct() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, metric: .innerProduct)
      try await store.insert(
        NewMemory(text: "zero", vector: [Float](repeating: 0, count: 8), scope: .all))
      #expect(try store.search(vector, k: 1).first?.score == 0)
      try await store.close()
    }
  }

  @Test(arguments: [0, -1, 10_001, Int.max, Int.min])
  func badK(k: Int) async throws {
    for scope in [Scope.all, Scope(user: "anna"), Scope(user: "nobody")] {
      try await expectRefused("index kOutOfRange") { store, _ in
        _ = try store.search(vector, k: k, scope: scope)
      }
    }
  }

  @Test(arguments: [0, -1, 100_001, Int.max])
  func badEf(ef: Int) async throws {
    for scope in [Scope.all, Scope(user: "anna"), Scope(user: "nobody")] {
      try await expectRefused("index efOutOfRange") { store, _ in
        _ = try store.search(vector, k: 1, scope: scope, ef: ef)
      }
    }
  }

  // MARK: Ids

  @Test func unknownID() async throws {
    try await expectRefused("unknownMemory") { store, _ in _ = try store.get(UUID()) }
    try await expectRefused("unknownMemory") { store, _ in _ = try store.vector(of: UUID()) }
    try await expectRefused("unknownMemory") { store, _ in _ = try store.history(of: UUID()) }
    try await expectRefused("unknownMemory") { store, _ in
      try await store.update(UUID(), MemoryUpdate(text: "x"))
    }
    try await expectRefused("unknownMemory") { store, _ in try await store.delete(UUID()) }
    try await expectRefused("unknownMemory") { store, id in try await store.delete([id, UUID()]) }
  }

  @Test func duplicateID() async throws {
    try await expectRefused("duplicateID") { store, id in
      var memory = memory("again")
      memory.id = id
      try await store.insert([self.memory("good"), memory])
    }
    try await expectRefused("duplicateID") { store, _ in
      var memory = memory("twice")
      memory.id = UUID()
      try await store.insert([memory, memory])
    }
  }

  // MARK: Fields

  @Test(arguments: [
    "", " \n\t\u{3000}", "a\0b", String(repeating: "x", count: StoreLimits.textBytes + 1),
  ])
  func badText(text: String) async throws {
    try await expectRefused("invalid text") { store, _ in try await store.insert(memory(text)) }
    try await expectRefused("invalid text") { store, id in
      try await store.update(id, MemoryUpdate(text: text, vector: vector))
    }
  }

  @Test(arguments: ["", "a\0b", String(repeating: "é", count: StoreLimits.nameBytes / 2 + 1)])
  func badName(name: String) async throws {
    let fields: [(String, (inout NewMemory) -> Void)] = [
      ("user", { $0.scope.user = name }), ("agent", { $0.scope.agent = name }),
      ("run", { $0.scope.run = name }), ("role", { $0.role = name }),
      ("actor", { $0.actor = name }), ("category", { $0.categories = ["good", name] }),
    ]
    for (field, change) in fields {
      try await expectRefused("invalid \(field)") { store, _ in
        var memory = memory("x")
        change(&memory)
        try await store.insert(memory)
      }
    }
  }

  @Test(arguments: [-0.001, 1.001, .nan, .infinity])
  func badImportance(importance: Double) async throws {
    try await expectRefused("invalid importance") { store, _ in
      var memory = memory("x")
      memory.importance = importance
      try await store.insert(memory)
    }
  }

  @Test func badFields() async throws {
    let fields: [(String, (inout NewMemory) -> Void)] = [
      ("categories", { $0.categories = [String](repeating: "c", count: 65) }),
      ("createdAt", { $0.createdAt = Date(timeIntervalSince1970: 1e15) }),
      ("expiresAt", { $0.expiresAt = Date(timeIntervalSince1970: -1e15) }),
      ("validFrom", { $0.validFrom = Date(timeIntervalSince1970: .infinity) }),
      ("validTo", { $0.validTo = Date(timeIntervalSince1970: .nan) }),
      (
        "validTo",
        {
          $0.validFrom = Date(timeIntervalSince1970: 2)
          $0.validTo = Date(timeIntervalSince1970: 1)
        }
      ),
    ]
    for (field, change) in fields {
      try await expectRefused("invalid \(field)") { store, _ in
        var memory = memory("x")
        change(&memory)
        try await store.insert(memory)
      }
    }
    try await expectRefused("invalid update") { store, id in
      try await store.update(id, MemoryUpdate())
    }
  }

  @Test func badMetadata() async throws {
    try await expectRefused("invalid metadata") { _, _ in _ = try Metadata(json: "[1]") }
    try await expectRefused("invalid metadata") { _, _ in _ = try Metadata(json: "{") }
    try await expectRefused("invalid metadata") { _, _ in _ = try Metadata(["x": .double(.nan)]) }
    try await expectRefused("invalid metadata") { store, id in
      let text = String(repeating: "x", count: StoreLimits.textBytes)
      try await store.update(id, MemoryUpdate(metadata: try Metadata(["x": .string(text)])))
    }
    // What the store could not read again is not written.
    try await expectRefused("invalid metadata") { store, id in
      var deep = JSONValue.int(1)
      for _ in 0...JSONValue.maximumDepth { deep = ["x": deep] }
      try await store.update(id, MemoryUpdate(metadata: try Metadata(["x": deep])))
    }
  }

  // MARK: Lists and filters

  @Test(arguments: ["", "-1", "zzzzzzzzzzzzzzzzzzz", "1.5", "ä", " 1"])
  func badCursor(cursor: String) async throws {
    try await expectRefused("badCursor") { store, _ in _ = try store.list(after: cursor) }
  }

  @Test(arguments: [0, -1, 1_001, Int.max])
  func badLimit(limit: Int) async throws {
    try await expectRefused("invalid limit") { store, _ in _ = try store.list(limit: limit) }
  }

  @Test func unknownFilterOperator() throws {
    #expect(throws: FilterError.unknownOperator(key: "a", operator: "near")) {
      try Filter(parsing: #"{"a": {"near": 1}}"#)
    }
  }

  // MARK: After close

  @Test func callsAfterCloseAreRefused() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      let id = try await store.insert(memory("one"))
      try await store.close()
      let calls: [(String, () async throws -> Void)] = [
        ("insert", { try await store.insert(memory("x")) }),
        ("update", { try await store.update(id, MemoryUpdate(text: "x")) }),
        ("delete", { try await store.delete(id) }),
        ("get", { _ = try store.get(id) }),
        ("vector", { _ = try store.vector(of: id) }),
        ("history", { _ = try store.history(of: id) }),
        ("list", { _ = try store.list() }),
        ("search", { _ = try store.search(vector, k: 1) }),
        ("statistics", { _ = try store.statistics() }),
        ("verify", { _ = try await store.verify() }),
        ("snapshot", { try await store.snapshot() }),
        ("waitUntilIndexed", { try await store.waitUntilIndexed() }),
      ]
      for (name, call) in calls {
        #expect(await refusal(call) == "closed", "\(name)")
      }
      // Closing twice is no mistake.
      try await store.close()
      let again = try openStore(directory)
      #expect(try again.statistics().memories == 1)
      try await again.close()
    }
  }
}
