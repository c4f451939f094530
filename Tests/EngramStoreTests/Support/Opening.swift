import EngramIndex
import EngramStore
import Foundation

/// A store of small vectors, as most tests want it.
func openStore(
  _ directory: URL, dimension: Int = 8, metric: Metric = .cosine, durability: Durability = .process,
  model: String = "test"
) throws -> Store {
  try Store(
    path: directory.path,
    configuration: StoreConfiguration(
      dimension: dimension, metric: metric, model: model, durability: durability,
      indexingThreads: 2))
}

/// What a store says when it refuses, in one word and the field that it names; nil where it does
/// not refuse, or with an error of another type.
func refusal(
  isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
) async -> String? {
  do {
    try await body()
    return nil
  } catch let error as StoreError {
    return error.kind
  } catch {
    return "untyped \(error)"
  }
}

extension StoreError {
  var kind: String {
    switch self {
    case .unusablePath: "unusablePath"
    case .noStore: "noStore"
    case .exists: "exists"
    case .inUse: "inUse"
    case .newerFormat: "newerFormat"
    case .mismatch(let setting, _, _): "mismatch \(setting)"
    case .reembed: "reembed"
    case .index(let error): "index \(error.caseName)"
    case .invalid(let field, _): "invalid \(field)"
    case .unknownMemory: "unknownMemory"
    case .changed: "changed"
    case .erasureUnfinished: "erasureUnfinished"
    case .duplicateID: "duplicateID"
    case .conflictingKey: "conflictingKey"
    case .notWaiting: "notWaiting"
    case .erasedSince: "erasedSince"
    case .filter: "filter"
    case .badCursor: "badCursor"
    case .beforeHorizon: "beforeHorizon"
    case .damaged(let file, _): "damaged \(URL(fileURLWithPath: file).lastPathComponent)"
    case .badExport(_, let line, _): "badExport \(line)"
    case .system: "system"
    case .database: "database"
    case .readOnly: "readOnly"
    case .commitOutcomeUnknown: "commitOutcomeUnknown"
    case .busy: "busy"
    case .closed: "closed"
    case .cancelled: "cancelled"
    }
  }
}

extension IndexError {
  /// The case without what it carries.
  fileprivate var caseName: String {
    switch self {
    case .zeroVector: "zeroVector"
    case .normTooLarge: "normTooLarge"
    default: Mirror(reflecting: self).children.first?.label ?? "\(self)"
    }
  }
}
