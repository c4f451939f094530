import ArgumentParser
import EngramStore
import Foundation

struct Erase: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Erases memories for good, from every file of a store.",
    discussion: """
      Name memories, or a scope: everything that it has and ever had. Text, metadata, vectors and what \
      the history says of them go; the chain of the history stays whole and says that they were \
      erased, when, and with --by by whom. Nothing brings them back but a backup or an export made \
      before, which you have to erase yourself.
      """)

  @Option(help: "A memory to erase; may be given many times.")
  var memory: [String] = []

  @Option(help: "Erase what this user has.") var user: String?
  @Option(help: "Erase what this agent has.") var agent: String?
  @Option(
    name: .customLong("run"),
    help: "Erase what this run has. With several of these: what they have in common.")
  var runID: String?

  @Option(help: "Who wants it so, for the history.") var by: String?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  private static func ids(_ texts: [String]) throws -> [UUID] {
    try texts.map { text in
      guard let id = UUID(uuidString: text) else {
        throw ValidationError("\(text) is no memory's id.")
      }
      return id
    }
  }

  func validate() throws {
    _ = try Self.ids(memory)
    let scope = Scope(user: user, agent: agent, run: runID)
    guard memory.isEmpty != (scope == .all) else {
      throw ValidationError("Name either memories, or a scope with --user, --agent or --run.")
    }
  }

  func run() async throws {
    let ids = try Self.ids(memory)
    try await output.run { [self] progress in
      let report = try await withStore(store.path) { store in
        ids.isEmpty
          ? try await store.erase(
            scope: Scope(user: user, agent: agent, run: runID), by: by, progress: progress)
          : try await store.erase(ids, by: by, progress: progress)
      }
      return Output(
        [("erased", .array(report.memories.map { .string($0.uuidString.lowercased()) }))]
          + report.compaction.fields)
    }
  }
}
