import EngramModels
import EngramStore
import Foundation
import ModelService
import Testing

/// `engram add --chat`, `engram queue` and the choice of models, with services on loopback.
@Suite(.serialized) struct QueueCommandTests {
  private func withPath(_ body: (_ store: String) async throws -> Void) async throws {
    let parent = FileManager.default.temporaryDirectory
      .appendingPathComponent("engram-queue-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: parent) }
    try await body(parent.path + "/store")
  }

  /// What a command needs to find a service and no other settings of this machine.
  private func environment(_ baseURL: String, _ more: [String: String] = [:]) -> [String: String] {
    ["OPENAI_BASE_URL": baseURL, "OPENAI_API_KEY": "sk-test-0123456789", "ENGRAM_EMBEDDER": "hashing"]
      .merging(more) { $1 }
  }

  private let arguments = ["--user", "alice", "--json"]

  @Test func addsWithAModel() async throws {
    try await withPath { store in
      try await TestServer.memories { question in
        question.kind == "facts"
          ? .facts(question.messages) : .decisions([(0, "UPDATE", "0", "")])
      } while: { server in
        let environment = environment(server.baseURL, ["ENGRAM_CHAT": "openai:gpt-test"])
        let berlin = try await engram(
          ["add", "I live in Berlin", "--store", store] + arguments, environment: environment)
        #expect(berlin.code == 0 && berlin.memories == ["I live in Berlin"], "\(berlin)")
        // One call of 10 tokens and 5.
        let used = try #require(berlin.usage("gpt-test"))
        #expect(
          used == [
            "calls": 1, "failures": 0, "prompt_tokens": 10, "completion_tokens": 5, "cost": .null,
          ])
        let rome = try await engram(
          [
            "add", "I live in Rome", "--store", store, "--price", "gpt-test=100/1000", "--embedder",
            "hashing",
          ] + arguments, environment: environment)
        #expect(rome.code == 0 && rome.memories == ["I live in Rome"], "\(rome)")
        // Two calls: 20 tokens at 100 and 10 at 1,000 dollars a million.
        #expect(rome.usage("gpt-test")?["cost"] == 0.012)
        let prose = try await engram(
          ["add", "I like tea", "--store", store, "--user", "bob", "--usage"],
          environment: environment.merging(["ENGRAM_PRICES": "gpt-test=1/2, other=3"]) { $1 })
        #expect(prose.code == 0 && prose.output.contains("ADD"), "\(prose)")
        #expect(prose.output.contains("10 tokens sent, 5 answered") && prose.output.contains("$0.000020"))
        // A search asks no model, and says so where that is asked.
        let found = try await engram(
          ["search", "Where?", "--store", store, "--user", "alice", "--usage"], environment: environment)
        #expect(found.code == 0 && found.output.contains("Rome") && found.output.contains("No service"))
        #expect(!found.output.contains("Berlin"))
        #expect(try await engram("queue", "list", "--store", store).output == "Nothing waits.\n")
        #expect(server.questions.map(\.kind) == ["facts", "facts", "decisions", "facts"])
        #expect(server.received.allSatisfy { $0.headers["authorization"] == "Bearer sk-test-0123456789" })
      }
    }
  }

