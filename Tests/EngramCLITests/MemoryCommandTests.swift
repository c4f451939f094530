import EngramModels
import EngramStore
import Foundation
import Testing

/// The model is there, or has to be.
private let isModelWanted =
  ProcessInfo.processInfo.environment["ENGRAM_REQUIRE_MODEL"] == "1"
  || FileManager.default.fileExists(atPath: MiniLM.defaultFolder + "/model.safetensors")

/// `engram add`, `search` and the rest, with the real model: where it is installed, or has to be.
@Suite(
  .enabled(
    if: isModelWanted,
    "the model is not in \(MiniLM.defaultFolder); run `engram model fetch`"))
struct MemoryCommandTests {
  /// Runs `body` with a path where there is nothing yet.
  private func withPath(_ body: (_ store: String) async throws -> Void) async throws {
    let parent = FileManager.default.temporaryDirectory
      .appendingPathComponent("engram-cli-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: parent) }
    try await body(parent.path + "/store")
  }

  /// Adds a text as it is; its id.
  private func add(_ text: String, to store: String, _ options: String...) async throws -> String {
    let answer = try await engram(
      ["add", text, "--store", store, "--user", "alice", "--mode", "verbatim", "--json"] + options)
    try #require(answer.code == 0, "\(answer)")
    return try #require(answer.results.first?["id"]?.text)
  }

  private func search(_ query: String, in store: String, _ options: String...) async throws -> Answer {
    try await engram(["search", query, "--store", store, "--user", "alice", "--json"] + options)
  }

  private func list(_ store: String, _ options: String...) async throws -> Answer {
    try await engram(["list", "--store", store, "--user", "alice", "--json"] + options)
  }

  @Test func addsFindsChangesAndForgets() async throws {
    try await withPath { store in
      let tea = try await add(
        "I drink green tea every morning", to: store, "--metadata", #"{"kind": "drink", "n": 1}"#,
        "--category", "habits", "--category", "drinks", "--importance", "0.5", "--expires", "2999-12-31")
      let car = try await add("The car is in the garage", to: store)
      let found = try await search("What do I have for breakfast?", in: store)
      #expect(found.code == 0 && found.errors.isEmpty && found.memories == [
        "I drink green tea every morning", "The car is in the garage",
      ], "\(found)")
      let best = try #require(found.results.first)
      #expect(best["user_id"] == "alice" && best["categories"] == ["habits", "drinks"])
      #expect(best["metadata"] == ["kind": "drink", "n": 1] && best["expiration_date"] == "2999-12-31")
      #expect(try await search("breakfast", in: store, "--limit", "1").results.count == 1)
      #expect(try await search("breakfast", in: store, "--threshold", "1").results.isEmpty)
      #expect(
        try await search("breakfast", in: store, "--filter", #"{"kind": {"ne": "drink"}}"#).results
          .map { $0["id"] } == [.string(car)])
      let prose = try await engram("search", "breakfast", "--store", store, "--user", "alice")
      #expect(prose.code == 0 && prose.output.contains(tea) && prose.output.contains("green tea"))
      let nobodys = try await engram("search", "tea", "--store", store, "--user", "bob")
      #expect(nobodys.code == 0 && nobodys.output == "Nothing found.\n", "\(nobodys)")

      let got = try await engram("get", tea, "--store", store, "--json")
      #expect(got.code == 0 && got.json["memory"] == "I drink green tea every morning", "\(got)")
      #expect(got.json["score"] == .null && got.json["hash"]?.text?.count == 32)
      let changed = try await engram(
        "update", tea, "I drink black coffee", "--metadata", #"{"n": null, "m": 2}"#, "--store", store)
      #expect(changed.code == 0 && changed.output.contains("updated successfully"), "\(changed)")
      let text = try await engram("get", tea, "--store", store)
      #expect(text.code == 0 && text.output.contains("I drink black coffee"), "\(text)")
      #expect(!text.output.contains("score") && !text.output.contains("agent"))
      let after = try await engram("get", tea, "--store", store, "--json")
      #expect(after.json["metadata"] == ["kind": "drink", "m": 2], "\(after)")

      let deleted = try await engram("delete", tea, "--store", store, "--json")
      #expect(deleted.code == 0 && deleted.json["deleted"] == 1, "\(deleted)")
      #expect(try await engram("get", tea, "--store", store).code == 2)
      #expect(try await engram("delete", tea, "--store", store).code == 2)
      let history = try await engram("history", tea, "--store", store, "--json")
      guard case .array(let entries) = try JSONValue(parsing: history.output) else {
        Issue.record("no list: \(history)")
        return
      }
      #expect(entries.map { $0["event"] } == ["ADD", "UPDATE", "DELETE"])
      #expect(entries.map { $0["is_deleted"] } == [false, false, true])
      let lines = try await engram("history", tea, "--store", store).output.split(separator: "\n")
      #expect(lines.map { $0.prefix { $0 != " " } } == ["ADD", "UPDATE", "DELETE"])

      _ = try await add("The bicycle, too", to: store)
      let all = try await engram("delete", "--all", "--user", "alice", "--store", store, "--json")
      #expect(all.code == 0 && all.json["deleted"] == 2, "\(all)")
      #expect(try await list(store).results.isEmpty)
      #expect(try await engram("list", "--store", store, "--user", "alice").output == "None.\n")
      #expect(try await engram("verify", "--store", store).code == 0)
    }
  }

