import ArgumentParser
import EngramStore

struct Import: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes a store of an export, and proves all of it.",
    discussion: """
      Every checksum and every hash of the history is computed anew. A file that was cut off or \
      altered is refused with the number of the line, and nothing is left behind.
      """)

  @Argument(help: "A file that export wrote.")
  var file: String

  @Argument(help: "The directory of the new store; nothing may be there yet.")
  var path: String

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      let report = try await Store.import(from: file, to: path, progress: progress)
      return Output(report.fields, isSound: report.isSound)
    }
  }
}
