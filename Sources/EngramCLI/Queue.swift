import ArgumentParser
import Engram
import EngramStore
import Foundation

struct Queue: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Looks after what waits for a chat model to make memories of it.",
    discussion: """
      What is added with --chat, or by programs with a chat model, is durable before the model is asked. \
      Where the model fails it is asked again later, by whoever has the store open and works off the \
      queue, or by engram queue run; after 16 attempts, 5 where it answered nonsense, it is given up.
      """,
    subcommands: [List.self, Run.self, Retry.self, Drop.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists what waits, in the order in which it was said, and what has been given up.")

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await output.run { [self] _ in
        let (waiting, dead) = try await withStore(store.path) { store in
          (try store.waitingEpisodes(), try store.deadEpisodes())
        }
        let rows = (waiting + dead).map { episode in
          [
            episode.id.text, episode.isDead ? "given up" : "waiting",
            "\(episode.attempts) failed", episode.retryAt?.text ?? "",
            episode.messages.map(\.content).joined(separator: " ").line,
            episode.failure.map { "(\($0.line))" } ?? "",
          ]
        }
        return Output(
          document: .object([
            "waiting": .array(waiting.map(\.json)), "given_up": .array(dead.map(\.json)),
          ]), prose: rows.isEmpty ? "Nothing waits." : Table(rows).text)
      }
    }
  }

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes memories of what waits, also of what was to be tried later.",
      discussion: "Exit code 2: something still waits, since the model failed.")

    @OptionGroup var chat: ChatOptions
    @OptionGroup var models: ModelOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await output.run { [self] _ in
        let usage = try models.ledger()
        let chat = try chat.model(usage.ledger)
        let (before, after, failures, dead) = try await store.withEngine(models, usage, chat: chat) {
          engine in
          let before = try engine.store.waitingCount()
          let dead = try engine.deadLetters().count
          let after = try await engine.drain()
          let failures = try engine.pending().compactMap(\.failure)
          return (before, after, failures, try engine.deadLetters().count - dead)
        }
        let report = Output(
          [
            ("worked_off", .int(Int64(max(before - after - dead, 0)))), ("waiting", .int(Int64(after))),
            ("given_up", .int(Int64(dead))),
            ("failures", .array(Set(failures).sorted().map(JSONValue.string))),
          ], code: after == 0 && dead == 0 ? 0 : 2)
        return usage.added(to: report)
      }
    }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets what was given up wait again; engram queue run then tries it.")

    @OptionGroup var which: WaitingOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await output.run { [self] _ in
        Output([("waiting", .int(Int64(try await which.requeue(in: store.path, retryAt: Date()))))])
      }
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes no memories of what waits or was given up; what was said stays in the store.")

    @OptionGroup var which: WaitingOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await output.run { [self] _ in
        Output([("dropped", .int(Int64(try await which.requeue(in: store.path, retryAt: nil))))])
      }
    }
  }
}

/// Which of what waits or was given up.
struct WaitingOptions: ParsableArguments {
  @Argument(help: "Their ids, as engram queue list prints them.") var episodes: [MemoryID] = []

  @Flag(help: "All that was given up.") var all = false

  func validate() throws {
    guard all == episodes.isEmpty else { throw ValidationError("Name either ids, or --all.") }
  }

  /// - Returns: how many they were.
  fileprivate func requeue(in path: String, retryAt: Date?) async throws -> Int {
    try await withStore(path) { store in
      let ids = all ? try store.deadEpisodes().map(\.id) : episodes.map(\.id)
      for id in ids { try await store.requeue(id, retryAt: retryAt) }
      return ids.count
    }
  }
}

extension Episode {
  fileprivate var json: JSONValue {
    func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
    return .object([
      "id": .string(id.text), "user_id": text(scope.user), "agent_id": text(scope.agent),
      "run_id": text(scope.run), "created_at": .string(createdAt.text),
      "retry_at": text(retryAt?.text), "attempts": .int(Int64(attempts)), "failure": text(failure),
      "messages": .array(messages.map(\.json)),
    ])
  }
}