  @Test func readsStandardInput() async throws {
    try await withPath { store in
      let arguments = [
        "add", "-", "--store", store, "--user", "alice", "--mode", "verbatim", "--json",
      ]
      let text = "Zeile eins 🏔\nline two \"quoted\"\n"
      let added = try await engram(arguments, input: Data(text.utf8))
      #expect(added.code == 0 && added.memories == [text], "\(added)")
      for wrong in [Data(), Data(" \n".utf8), Data([0x61, 0xFF]), Data([0x61, 0])] {
        let refused = try await engram(arguments, input: wrong)
        #expect(refused.code == 2 && refused.errors.hasPrefix("engram: "), "\(refused)")
        #expect(refused.json["error"] != nil)
      }
      #expect(try await list(store).memories == [text])
    }
  }

  @Test func pages() async throws {
    try await withPath { store in
      var ids: [String] = []
      for number in 0..<5 { ids.append(try await add("note \(number)", to: store)) }
      var (listed, cursor, pages): ([String], String?, Int) = ([], nil, 0)
      repeat {
        var arguments = ["list", "--store", store, "--user", "alice", "--limit", "2", "--json"]
        if let cursor { arguments += ["--after", cursor] }
        let page = try await engram(arguments)
        #expect(page.code == 0 && page.results.count <= 2, "\(page)")
        listed += page.results.compactMap { $0["id"]?.text }
        cursor = page.json["next"]?.text
        pages += 1
      } while cursor != nil && pages < 10
      #expect(listed == ids && pages == 3)
      let prose = try await engram("list", "--store", store, "--user", "alice", "--limit", "2")
      let last = prose.output.split(separator: "\n").last
      let next = try #require(last?.split(separator: " ").last.map(String.init))
      #expect(last?.contains("--after") == true)
      #expect(try await list(store, "--after", next).results.count == 3)
      #expect(try await list(store, "--filter", #"{"x": "*"}"#).results.isEmpty)
    }
  }