  @Test func theQueueFromAShell() async throws {
    try await withPath { store in
      try await TestServer.run([.error(400, "what is this?")]) { server in
        let environment = environment(server.baseURL)
        let failed = try await engram(
          ["add", "I live in Berlin", "--store", store, "--chat", "openai:m"] + arguments,
          environment: environment)
        #expect(failed.code == 2 && failed.errors.contains("engram queue run"), "\(failed)")
        #expect(failed.errors.contains("what is this?"))
        let listed = try await engram("queue", "list", "--store", store, "--json")
        let waiting = try #require(listed.list("waiting").first)
        #expect(waiting["attempts"] == 1 && waiting["user_id"] == "alice", "\(listed)")
        #expect(waiting["messages"] == [["role": "user", "content": "I live in Berlin"]])
        let without = try await engram(
          ["queue", "run", "--store", store], environment: environment)
        #expect(without.code == 2 && without.errors.contains("chat"), "\(without)")
        for attempt in 2...5 {
          let run = try await engram(
            ["queue", "run", "--store", store, "--chat", "openai:m", "--json"], environment: environment)
          #expect(run.code == 2 && run.json["waiting"] == (attempt < 5 ? 1 : 0), "\(run)")
          #expect(run.json["given_up"] == (attempt < 5 ? 0 : 1) && run.json["worked_off"] == 0)
        }
      }
      let dead = try await engram("queue", "list", "--store", store, "--json")
      let id = try #require(dead.list("given_up").first?["id"]?.text)
      #expect(dead.list("waiting").isEmpty)
      let prose = try await engram("queue", "list", "--store", store)
      #expect(prose.output.contains("given up") && prose.output.contains(id), "\(prose)")
      #expect(try await engram("queue", "retry", "--all", "--store", store, "--json").json["waiting"] == 1)
      try await TestServer.memories { .facts($0.messages) } while: { server in
        let run = try await engram(
          ["queue", "run", "--store", store, "--chat", "openai:m", "--json"],
          environment: environment(server.baseURL))
        #expect(run.code == 0 && run.json["worked_off"] == 1 && run.json["waiting"] == 0, "\(run)")
        #expect(run.usage("m")?["calls"] == 1)
      }
      let memories = try await engram(["list", "--store", store] + arguments)
      #expect(memories.memories == ["I live in Berlin"])
      for arguments in [["queue", "retry", id], ["queue", "drop", id], ["queue", "drop", UUID().uuidString]] {
        #expect(try await engram(arguments + ["--store", store]).code == 2)
      }
      for arguments in [["queue", "drop"], ["queue", "retry", "--all", id], ["queue", "retry", "x"]] {
        #expect(try await engram(arguments + ["--store", store]).code == 64)
      }
      #expect(try await engram("queue", "drop", "--all", "--store", store, "--json").json["dropped"] == 0)
    }
  }

  /// Killed after the message is durable and before the model has answered: the queue goes on.
  @Test func aKillBeforeTheModelAnswers() async throws {
    try await withPath { store in
      let asked = AsyncStream<Void>.makeStream()
      try await TestServer.memories { _ in
        asked.continuation.finish()
        try? await Task.sleep(for: .seconds(30))
        return .error(500)
      } while: { server in
        let process = try start(
          ["add", "I live in Berlin", "--store", store, "--chat", "openai:m", "--mode", "additive"]
            + arguments, environment: environment(server.baseURL))
        for await _ in asked.stream {}
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
      }
      let listed = try await engram("queue", "list", "--store", store, "--json")
      #expect(listed.list("waiting").first?["attempts"] == 0, "\(listed)")
      #expect(try await engram(["list", "--store", store] + arguments).memories.isEmpty)
      try await TestServer.memories { .facts($0.messages) } while: { server in
        for worked in [1, 0] as [Int64] {
          let run = try await engram(
            ["queue", "run", "--store", store, "--chat", "openai:m", "--json"],
            environment: environment(server.baseURL))
          #expect(run.code == 0 && run.json["worked_off"] == .int(worked), "\(run)")
        }
        #expect(server.questions.count == 1)
      }
      #expect(try await engram(["list", "--store", store] + arguments).memories == ["I live in Berlin"])
      #expect(try await engram("verify", "--store", store).code == 0)
    }
  }

