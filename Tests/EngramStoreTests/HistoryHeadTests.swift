import Foundation
import GRDB
import Testing

@testable import EngramStore

/// A head that was saved proves what came before it, in either depth.
@Suite struct HistoryHeadTests {
  private func makeStore(_ directory: URL) async throws -> HistoryHead {
    var generator = Generator(seed: 14)
    let store = try openStore(directory)
    var ids: [UUID] = []
    for number in 1...20 {
      ids.append(
        try await store.insert(
          NewMemory(
            text: "memory \(number)", vector: generator.vector(8), scope: Scope(user: "anna"),
            actor: "anna")))
    }
    try await store.update(ids[2], MemoryUpdate(text: "changed"))
    try await store.delete(ids[3])
    let head = try await store.verify().head
    try await store.insert(
      NewMemory(text: "the last", vector: generator.vector(8), scope: Scope(user: "anna")))
    try await store.close()
    return head
  }

  private func problems(
    _ directory: URL, _ depth: VerifyDepth, since head: HistoryHead?
  ) async throws -> [String] {
    let store = try openStore(directory)
    let report = try await store.verify(depth, since: head)
    try await store.close()
    return report.problems
  }

  @Test func itsText() throws {
    let text = "42:" + String(repeating: "0a", count: 32)
    #expect(HistoryHead(text)?.description == text)
    #expect(HistoryHead(text)?.sequence == 42)
    #expect(HistoryHead(text.uppercased()) == HistoryHead(text))
    for wrong in [
      "", ":", "42", "42:", "-1:" + text.dropFirst(3), "x:" + text.dropFirst(3), text + "0",
      text + ":", String(text.dropLast()), String(text.dropLast(2)), "42:" + text, text + "\n",
      "42:" + String(repeating: "0g", count: 32),
    ] { #expect(HistoryHead(wrong) == nil, "\(wrong)") }
  }

  @Test(arguments: VerifyDepth.allCases) func aSoundStore(depth: VerifyDepth) async throws {
    try await withTemporaryDirectory { directory in
      let head = try await makeStore(directory)
      #expect(head.sequence == 22)
      let store = try openStore(directory)
      for since in [nil, HistoryHead(), head] {
        let report = try await store.verify(depth, since: since)
        #expect(report.problems.isEmpty && report.depth == depth)
        #expect(report.head.sequence == 23)
        let walksAll = depth == .full || since == HistoryHead()
        #expect(report.changes == (walksAll ? 23 : since == nil ? 1 : 2))
      }
      let last = try await store.verify(.quick).head
      #expect(try await store.verify(depth, since: last).isSound)
      try await store.close()
    }
  }

  /// All that the last change did is taken back, with care: what is left is whole.
  @Test(arguments: VerifyDepth.allCases) func aTailThatWasCutOff(depth: VerifyDepth) async throws {
    try await withTemporaryDirectory { directory in
      _ = try await makeStore(directory)
      let store = try openStore(directory)
      let last = try await store.verify().head
      try await store.close()
      try RawCatalogue.execute(
        directory,
        """
        DROP TRIGGER history_stays; DROP TRIGGER history_payload_stays;
        INSERT INTO memory_text (memory_text, rowid, text) VALUES ('delete', 23, 'the last');
        DELETE FROM memory WHERE change = 23; DELETE FROM vector WHERE change = 23;
        DELETE FROM history_payload WHERE sequence = 23; DELETE FROM history WHERE sequence = 23
        """)
      try restoreTriggers(directory)
      #expect(try await problems(directory, depth, since: nil).isEmpty)
      let found = try await problems(directory, depth, since: last)
      #expect(found.count == 1 && found[0].contains("cut off"), "\(found)")
    }
  }

  /// An early change is edited, and every hash from there on computed anew.
  @Test(arguments: VerifyDepth.allCases)
  func aChainThatWasRewritten(depth: VerifyDepth) async throws {
    try await withTemporaryDirectory { directory in
      let head = try await makeStore(directory)
      try rewrite(directory, from: 2)
      #expect(try await problems(directory, depth, since: nil).isEmpty)
      let found = try await problems(directory, depth, since: head)
      #expect(found.count == 1 && found[0].contains("rewritten"), "\(found)")
    }
  }

  /// What came before a saved head is as it was; what came after has been written anew.
  @Test(arguments: VerifyDepth.allCases) func onlyWhatCameLater(depth: VerifyDepth) async throws {
    try await withTemporaryDirectory { directory in
      let head = try await makeStore(directory)
      try rewrite(directory, from: 23)
      #expect(try await problems(directory, depth, since: head).isEmpty)
    }
  }

  private func restoreTriggers(_ directory: URL) throws {
    let queue = try DatabaseQueue(path: directory.catalogue.path)
    try queue.write { db in
      for object in try Schema.missing(db) { try db.execute(sql: object.sql ?? "") }
    }
    try queue.close()
  }

  private func rewrite(_ directory: URL, from sequence: Int64) throws {
    let queue = try DatabaseQueue(path: directory.catalogue.path)
    try queue.write { db in
      try db.execute(sql: "DROP TRIGGER history_is_final")
      var previous = try #require(try HistoryRow.hash(of: sequence - 1, db))
      let rows = try Row.fetchAll(
        db, sql: "SELECT \(HistoryRow.columns) FROM history WHERE sequence >= ? ORDER BY sequence",
        arguments: [sequence])
      for row in rows {
        var entry = try HistoryRow(row)
        if entry.sequence == sequence { entry.actor = "eve" }
        entry.previousHash = previous
        previous = entry.hash
        try db.execute(
          sql: "UPDATE history SET actor_id = ?, previous_hash = ?, hash = ? WHERE sequence = ?",
          arguments: [entry.actor, entry.previousHash, previous, entry.sequence])
      }
    }
    try queue.close()
    try restoreTriggers(directory)
  }

  /// What stops whoever edits by mistake is part of a sound store.
  @Test(arguments: VerifyDepth.allCases)
  func whatIsMissingOfTheSchema(depth: VerifyDepth) async throws {
    let objects = ["TRIGGER history_stays", "INDEX memory_user", "VIEW mem0_history"]
    for object in objects {
      try await withTemporaryDirectory { directory in
        _ = try await makeStore(directory)
        try RawCatalogue.execute(directory, "DROP \(object)")
        let found = try await problems(directory, depth, since: nil)
        #expect(found == ["database: the \(object.lowercased()) is missing"])
      }
    }
  }

  /// Quick looks at the last group's vectors, the file's length and the numbers of the history.
  @Test func whatQuickSees() async throws {
    let edits = [
      "UPDATE history SET actor_id = 'eve' WHERE sequence = 23": "breaks the chain",
      "DELETE FROM history WHERE sequence = 7": "numbered",
      "UPDATE vector SET checksum = 1 WHERE change = 23": "another vector",
    ]
    for (sql, problem) in edits {
      try await withTemporaryDirectory { directory in
        _ = try await makeStore(directory)
        try RawCatalogue.execute(
          directory, "DROP TRIGGER history_is_final; DROP TRIGGER history_stays;" + sql)
        let found = try await problems(directory, .quick, since: nil)
        #expect(found.contains { $0.contains(problem) }, "\(sql): \(found)")
      }
    }
  }

  @Test func itIsCancelled() async throws {
    try await withTemporaryDirectory { directory in
      _ = try await makeStore(directory)
      let store = try openStore(directory)
      for depth in VerifyDepth.allCases {
        let kind = await interrupted(at: 1) { _ = try await store.verify(depth, progress: $0) }
        #expect(kind == "cancelled")
      }
      #expect(try await store.verify().isSound)
      try await store.close()
      #expect(await refusal { _ = try await store.verify(.quick) } == "closed")
    }
  }
}
