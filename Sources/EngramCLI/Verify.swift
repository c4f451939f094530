import ArgumentParser
import EngramStore

struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks that a store is whole, and that its history has not been tampered with.",
    discussion: """
      It prints the head of the history: a number and a hash. Keep it where nobody who can write to \
      the store can write; later, --head proves that everything up to there is still in the history, \
      unchanged, and that nothing was cut off after it.

        engram verify --store memories
        engram verify --store memories --head 1042:9f2c...
      """)

  @Flag(
    help: """
      Look only at what takes a moment: tables, lengths, the end of the history, the last vectors. \
      With --head, also the history from there on.
      """)
  var quick = false

  @Option(help: "A head that an earlier verify printed: it must be in the history still.")
  var head: HistoryHead?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      let report: VerifyReport
      do {
        report = try await withStore(store.path) { store in
          try await store.verify(quick ? .quick : .full, since: head, progress: progress)
        }
      } catch let error as StoreError where error.isDamage {
        // It does not even open.
        return Output([("sound", false), ("problems", [.string("\(error)")])], isSound: false)
      }
      return Output(report.fields, isSound: report.isSound)
    }
  }
}

extension StoreError {
  /// Whether it says that something is wrong with the store, rather than that it cannot be had.
  fileprivate var isDamage: Bool {
    switch self {
    case .damaged, .index: true
    // SQLITE_CORRUPT and SQLITE_NOTADB.
    case .database(let code, _): [11, 26].contains(code & 0xFF)
    default: false
    }
  }
}

extension HistoryHead: ExpressibleByArgument {}

extension VerifyReport {
  var fields: [Output.Field] {
    [
      ("sound", .bool(isSound)), ("depth", .string(depth.rawValue)),
      ("head", .string(head.description)), ("changes", .int(Int64(changes))),
      ("memories", .int(Int64(memories))), ("versions", .int(Int64(versions))),
      ("vectors", .int(Int64(vectors))), ("past_vectors_lost", .int(Int64(pastVectorsLost))),
      ("lost_vectors", .array(lostVectors.map { .string($0.uuidString.lowercased()) })),
      ("problems", .array(problems.map(JSONValue.string))),
    ]
  }
}
