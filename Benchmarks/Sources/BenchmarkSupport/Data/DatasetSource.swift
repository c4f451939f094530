import Foundation

/// Where a data set comes from, known before anything is read.
public enum DatasetSource: Equatable, Sendable {
  /// A folder laid out like dialog-100k.
  case dialog(folder: String)
  case generated

  /// `ENGRAM_DATASETS` is asked first; if it is set, dialog-100k must be whole in it.
  public static func locate(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(DataFileError) -> DatasetSource {
    guard let root = environment["ENGRAM_DATASETS"], !root.isEmpty else { return .generated }
    let folder = root + "/" + DialogFiles.name
    _ = try DialogFiles(in: folder)
    return .dialog(folder: folder)
  }

  /// Reads or makes the first `rows` memories and all queries.
  public func load(rows: Int = 100_000) throws(DataFileError) -> Dataset {
    switch self {
    case .dialog(let folder): try DialogFiles(in: folder).load(rows: rows)
    case .generated: GeneratedDataset(rows: rows).make()
    }
  }
}
