import ArgumentParser
import Engram
import EngramModels
import EngramStore

struct Import: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes a store of an export, and proves all of it.",
    discussion: """
      Every checksum and every hash of the history is computed anew. A file that was cut off or \
      altered is refused with the number of the line, and nothing is left behind. Of Markdown files \
      vectors are made anew; edits since the export are named, and sync takes them over.
      """)

  @Argument(help: "A file that export wrote, or the directory.")
  var file: String

  @Flag(help: "It is a directory of Markdown files.")
  var markdown = false

  @OptionGroup var models: ModelOptions
  /// Where nothing may be yet.
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      if markdown {
        let usage = try models.ledger()
        let embedder = try await models.embedder(ofStoreAt: store.path, makes: true, ledger: usage.ledger)
        let imported = try await MemoryEngine.importMarkdown(
          from: file, to: store.path, embedder: embedder, progress: progress)
        return usage.added(
          to: Output(
            imported.report.fields + [("edited_files", .array(imported.edited.map(JSONValue.string)))],
            isSound: imported.report.isSound))
      }
      let report = try await Store.import(from: file, to: store.path, progress: progress)
      return Output(report.fields, isSound: report.isSound)
    }
  }
}
