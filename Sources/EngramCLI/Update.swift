import ArgumentParser
import Engram
import EngramStore

struct Update: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Changes a memory; what it was before stays in its history.")

  @Argument(help: "The memory's id.") var memory: MemoryID
  @Argument(help: "Its new text.") var text: String?

  @Option(
    help: ArgumentHelp("Members of its metadata that are to change; null takes one out.", valueName: "json"))
  var metadata: JSONObject?

  @OptionGroup var models: ModelOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard text != nil || metadata != nil else {
      throw ValidationError("What is to change? Give a text, or --metadata.")
    }
  }

  func run() async throws {
    try await output.run { [self] _ in
      let usage = try models.ledger()
      try await store.withEngine(models, usage) { engine in
        try await engine.update(memory.id, text: text, metadata: metadata?.members)
      }
      return usage.added(to: Output([("message", .string("Memory updated successfully!"))]))
    }
  }
}

struct Delete: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Removes memories from searches and lists; their history stays.",
    discussion: "To leave nothing of them: engram erase.")

  @Argument(help: "The memories' ids.") var memories: [MemoryID] = []

  @Flag(help: "All of the scope.") var all = false
  @Option(help: "With --all: of this user.") var user: String?
  @Option(help: "With --all: of this agent.") var agent: String?
  @Option(name: .customLong("run"), help: "With --all: of this run.") var runID: String?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  private var scope: Scope { Scope(user: user, agent: agent, run: runID) }

  func validate() throws {
    guard all == memories.isEmpty, all == (scope != .all) else {
      throw ValidationError("Name either memories, or --all with --user, --agent or --run.")
    }
  }

  func run() async throws {
    try await output.run { [self] _ in
      let deleted = try await withStore(store.path) { store in
        if all {
          try await store.dropWaiting(scope: scope)
          return try await store.deleteAll(scope: scope)
        }
        try await store.delete(memories.map(\.id))
        return memories.count
      }
      return Output([("deleted", .int(Int64(deleted)))])
    }
  }
}
