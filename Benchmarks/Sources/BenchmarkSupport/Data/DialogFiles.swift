import Foundation

/// The four files of a data set such as dialog-100k.
struct DialogFiles {
  static let name = "dialog-100k"

  let folder: String
  let baseVectors: String
  let baseRecords: String
  let queryVectors: String
  let queryRecords: String

  init(in folder: String) throws(DataFileError) {
    self.folder = folder
    var missing: [String] = []
    func find(_ names: String...) -> String {
      for name in names + names.map({ $0 + ".gz" }) {
        let path = folder + "/" + name
        if FileManager.default.isReadableFile(atPath: path) { return path }
      }
      missing.append(names.joined(separator: " or "))
      return ""
    }
    baseVectors = find("base.f16bin", "base.fbin")
    baseRecords = find("base.jsonl")
    queryVectors = find("queries.public.fbin", "queries.public.f16bin")
    queryRecords = find("queries.public.jsonl")
    guard missing.isEmpty else { throw .missingFiles(folder: folder, names: missing) }
  }

  func load(rows: Int) throws(DataFileError) -> Dataset {
    let base = try VectorFile(baseVectors, limit: rows)
    let records = try DialogRecords(baseRecords, limit: rows)
    let queries = try VectorFile(queryVectors)
    let queryRecords = try DialogRecords(self.queryRecords)
    try check(records.count, are: base.rows, in: baseRecords)
    try check(queryRecords.count, are: queries.rows, in: self.queryRecords)
    guard queries.dimension == base.dimension else {
      throw .shapeMismatch(
        file: queryVectors, expected: "\(base.dimension) dimensions as in \(baseVectors)",
        found: "\(queries.dimension)")
    }
    return Dataset(
      name: Self.name,
      summary: "\(grouped(base.rows)) x \(base.dimension), distinct utterances of real dialogues "
        + "embedded with all-MiniLM-L6-v2; \(grouped(queries.rows)) held-out queries",
      licence: "CC BY-SA 4.0 (schema-guided dialogue), CDLA-Sharing-1.0 (Topical-Chat), "
        + "CC BY 4.0 (Taskmaster)",
      origin: "ENGRAM_DATASETS",
      dimension: base.dimension, vectors: base.values, records: records,
      queryVectors: queries.values, queries: queryRecords)
  }

  private func check(_ lines: Int, are rows: Int, in file: String) throws(DataFileError) {
    guard lines == rows else {
      throw .shapeMismatch(
        file: file, expected: "\(rows) lines, one for each vector", found: "\(lines)")
    }
  }
}
