import EngramIndex
import Foundation
import GRDB
import Testing

@testable import EngramStore

/// What is erased is in no file any more; what is not is as it was.
@Suite struct EraseTests {
  private let dimension = 48

  /// A memory whose parts can each be told in raw bytes.
  private struct Marked {
    var id = UUID()
    var words: [String]
    var memory: NewMemory
    /// Vectors that it had.
    var vectors: [[Float]]
    var key: String

    init(_ number: Int, user: String, _ generator: inout Generator, _ dimension: Int) throws {
      func word() -> String { "word\(String(generator.next() | 1 << 63, radix: 16))" }
      words = (0..<3).map { _ in word() }
      key = "key\(word())"
      vectors = [generator.vector(dimension)]
      let text = words[0] + String(repeating: " filler text \(number)", count: number % 60)
      memory = NewMemory(
        id: id, key: key, text: text, vector: vectors[0], scope: Scope(user: user),
        metadata: try Metadata(["m": .string(words[1])]), categories: [words[2]])
      words.append(key)
    }

    /// What must be found in the files before, and in none afterwards.
    var traces: [[UInt8]] {
      words.map { Array($0.utf8) }
        + vectors.map { vector in vector[..<4].withUnsafeBytes { Array($0) } }
    }
  }

  private func files(_ directory: URL) throws -> [String: Data] {
    try Dictionary(
      uniqueKeysWithValues: directory.sizes().keys.map {
        ($0, try Data(contentsOf: directory.file($0)))
      })
  }

