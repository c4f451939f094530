import Foundation
import Testing

@testable import Engram
@testable import EngramStore

/// The shapes of Mem0 2.0, against files that were made without this code.
@Suite struct Mem0JSONTests {
  private static let (a, b) = (
    uuid("0198F0A1-0000-7000-8000-0000000000AA"), uuid("0198F0A1-0000-7000-8000-0000000000BB")
  )

  private static func uuid(_ text: String) -> UUID { UUID(uuidString: text) ?? UUID() }

  private static func time(_ text: String) -> Date {
    Date(timeIntervalSince1970: Double(ISO8601.parse(text) ?? 0) / 1e6)
  }

  private static func full() throws -> Memory {
    Memory(
      id: a, text: "Lives in Zürich 🏔", scope: Scope(user: "alice", agent: "bot", run: "r-1"),
      metadata: try Metadata(json: #"{"team": "a", "n": 3, "nested": {"x": null}}"#),
      categories: ["home", "travel"], role: "user", actor: "Alice", importance: 0.5,
      createdAt: time("2025-01-31T23:59:59.000001"), updatedAt: time("2025-02-01T00:00:00.5"),
      expiresAt: time("2026-01-01"), validFrom: time("2025-01-01"), validTo: nil, change: 1)
  }

  private static let plain = Memory(
    id: b, text: "Likes tea", scope: Scope(user: "alice"), metadata: .empty, categories: [],
    createdAt: time("2025-01-02T03:04:05"), updatedAt: time("2025-01-02T03:04:05"), change: 2)

  private func expect(
    _ value: JSONValue, is name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/\(name).json")
    let golden = try JSONValue(parsing: Data(contentsOf: file))
    #expect(try value.canonicalText == golden.canonicalText, sourceLocation: sourceLocation)
  }

  @Test func whatAnAddReturns() throws {
    let tea = Added(id: Self.b, memory: "Likes tea", event: .add, superseded: [])
    var (said, answered, changed, gone, known, moved) = (tea, tea, tea, tea, tea, tea)
    said.role = "user"
    (answered.memory, answered.role, answered.actor) = ("Tea it is.", "assistant", "Bot")
    (changed.memory, changed.event, changed.previousMemory) = ("Likes coffee", .update, "Likes tea")
    gone.event = .delete
    known.event = .none
    (moved.memory, moved.superseded) = ("Lives in Bern", [Self.a])
    let first = Added(id: Self.a, memory: "Lives in Zürich 🏔", event: .add, superseded: [])
    try expect([first, said, answered, changed, gone, known, moved].mem0, is: "add")
    try expect([Added]().mem0, is: "nothing")
  }

  @Test func memories() throws {
    let memories = [try Self.full(), Self.plain]
    try expect(memories[0].mem0, is: "get")
    try expect(memories[1].mem0, is: "get-plain")
    try expect(memories.mem0, is: "get-all")
    try expect(Page(memories: memories, next: nil).mem0, is: "get-all")
    try expect(Page(memories: memories, next: "2s").mem0, is: "get-all-page")
    try expect(Page(memories: [], next: nil).mem0, is: "nothing")
    let found = zip(memories, [0.875, 0.25]).map { FoundMemory(memory: $0, score: $1) }
    try expect(found.mem0, is: "search")
    try expect([FoundMemory]().mem0, is: "nothing")
  }

  @Test func histories() throws {
    func entry(
      _ number: Int, _ event: HistoryEntry.Event, _ old: String?, _ new: String?, _ updated: String?
    ) -> HistoryEntry {
      HistoryEntry(
        id: Self.uuid("00000000-0000-0000-0000-00000000000\(number)"), sequence: Int64(number),
        memoryID: Self.a, event: event, oldMemory: old, newMemory: new,
        createdAt: Self.time("2025-01-31T23:59:59.000001"), updatedAt: updated.map(Self.time),
        isDeleted: [.delete, .supersede, .erase].contains(event))
    }
    let (paris, zurich) = ("Lives in Paris", "Lives in Zürich 🏔")
    var entries = [
      entry(1, .add, nil, paris, nil), entry(2, .update, paris, zurich, "2025-02-01T00:00:00.5"),
      entry(3, .delete, zurich, nil, "2025-02-02"), entry(4, .supersede, zurich, nil, "2025-02-02"),
      entry(5, .erase, nil, nil, "2025-02-03"),
    ]
    (entries[0].actor, entries[0].role) = ("Alice", "user")
    entries[3].successor = Self.b
    try expect(entries.mem0, is: "history")
    try expect([HistoryEntry]().mem0, is: "empty-history")
  }

  /// What a store makes of what it is given has the same shapes: no key beside those of the files.
  @Test func whatAStoreHolds() async throws {
    try await withEngine { engine in
      let scope = Scope(user: "alice")
      let added = try await engine.add(
        [Message(.user, "Likes tea"), Message(.assistant, "Noted", name: "Bot")], scope: scope,
        options: AddOptions(mode: .verbatim))
      let id = added[0].id.uuidString.lowercased()
      guard case .object(let result) = added[0].mem0, case .object(let got) = try engine.get(added[0].id).mem0
      else {
        Issue.record("no objects")
        return
      }
      #expect(
        result == [
          "id": .string(id), "memory": "Likes tea", "event": "ADD", "role": "user", "actor_id": .null,
        ])
      #expect(
        Set(got.keys) == [
          "id", "memory", "hash", "metadata", "score", "created_at", "updated_at", "user_id", "role",
        ])
      #expect(got["hash"] == "ed0d2a668f61805c737f938e64f1961d")
      for key in ["created_at", "updated_at"] {
        guard case .string(let text)? = got[key] else {
          Issue.record("no \(key)")
          return
        }
        #expect(text.hasSuffix("+00:00") && text.utf8.count == 32 && ISO8601.parse(text) != nil)
      }
      #expect(got["created_at"] == got["updated_at"])
    }
  }

  // MARK: Days

  /// A memory is there on the whole of its last day, and the day that comes back is the one that was given.
  @Test(arguments: ["2025-12-31", "2024-02-29", "1970-01-01", "1969-12-31", "0001-01-01", "9999-12-30"])
  func theLastDay(day: String) throws {
    let end = try Memory.expiry(lastDay: day)
    #expect(end.addingTimeInterval(-86_400) == Self.time(day))
    var memory = Self.plain
    for (seconds, expected) in [(0, day), (-1, day), (-86_399.0, day)] {
      memory.expiresAt = end.addingTimeInterval(seconds)
      guard case .object(let members) = memory.mem0 else { return }
      #expect(members["expiration_date"] == .string(expected))
    }
  }

  @Test(arguments: [
    "", "2025", "2025-13-01", "2025-02-29", "2025-1-1", "31-12-2025", "2025-12-31T00:00:00Z", "tomorrow",
    "2025/12/31", "２０２５-12-31", "2025-12-3\u{301}1",
  ])
  func noDay(text: String) {
    #expect(throws: EngramError.self) { try Memory.expiry(lastDay: text) }
  }
}
