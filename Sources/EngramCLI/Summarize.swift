import ArgumentParser
import Engram

struct Summarize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sums up what is remembered of a user, an agent or a run.",
    discussion: """
      Those memories, as they are, that matter most and have most in common with all. The summary is a \
      memory itself, and takes the place of the one before; erasing any memory of its scope erases it.
      """)

  @OptionGroup var who: ScopeOptions

  @Option(help: ArgumentHelp("Its length at most, 16 to 4096.", valueName: "tokens"))
  var maxTokens = 256

  @OptionGroup var chat: ChatOptions
  @OptionGroup var models: ModelOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let usage = try models.ledger()
      let chat = try chat.model(usage.ledger)
      let summary = try await store.withEngine(models, usage, chat: chat) { engine in
        try await engine.summarize(who.scope, maxTokens: maxTokens)
      }
      return usage.added(
        to: Output(
          document: summary.map(\.mem0) ?? .null, prose: summary?.text ?? "Nothing to sum up."))
    }
  }
}
