import ArgumentParser
import Engram
import EngramStore
import Foundation

struct Add: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remembers what a text says.",
    discussion: """
      Facts are found by rules, on this machine, or by the model that --chat names. One that contradicts \
      what is known takes its place, and the old one keeps its history; --mode chooses otherwise. Chatter \
      leaves nothing. Where the model cannot be had, the text waits in the store: engram queue run.
      """)

  @Argument(help: "The text; - to read it from standard input.")
  var text: String

  @OptionGroup var who: ScopeOptions

  @Option(help: "What becomes of it: \(Consolidation.allCases.map(\.rawValue).joined(separator: ", ")).")
  var mode: Consolidation = .supersede

  @Option(help: ArgumentHelp("What else is to be kept, a JSON object.", valueName: "json"))
  var metadata: JSONObject?

  @Option(help: "A category; may be given many times.") var category: [String] = []

  @Option(help: ArgumentHelp("How much it matters, 0 to 1.", valueName: "number"))
  var importance: Double?

  @Option(help: ArgumentHelp("The last day on which it is to be found.", valueName: "YYYY-MM-DD"))
  var expires: String?

  @OptionGroup var chat: ChatOptions
  @OptionGroup var models: ModelOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let usage = try models.ledger()
      let chat = try chat.model(usage.ledger)
      var options = AddOptions(mode: mode, categories: category, importance: importance, waits: true)
      if let metadata { options.metadata = try Metadata(metadata.members) }
      options.expiresAt = try expires.map { try Memory.expiry(lastDay: $0) }
      let text = text == "-" ? try Input.standard() : text
      let added = try await store.withEngine(models, usage, makes: true, chat: chat) { [options] engine in
        do { return try await engine.add(text, scope: who.scope, options: options) } catch {
          if chat != nil, try !engine.pending(limit: 1).isEmpty {
            FileHandle.standardError.write(
              Data("engram: The text is kept and waits; try again with engram queue run.\n".utf8))
          }
          throw error
        }
      }
      return usage.added(
        to: Output(document: added.mem0, prose: added.isEmpty ? "Nothing that lasts." : added.table))
    }
  }
}

extension Consolidation: ExpressibleByArgument {}

extension [Added] {
  fileprivate var table: String {
    Table(map { [$0.event.rawValue, $0.id.uuidString.lowercased(), $0.memory.line] }).text
  }
}

/// What a command reads.
enum Input {
  static func standard() throws -> String {
    let bytes = try FileHandle.standardInput.readToEnd() ?? Data()
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw EngramError.invalid(field: "text", reason: "standard input is no UTF-8")
    }
    return text
  }
}
