import EngramStore
import Foundation
import Testing

/// `engram advise` as a shell sees it.
@Suite struct AdviseTests {
  private static let mild = [
    "--search-p95", "3600000", "--add-p95", "3600000", "--backup", "3600", "--memory",
    "1000000000000", "--disk", "1000000000000",
  ]

  @Test func aLevelThatHolds() async throws {
    try await withStore { _, store in
      let text = try await engram(["advise", "--store", store] + Self.mild)
      #expect(text.code == 0 && text.errors.isEmpty, "\(text)")
      #expect(text.output.hasPrefix("No reason to move"))
      #expect(text.output.contains("300 searches that this call made itself"))
      #expect(text.output.contains("add p95") && text.output.contains("not measured"))

      let answer = try await engram(["advise", "--json", "--store", store] + Self.mild)
      #expect(answer.code == 0, "\(answer)")
      #expect(Set(answer.json.keys) == ["verdict", "summary", "items", "growth"])
      #expect(answer.json["verdict"] == "stay")
      guard case .array(let items)? = answer.json["items"],
        case .array(let growth)? = answer.json["growth"]
      else {
        Issue.record("no lists in \(answer)")
        return
      }
      var states: [String: JSONValue] = [:]
      for case .object(let item) in items {
        #expect(
          Set(item.keys) == [
            "figure", "unit", "measured", "limit", "used", "state", "days_left", "verdict",
            "reason",
          ])
        #expect(item["verdict"] == "stay")
        if case .string(let figure)? = item["figure"] { states[figure] = item["state"] }
      }
      #expect(
        states == [
          "search p95": "holds", "add p95": "not measured", "write queue growth": "not measured",
          "backup duration": "not measured", "memory": "holds", "disk": "holds",
          "recall": "holds", "index rows": "holds",
        ])
      let expected: [JSONValue] = [1, 7, 30].map { days in
        .object([
          "days": .int(days), "covered": .bool(false), "added": .int(10), "gained": .int(10),
          "changes": .int(10),
        ])
      }
      #expect(growth == expected)
    }
  }

  @Test func levelsThatDoNotHold() async throws {
    try await withStore { _, store in
      let move = try await engram(["advise", "--store", store] + Self.mild + ["--memory", "1"])
      #expect(move.code == 3 && move.output.hasPrefix("Time to move"), "\(move)")
      let act = try await engram(["advise", "--json", "--store", store] + Self.mild + ["--search-p95", "0.000001"])
      #expect(act.code == 3 && act.json["verdict"] == "act", "\(act)")
    }
  }

  /// It looks, and leaves the store as it was.
  @Test func nothingIsWritten() async throws {
    try await withStore { _, store in
      let before = try await engram("verify", "--json", "--store", store)
      #expect(try await engram(["advise", "--store", store] + Self.mild).code == 0)
      let after = try await engram("verify", "--json", "--store", store)
      #expect(after.json == before.json && after.code == 0)
    }
  }

  @Test func wrongLevels() async throws {
    try await withStore { parent, store in
      for (option, value, field) in [
        ("--search-p95", "-1", "search-p95"), ("--add-p95", "0", "add-p95"),
        ("--backup", "-5", "backup"), ("--backup", "nan", "backup"), ("--memory", "-1", "memoryBytes"),
        ("--disk", "0", "diskBytes"), ("--recall", "2", "recall"), ("--recall", "-1", "recall"),
        ("--queue-growth", "-1", "queueGrowth"), ("--days-ahead", "0", "daysAhead"),
      ] {
        let answer = try await engram("advise", "\(option)=\(value)", "--store", store)
        #expect(answer.code == 2 && answer.errors.contains("\(field): "), "\(option) \(answer)")
      }
      #expect(try await engram("advise", "--recall", "much", "--store", store).code == 64)
      let none = try await engram("advise", "--store", parent.path + "/none")
      #expect(none.code == 2 && none.errors.contains("There is no store at"))
    }
  }
}
