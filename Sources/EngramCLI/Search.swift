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

  @Option(
    name: .customLong("max-tokens"),
    help: ArgumentHelp("As many as fit into so many tokens together.", valueName: "tokens"))
  var maxTokens: Int?

  @Option(
    name: .customLong("as-of"),
    help: ArgumentHelp("What was known at a moment, as ISO 8601.", valueName: "time"))
  var asOf: Moment?

  @Flag(name: .customLong("all-versions"), help: "Also what memories said before they were changed or superseded.")
  var allVersions = false

  @Flag(name: .customLong("show-expired"), help: "Also memories whose time is over.")
  var showExpired = false

  @Option(help: ArgumentHelp("How much results should differ, 0 to 1.", valueName: "share"))
  var diversity = 0.0

  @Flag(help: "Tell what each score is made of.")
  var explain = false

  @OptionGroup var models: ModelOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let options = SearchOptions(
        limit: limit, filter: try filter.map { try Filter(parsing: $0) }, threshold: threshold,
        diversity: diversity, maxTokens: maxTokens, asOf: asOf?.date, latestOnly: !allVersions,
        showExpired: showExpired, explain: explain)
      let usage = try models.ledger()
      let found = try await store.withEngine(models, usage) { engine in
        try await engine.search(query, scope: who.scope, options: options)
      }
      let rows = found.map { found in
        let why = found.components.map { [$0.line] } ?? []
        return [found.score.rounded(to: 3)] + why + [found.memory.id.text, found.memory.text.line]
      }
      return usage.added(
        to: Output(document: found.mem0, prose: rows.isEmpty ? "Nothing found." : Table(rows).text))
    }
  }
}

extension ScoreComponents {
  /// In short, those that are not 0.
  fileprivate var line: String {
    [
      ("meaning", similarity), ("words", text), ("context", context), ("recency", recency),
      ("importance", importance), ("access", access),
    ].filter { $0.1 > 0 }.map { "\($0.0) \($0.1.rounded(to: 2))" }.joined(separator: ", ")
  }
}
