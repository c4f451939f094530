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

  @Option(help: "A category that it has from now on, in place of those it had; may be given many times.")
  var category: [String] = []

  @Option(help: ArgumentHelp("How much it matters, 0 to 1, or none.", valueName: "number"))
  var importance: OptionalValue<Double>?

  @Option(
    help: ArgumentHelp("The last day on which it is to be found, or none.", valueName: "YYYY-MM-DD"))
  var expires: OptionalValue<String>?

  @OptionGroup var models: ModelOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard text != nil || metadata != nil || !category.isEmpty || importance != nil || expires != nil else {
      throw ValidationError(
        "What is to change? Give a text, --metadata, --category, --importance or --expires.")
    }
  }

  func run() async throws {
    try await output.run { [self] _ in
      let usage = try models.ledger()
      try await store.withEngine(models, usage) { engine in
        let expiry = try expires?.value.map { try Memory.expiry(lastDay: $0) }
        try await engine.update(
          memory.id, text: text, metadata: metadata?.members,
          categories: category.isEmpty ? nil : category,
          importance: importance.map { FieldUpdate($0.value) },
          expiresAt: expires.map { _ in FieldUpdate(expiry) })
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