  /// Embedders by name; one that did not make the store is refused with what to write.
  @Test func embeddersByName() async throws {
    try await withPath { store in
      try await TestServer.run({ received in
        let json = try? received.json
        let count = (json?["input"] as? [String])?.count ?? 0
        let dimension = json?["dimensions"] as? Int ?? 3
        let vector = (0..<dimension).map { "\($0 + 1)" }.joined(separator: ",")
        let items = (0..<count).map { #"{"index":\#($0),"embedding":[\#(vector)]}"# }
        return TestServer.Answer(
          body: #"{"data":[\#(items.joined(separator: ","))],"usage":{"prompt_tokens":\#(count)}}"#)
      }) { server in
        let environment = environment(server.baseURL, ["ENGRAM_EMBEDDER": ""])
        func add(_ store: String, _ embedder: String) async throws -> Answer {
          try await engram(
            ["add", "tea", "--mode", "verbatim", "--store", store, "--embedder", embedder] + arguments,
            environment: environment)
        }
        func search(_ store: String, _ more: [String] = [], _ variable: String = "") async throws -> Answer {
          try await engram(
            ["search", "tea", "--store", store] + more + arguments,
            environment: environment.merging(["ENGRAM_EMBEDDER": variable]) { $1 })
        }
        for (name, stored, written) in [
          ("hashing", "hashing-384", "--embedder hashing,"), ("hashing@64", "hashing-64", "hashing@64"),
          ("openai:small", "small", "openai:small"), ("openai:@cf/bge@8", "@cf/bge", "openai:@cf/bge"),
        ] {
          let path = store + "-" + stored.replacingOccurrences(of: "/", with: "-")
          let added = try await add(path, name)
          #expect(added.code == 0 && added.memories == ["tea"], "\(added)")
          #expect(try await search(path, ["--embedder", name]).memories == ["tea"])
          #expect(try await search(path, [], name).memories == ["tea"])
          // By default it is the model of this machine, never words alone.
          let refused = try await search(path)
          #expect(refused.code == 2 && refused.errors.contains(stored), "\(refused)")
          #expect(refused.errors.contains(MiniLM.name) && refused.errors.contains(written), "\(refused)")
          let other = try await add(path, "openai:other")
          #expect(other.code == 2 && other.errors.contains("other") && other.errors.contains(stored))
        }
        let length = try await search(store + "-@cf-bge", ["--embedder", "openai:@cf/bge@16"])
        #expect(length.code == 2 && length.errors.contains("8") && length.errors.contains("16"), "\(length)")
        let used = try await search(store + "-small", ["--embedder", "openai:small"])
        #expect(
          used.usage("small") == [
            "calls": 1, "failures": 0, "prompt_tokens": 1, "completion_tokens": 0, "cost": .null,
          ])
        for wrong in ["openai:", "openai", "bert", "minilm@3", "hashing@x", ""] {
          #expect(try await add(store, wrong).code == 64, "\(wrong)")
        }
        for (variable, value) in [
          ("ENGRAM_EMBEDDER", "bert"), ("ENGRAM_CHAT", "gpt"), ("ENGRAM_PRICES", "small"),
          ("ENGRAM_PRICES", "small=-1"), ("ENGRAM_PRICES", "small=1/2/3"),
        ] {
          let refused = try await engram(
            ["add", "tea", "--store", store] + arguments,
            environment: environment.merging([variable: value]) { $1 })
          #expect(refused.code == 2 && refused.errors.contains(variable), "\(refused)")
        }
        #expect(!FileManager.default.fileExists(atPath: store))
      }
      // No key, no service named: what to set.
      let keyless = try await engram(
        ["add", "tea", "--store", store, "--chat", "openai:m"] + arguments,
        environment: ["OPENAI_BASE_URL": "", "OPENAI_API_KEY": "", "ENGRAM_EMBEDDER": "hashing"])
      #expect(keyless.code == 2 && keyless.errors.contains("OPENAI_API_KEY"), "\(keyless)")
      #expect(!FileManager.default.fileExists(atPath: store))
    }
  }
}

extension Answer {
  fileprivate func list(_ name: String) -> [[String: JSONValue]] {
    guard case .array(let values)? = json[name] else { return [] }
    return values.map { if case .object(let members) = $0 { members } else { [:] } }
  }

  fileprivate var memories: [String] { list("results").compactMap { $0["memory"]?.text } }

  /// What was counted of a model.
  fileprivate func usage(_ model: String) -> [String: JSONValue]? {
    guard case .object(let models)? = json["usage"], case .object(let members)? = models[model] else {
      return nil
    }
    return members
  }
}

extension JSONValue {
  fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }
}
