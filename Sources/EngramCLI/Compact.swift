import ArgumentParser
import EngramStore
import Foundation

struct Compact: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Gives back the space of what was deleted.",
    discussion: """
      Vectors that no version of a memory owns any more go, and the database is written anew. Programs \
      may have the store open; those that write wait until it is done. It needs room on disk for \
      the store once more.

      Versions that were updated or deleted are kept for questions about the past, until --before cuts \
      them: their vectors go, their texts stay in the history.
      """)

  @Option(
    help: "Cut versions that ended at this time or before: a date like 2026-01-31, or with a time."
  )
  var before: String?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let time = try before.map { text in
      guard let microseconds = ISO8601.parse(text) else {
        throw ValidationError("--before \(text) is no date; write it like 2026-01-31T12:00:00Z.")
      }
      return Date(timeIntervalSince1970: Double(microseconds) / 1e6)
    }
    try await output.run { [self] progress in
      let report = try await withStore(store.path) { store in
        try await store.compact(before: time, progress: progress)
      }
      return Output(report.fields)
    }
  }
}

extension CompactionReport {
  var fields: [Output.Field] {
    [
      ("versions_cut", .int(Int64(versionsCut))), ("vectors", .int(Int64(vectors))),
      ("slots_freed", .int(Int64(slotsFreed))), ("bytes_before", .int(Int64(bytesBefore))),
      ("bytes_after", .int(Int64(bytesAfter))),
    ]
  }
}
