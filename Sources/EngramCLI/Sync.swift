import ArgumentParser
import Engram
import EngramStore
import Foundation

struct Sync: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Takes edits of Markdown files over, and brings the files up to date.",
    discussion: """
      The directory is one that export --markdown wrote. Texts, categories, importance, expires_at and \
      metadata may have been edited, and files with user, agent or run added. A memory that was changed \
      in its file and in the store is left as it is on both sides, and the exit code is 1. \
      docs/markdown.md says what each field means.
      """)

  @Argument(help: "The directory of Markdown files.")
  var directory: String

  @Flag(help: "Delete memories whose files were removed.")
  var delete = false

  @Option(
    help: ArgumentHelp(
      "Which side counts where both were changed: "
        + MarkdownSyncOptions.Preference.allCases.map(\.rawValue).joined(separator: ", ") + ".",
      valueName: "side"))
  var prefer: MarkdownSyncOptions.Preference?

  @Flag(help: "Only say what would be done.")
  var dryRun = false

  @OptionGroup var models: ModelOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      let usage = try models.ledger()
      let report = try await store.withEngine(models, usage) { engine in
        try await engine.syncMarkdown(
          directory,
          options: MarkdownSyncOptions(deletes: delete, preference: prefer, isDryRun: dryRun),
          progress: progress)
      }
      return usage.added(to: Output(report.fields, isSound: report.conflicts.isEmpty))
    }
  }
}

extension MarkdownSyncOptions.Preference: ExpressibleByArgument {}

extension MarkdownSyncReport {
  fileprivate var fields: [Output.Field] {
    func list(_ ids: [UUID]) -> JSONValue { .array(ids.map { .string($0.uuidString.lowercased()) }) }
    return [
      ("added", list(added)), ("updated", list(updated)), ("deleted", list(deleted)),
      ("missing", list(missing)),
      (
        "conflicts",
        .array(
          conflicts.map { conflict in
            .object([
              "memory": .string(conflict.memory.uuidString.lowercased()),
              "file": conflict.file.map(JSONValue.string) ?? .null, "reason": .string(conflict.reason),
            ])
          })
      ),
      ("written", .array(written.map(JSONValue.string))),
      ("removed", .array(removed.map(JSONValue.string))),
    ]
  }
}
