import ArgumentParser
import Engram
import EngramStore

struct Search: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Finds the memories that fit a query best.")

  @Argument(help: "What is asked.")
  var query: String

  @OptionGroup var who: ScopeOptions

  @Option(help: "How many at most, 1 to 10000.") var limit = 10

  @Option(help: ArgumentHelp("Leave out what scores less, 0 to 1.", valueName: "score"))
  var threshold = 0.0

  @Option(
    help: ArgumentHelp(
      "A condition on the metadata, as in Mem0: {\"team\": {\"in\": [\"a\", \"b\"]}}.",
      valueName: "json"))
  var filter: String?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let filter = try filter.map { try Filter(parsing: $0) }
      let found = try await store.withEngine { engine in
        try await engine.search(
          query, scope: who.scope, limit: limit, filter: filter, threshold: threshold)
      }
      let rows = found.map { [$0.score.rounded(to: 3), $0.memory.id.text, $0.memory.text.line] }
      return Output(
        document: found.mem0, prose: rows.isEmpty ? "Nothing found." : Table(rows).text)
    }
  }
}
