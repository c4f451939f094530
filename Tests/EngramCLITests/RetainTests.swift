import EngramModels
import EngramStore
import Foundation
import Testing

@Suite(.serialized) struct RetainTests {
  private func open(_ store: String) throws -> Store {
    try Store(path: store, configuration: StoreConfiguration(storedAt: store))
  }

  private func texts(_ store: String) async throws -> Set<String> {
    let open = try open(store)
    let texts = Set(try open.list(limit: 1_000).memories.map(\.text))
    try await open.close()
    return texts
  }

  /// What would go, what goes, and what comes back.
  @Test func dryRunRunAndUndo() async throws {
    try await withStore { _, store in
      let all = try await texts(store)
      let plan = try await engram("retain", "--store", store, "--max-per-scope", "3", "--dry-run", "--json")
      #expect(plan.code == 0 && plan.json["examined"] == 10, "\(plan)")
      guard case .array(let items)? = plan.json["memories"] else { return #expect(Bool(false), "\(plan)") }
      let named = Set(
        items.compactMap { item -> String? in
          guard case .object(let members) = item, case .string(let text)? = members["memory"],
            members["reasons"] == ["quota"]
          else { return nil }
          return text
        })
      #expect(named.count == 7 && items.count == 7)
      #expect(try await texts(store) == all)
      let table = try await engram("retain", "--store", store, "--max-per-scope", "3", "--dry-run")
      #expect(table.output.split(separator: "\n").count == 8, "\(table)")
      #expect(table.output.hasSuffix("7 of 10 memories and 0 episodes would go.\n"))

      let run = try await engram("retain", "--store", store, "--max-per-scope", "3", "--json")
      #expect(run.code == 0 && run.json["removed"] == 7 && run.json["kept_as_used_since"] == 0, "\(run)")
      #expect(try await texts(store) == all.subtracting(named))
      guard case .string(let id)? = run.json["run"] else { return #expect(Bool(false), "\(run)") }
      let undo = try await engram("retain", "--store", store, "--undo", id, "--json")
      #expect(undo.code == 0 && undo.json["restored"] == 7 && undo.json["left"] == [], "\(undo)")
      #expect(try await texts(store) == all)
      let verified = try await engram("verify", "--store", store)
      #expect(verified.code == 0, "\(verified)")
      // Without a rule nothing goes but what has expired.
      let none = try await engram("retain", "--store", store)
      #expect(none.code == 0 && none.output.contains("removed             0"), "\(none)")
      let old = try await engram("retain", "--store", store, "--ttl-days", "0", "--json")
      #expect(old.json["removed"] == 10, "\(old)")
    }
  }

  @Test func whatIsRefused() async throws {
    try await withStore { parent, store in
      for (arguments, code) in [
        (["--undo", UUID().uuidString], 2), (["--min-score", "1.5"], 2), (["--max-per-scope", "-1"], 64),
        (["--undo", UUID().uuidString, "--dry-run"], 64), (["--undo", "x"], 64), (["--ttl-days", "-1"], 64),
        (["--undo", UUID().uuidString, "--ttl-days", "1"], 64), (["--keep-importance", "3"], 2),
      ] as [([String], Int32)] {
        let answer = try await engram(["retain", "--store", store] + arguments)
        #expect(answer.code == code && !answer.errors.isEmpty, "\(arguments) \(answer)")
      }
      let missing = try await engram("retain", "--store", parent.appendingPathComponent("none").path)
      #expect(missing.code == 2 && missing.errors.contains("There is no store"), "\(missing)")
      #expect(try await texts(store).count == 10)
    }
  }

  /// Killed in the middle: what has gone are whole batches, the store is sound, and the run can be undone.
  @Test func killedInTheMiddle() async throws {
    for round in 1...3 {
      try await withStore { _, path in
        let store = try open(path)
        let count = 2_000
        for begin in stride(from: 0, to: count, by: 500) {
          try await store.insert(
            (begin..<begin + 500).map { number in
              NewMemory(
                text: "memory \(number)",
                vector: (1...4).map { sin(Float(number * $0) * 1.7 + Float($0)) },
                scope: Scope(user: "user \(number % 3)"))
            })
        }
        let before = try store.statistics().memories
        let ids = try store.usage().map(\.memory.id)
        let process = try start(["retain", "--store", path, "--ttl-days", "0"])
        while process.isRunning, try store.statistics().memories > before - 80 * round { await Task.yield() }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let left = try store.statistics().memories
        #expect(left < before && (before - left) % 16 == 0, "\(before - left) are gone")
        #expect(process.terminationReason == .uncaughtSignal && left > 0)
        let problems = try await store.verify().problems
        #expect(problems == [], "round \(round), \(before - left) gone: \(problems)")
        // The run's id is in the history of what it removed.
        var actors = Set<String>()
        for id in ids {
          let last = try store.history(of: id).last
          if last?.event == .delete { actors.insert(last?.actor ?? "") }
        }
        try await store.close()
        #expect(actors.count == 1)
        let run = try #require(actors.first?.split(separator: "/").last)
        let undo = try await engram("retain", "--store", path, "--undo", String(run), "--json")
        #expect(undo.json["restored"] == .int(Int64(before - left)), "\(undo)")
        #expect(try open(path).statistics().memories == before)
      }
    }
  }

  /// What the model's store holds is summed up.
  @Test func summarize() async throws {
    guard (try? MiniLM.installed()) != nil else { return }
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("engram-summarize-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    for text in ["I live in Berlin", "I like green tea"] {
      _ = try await engram("add", text, "--user", "alice", "--store", path, "--mode", "verbatim")
    }
    let summary = try await engram("summarize", "--user", "alice", "--store", path)
    #expect(summary.code == 0 && summary.output == "I live in Berlin\nI like green tea\n", "\(summary)")
    let json = try await engram("summarize", "--user", "alice", "--store", path, "--json")
    #expect(json.json["memory"] == "I live in Berlin\nI like green tea", "\(json)")
    let none = try await engram("summarize", "--user", "bob", "--store", path)
    #expect(none.code == 0 && none.output == "Nothing to sum up.\n", "\(none)")
    for (arguments, code) in [([], 64), (["--user", "a", "--max-tokens", "2"], 2)] as [([String], Int32)] {
      let answer = try await engram(["summarize", "--store", path] + arguments)
      #expect(answer.code == code, "\(answer)")
    }
  }
}