  /// Refused is 2, with a line that says why; what is no command is 64. Nothing is written.
  @Test func whatIsRefused() async throws {
    try await withPath { store in
      let id = try await add("tea", to: store)
      let (user, stranger) = (["--user", "alice"], UUID().uuidString)
      let refused: [[String]] = [
        ["add", " ", "--mode", "verbatim"] + user, ["add", "tea", "--expires", "2025-02-30"] + user,
        ["add", "tea", "--mode", "verbatim", "--importance", "2"] + user,
        ["add", "tea", "--mode", "verbatim", "--user", ""], ["search", " "] + user,
        ["search", "tea", "--threshold", "1.5"] + user, ["search", "tea", "--limit", "0"] + user,
        ["search", "tea", "--limit", "10001"] + user, ["search", "tea", "--filter", "{"] + user,
        ["search", "tea", "--filter", #"{"a": {"near": 1}}"#] + user,
        ["list", "--filter", "[]"] + user, ["list", "--limit", "1001"] + user,
        ["list", "--after", "?"] + user, ["get", stranger], ["history", stranger],
        ["update", stranger, "x"], ["update", id, " "], ["delete", id, stranger],
      ]
      for arguments in refused {
        let answer = try await engram(arguments + ["--store", store])
        #expect(answer.code == 2 && answer.output.isEmpty, "\(arguments): \(answer)")
        #expect(answer.errors.hasPrefix("engram: ") && answer.errors.hasSuffix("\n"), "\(arguments)")
      }
      let misunderstood: [[String]] = [
        ["add", "tea"], ["add"] + user, ["add", "tea", "--mode", "guess"] + user,
        ["add", "tea", "--metadata", "{"] + user, ["add", "tea", "--metadata", "[1]"] + user,
        ["search", "tea"], ["search"] + user, ["search", "tea", "--limit", "few"] + user, ["list"],
        ["get"], ["get", "tea"], ["history", "1"], ["update", id], ["update", id, "--metadata", "x"],
        ["update", "tea", "x"], ["delete"], ["delete", "--all"], ["delete", id, "--all"] + user,
        ["delete", id] + user, ["delete", "tea"],
      ]
      for arguments in misunderstood {
        let answer = try await engram(arguments + ["--store", store])
        #expect(answer.code == 64 && answer.output.isEmpty, "\(arguments): \(answer)")
        #expect(!answer.errors.isEmpty, "\(arguments)")
      }
      #expect(try await list(store).memories == ["tea"])
      #expect(try await engram("history", id, "--store", store).output.split(separator: "\n").count == 1)
    }
  }

  /// Only an add makes a store, and not one that is refused for its model.
  @Test func noStoreYet() async throws {
    try await withPath { store in
      let id = UUID().uuidString
      for arguments in [
        ["search", "tea", "--user", "alice"], ["list", "--user", "alice"], ["get", id], ["history", id],
        ["update", id, "tea"], ["delete", id], ["delete", "--all", "--user", "alice"],
      ] {
        let answer = try await engram(arguments + ["--store", store])
        #expect(answer.code == 2, "\(arguments): \(answer)")
        #expect(answer.errors == "engram: There is no store at \(store).\n", "\(arguments)")
      }
      #expect(!FileManager.default.fileExists(atPath: store))
      let unnamed = try await engram(
        ["add", "tea", "--user", "alice", "--mode", "verbatim"], environment: ["ENGRAM_STORE": store])
      #expect(unnamed.code == 0, "\(unnamed)")
      #expect(try await list(store).memories == ["tea"])
      let none = store + "-2"
      let missing = try await engram(
        ["add", "tea", "--store", none, "--user", "alice", "--mode", "verbatim"],
        environment: ["ENGRAM_MODEL_DIR": store + "-no-model"])
      #expect(missing.code == 2 && missing.errors.contains("engram model fetch"), "\(missing)")
      #expect(!FileManager.default.fileExists(atPath: none))
    }
  }

  /// What was made by another model is not searched with this one; what needs no model goes on.
  @Test func aStoreOfAnotherModel() async throws {
    try await withStore { _, store in
      for arguments in [
        ["search", "memory", "--user", "anna"], ["add", "tea", "--user", "anna", "--mode", "verbatim"],
      ] {
        let answer = try await engram(arguments + ["--store", store])
        #expect(answer.code == 2, "\(answer)")
        #expect(answer.errors.contains("of the test") && answer.errors.contains(MiniLM.name), "\(answer)")
      }
      let listed = try await engram("list", "--store", store, "--user", "anna", "--json")
      #expect(listed.code == 0 && listed.results.count == 10, "\(listed)")
    }
  }
}

extension Answer {
  /// The members of the objects in `results`.
  fileprivate var results: [[String: JSONValue]] {
    guard case .array(let results)? = json["results"] else { return [] }
    return results.map { if case .object(let members) = $0 { members } else { [:] } }
  }

  fileprivate var memories: [String] { results.compactMap { $0["memory"]?.text } }
}

extension JSONValue {
  fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }

  fileprivate subscript(name: String) -> JSONValue? {
    if case .object(let members) = self { members[name] } else { nil }
  }
}
