import ArgumentParser
import EngramIndex
import Foundation

/// What every command takes that measures the index alone.
struct TrialOptions: ParsableArguments {
  @Option(help: "Neighbours to find.") var k = 10
  @Option(help: "Threads that build; default: all cores. Searches run on one.") var threads: Int?
  @Option(help: "Timed passes over the queries.") var passes = 3
  @OptionGroup var output: OutputOptions

  /// Threads that build.
  var builders: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }

  func validate() throws {
    guard IndexLimits.k.contains(k), passes >= 1, (threads ?? 1) >= 1 else {
      throw ValidationError("--k, --passes and --threads take positive numbers.")
    }
  }

  func publish(_ report: some Encodable, text: String) throws {
    try output.publish(report, text: text)
  }
}
