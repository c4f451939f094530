import ArgumentParser
import EngramStore

struct Stats: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what a store holds and how much room it takes.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let configuration = try StoreConfiguration(storedAt: store.path)
      let statistics = try await withStore(store.path) { store in try store.statistics() }
      return Output(configuration.fields + statistics.fields)
    }
  }
}

extension StoreConfiguration {
  fileprivate var fields: [Output.Field] {
    [
      ("model", .string(model)), ("dimension", .int(Int64(dimension))),
      ("metric", .string(metric.rawValue)),
    ]
  }
}

extension StoreStatistics {
  fileprivate var fields: [Output.Field] {
    [
      ("memories", .int(Int64(memories))), ("ended_versions", .int(Int64(endedVersions))),
      ("changes", .int(changes)), ("users", .int(Int64(users))), ("agents", .int(Int64(agents))),
      ("runs", .int(Int64(runs))), ("index_rows", .int(Int64(indexRows))),
      ("dead_rows", .int(Int64(deadRows))), ("tail_rows", .int(Int64(tailRows))),
      ("index", .string(indexOrigin.text)), ("index_bytes", .int(Int64(indexBytes))),
      ("calibrated_width", calibration.map { .int(Int64($0.width)) } ?? .null),
      ("calibrated_recall", calibration.map { .double($0.recall) } ?? .null),
      ("calibrated_rows", calibration.map { .int(Int64($0.rows)) } ?? .null),
      ("files", .object(fileBytes.mapValues { .int(Int64($0)) })),
      ("sqlite", .string(sqliteVersion)), ("kernels", .string(kernels)),
    ]
  }
}

extension IndexOrigin {
  fileprivate var text: String {
    switch self {
    case .empty: "empty"
    case .snapshot: "from its snapshot"
    case .rebuilt(let reason): "rebuilt: \(reason)"
    }
  }
}
