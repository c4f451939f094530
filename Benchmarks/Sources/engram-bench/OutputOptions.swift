import ArgumentParser
import BenchmarkSupport

/// Where a command's figures go.
struct OutputOptions: ParsableArguments {
  @Option(help: "Write the figures as JSON to this file (- for standard output).")
  var json: String?

  /// Shows the text, and writes the JSON where it is wanted.
  func publish(_ report: some Encodable, text: String) throws {
    if json != "-" { print(text) }
    if let json { try JSONOutput.write(report, to: json) }
  }
}