  /// Which of some byte strings, of eight bytes at least, are in which files.
  private func found(_ traces: [[UInt8]], in files: [String: Data]) -> [(trace: [UInt8], file: String)] {
    func head(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
      bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    let byHead = Dictionary(grouping: traces) { $0.withUnsafeBytes { head($0, 0) } }
    var found: [(trace: [UInt8], file: String)] = []
    for (name, data) in files where data.count >= 8 {
      data.withUnsafeBytes { bytes in
        for offset in 0...bytes.count - 8 {
          for trace in byHead[head(bytes, offset)] ?? []
          where bytes[offset...].starts(with: trace) { found.append((trace, name)) }
        }
      }
    }
    return found
  }

  /// Of the texts that the history has of memories.
  private func salts(of ids: [UUID], _ store: Store) throws -> [[UInt8]] {
    try store.read { db in
      try ids.flatMap { id in
        try Data.fetchAll(
          db,
          sql: """
            SELECT salt FROM history_payload JOIN history USING (sequence) WHERE memory_id = ?
            """, arguments: [id.data]
        ).map(Array.init)
      }
    }
  }

  @Test(arguments: Durability.allCases, [false, true])
  func leavesNothingInAnyFile(durability: Durability, byScope: Bool) async throws {
    var generator = Generator(seed: byScope ? 8 : 9)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension, durability: durability)
      var kept: [Marked] = []
      var gone: [Marked] = []
      for number in 0..<240 {
        let isGone = number % 5 == 0
        var marked = try Marked(
          number, user: isGone ? "forget me" : "other\(number % 3)", &generator, dimension)
        try await store.insert(marked.memory)
        if number % 3 == 0 {
          marked.words.append("u\(String(generator.next(), radix: 16))")
          marked.vectors.append(generator.vector(dimension))
          try await store.update(
            marked.id,
            MemoryUpdate(text: "now \(marked.words[4])", vector: marked.vectors[1]))
        }
        if number % 4 == 0 { try await store.delete(marked.id) }
        if isGone { gone.append(marked) } else { kept.append(marked) }
        if number == 120 {
          try await store.waitUntilIndexed()
          try await store.snapshot()
        }
      }
      // Accesses are counted, and leave a row.
      for marked in gone + kept { _ = try store.search(marked.vectors[0], k: 3) }
      if byScope { try await store.compact(before: Date()) }
      let user = Array("forget me".utf8)
      let traces = gone.flatMap(\.traces) + (try salts(of: gone.map(\.id), store))
      let before = try files(directory)
      let seen = Set(found(traces, in: before).map(\.trace)).count
      #expect(seen > traces.count / 2, "only \(seen) of \(traces.count) traces are there before")
      if byScope {
        #expect(!found([user], in: before).isEmpty)
        // Those of which no version is left are the scope's, too.
        let report = try await store.erase(scope: Scope(user: "forget me"), by: "officer")
        #expect(Set(report.memories) == Set(gone.map(\.id)))
      } else {
        #expect(try await store.erase(gone.map(\.id), by: "officer").memories.count == gone.count)
      }
      for reopened in [false, true] {
        let store =
          reopened
          ? try openStore(directory, dimension: dimension, durability: durability) : store
        if reopened { try await store.snapshot() }
        let after = try files(directory)
        let left = found(traces + [user], in: after).map(\.file)
        #expect(left.isEmpty, "\(left.count) traces are left in \(Set(left))")
        #expect(try await store.verify().problems == [])
        for marked in gone {
          #expect(await refusal { _ = try store.get(marked.id) } == "unknownMemory")
          let history = try store.history(of: marked.id)
          #expect(history.last?.event == .erase && history.last?.actor == "officer")
          #expect(history.allSatisfy { $0.oldMemory == nil && $0.newMemory == nil })
        }
        for (number, marked) in kept.enumerated() where number % 7 == 0 {
          let last = try store.history(of: marked.id).last
          if last?.event == .delete { continue }
          let vector = marked.vectors[marked.vectors.count - 1]
          #expect(try store.vector(of: marked.id) == vector)
          #expect(try store.search(vector, k: 1, recall: 1).first?.memory.id == marked.id)
        }
        #expect(try await store.erase(gone.map(\.id)).memories.isEmpty)
        try await store.close()
      }
    }
  }

  @Test func refusesWhatItDoesNotKnow() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension, durability: .full)
      var generator = Generator(seed: 3)
      let marked = try Marked(1, user: "u", &generator, dimension)
      try await store.insert(marked.memory)
      #expect(await refusal { try await store.erase([marked.id, UUID()]) } == "unknownMemory")
      #expect(try store.get(marked.id).id == marked.id)
      #expect(await refusal { try await store.erase(scope: .all) } == "invalid scope")
      #expect(await refusal { try await store.erase([marked.id], by: "") } == "invalid actor")
      #expect(try await store.erase(scope: Scope(user: "nobody")).memories.isEmpty)
      #expect(try await store.erase([]).memories.isEmpty)
      try await store.erase([marked.id])
      // The key is free again, and so is the id.
      #expect(try await store.insert(marked.memory) == marked.id)
      #expect(try store.history(of: marked.id).map(\.event) == [.add, .erase, .add])
      try await store.erase([marked.id])
      #expect(try await store.verify().problems == [])
      try await store.close()
    }
  }

  /// Whoever reads a state from before keeps the log from being emptied: that is said, and made up for
  /// later.
  @Test func aReaderOfAnOlderState() async throws {
    var generator = Generator(seed: 4)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension, durability: .full)
      let marked = try Marked(1, user: "u", &generator, dimension)
      try await store.insert(marked.memory)
      let reader = try DatabaseQueue(
        path: directory.catalogue.path, configuration: Catalogue.configuration(readonly: true))
      try reader.inDatabase { db in
        try db.execute(sql: "BEGIN")
        _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM memory")
      }
      #expect(await refusal { try await store.erase([marked.id]) } == "erasureUnfinished")
      #expect(await refusal { _ = try store.get(marked.id) } == "unknownMemory")
      #expect(try await store.verify().problems.count == 1)
      try await store.close()
      try reader.inDatabase { try $0.execute(sql: "COMMIT") }
      try reader.close()
      // The next opening goes on.
      let again = try openStore(directory, dimension: dimension, durability: .full)
      try await again.insert(
        NewMemory(
          text: "after", vector: generator.vector(dimension), scope: Scope(user: "other")))
      #expect(try await again.verify().problems == [])
      try await again.close()
      let files = try files(directory)
      #expect(found(marked.traces, in: files).isEmpty)
    }
  }

  /// A line that is put back, or a payload that is left, is found.
  @Test func verifyKnowsWhatMustBeGone() async throws {
    var generator = Generator(seed: 6)
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory, dimension: dimension, durability: .full)
      let marked = try Marked(1, user: "u", &generator, dimension)
      try await store.insert(marked.memory)
      try await store.erase([marked.id])
      let head = try await store.verify().head
      try await store.close()
      let database = try DatabaseQueue(path: directory.catalogue.path)
      try database.inDatabase { db in
        try HistoryPayload(sequence: 1, oldMemory: nil, newMemory: "back again").insert(db)
      }
      try database.close()
      let again = try openStore(directory, dimension: dimension, durability: .full)
      let report = try await again.verify(since: head)
      #expect(report.problems == ["history: the texts of change 1 are there, though they were erased"])
      try await again.close()
    }
  }
}
