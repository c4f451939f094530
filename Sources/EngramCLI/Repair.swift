import ArgumentParser
import EngramStore

struct Repair: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes a damaged store one that opens and serves what is left of it.",
    discussion: """
      Rebuilds all that is derived (indexes, full text, the graph), puts right what checksums prove, \
      and lists what is lost. No memory is dropped: one whose vector is gone keeps its text and its \
      history, and is found again once it is updated with a new vector.

      A database that SQLite cannot read is not repaired: restore a backup. Copy the directory \
      before you repair what you have no backup of.
      """)

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      let report = try await Store.repair(path: store.path, progress: progress)
      return Output(
        [
          ("restored", .array(report.restored.map(JSONValue.string))),
          ("failed", .array(report.failed.map(JSONValue.string))),
          ("newly_lost_vectors", .array(report.lostVectors.map(\.value))),
        ] + report.verified.fields, isSound: report.isSound)
    }
  }
}

extension RepairReport.LostVector {
  fileprivate var value: JSONValue {
    [
      "memory": .string(memory.uuidString.lowercased()), "change": .int(change),
      "is_current": .bool(isCurrent),
    ]
  }
}
