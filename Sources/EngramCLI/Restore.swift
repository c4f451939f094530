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

  @Argument(help: "The directory of the new store; nothing may be there yet.")
  var path: String

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      let report = try await Store.restore(from: backup, to: path, progress: progress)
      return Output(report.fields, isSound: report.isSound)
    }
  }
}
