import ArgumentParser
import EngramStore

struct Restore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes a store of a backup, and proves all of it.",
    discussion: """
      Every file is checked against BACKUP.json, the store is opened and verified. The backup stays \
      as it is. Where that fails nothing is left behind.
      """)

  @Argument(help: "The directory of the backup.")
  var backup: String

  /// Where nothing may be yet.
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      let report = try await Store.restore(from: backup, to: store.path, progress: progress)
      return Output(report.fields, isSound: report.isSound)
    }
  }
}
