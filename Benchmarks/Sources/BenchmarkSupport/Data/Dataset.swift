/// Memories and queries to measure on: vectors, and everything a memory carries beside them.
public struct Dataset: Sendable {
  public var name: String
  /// One line for the report.
  public var summary: String
  public var licence: String
  /// Where it came from.
  public var origin: String
  public var dimension: Int
  /// Row-major, `records.count * dimension` values.
  public var vectors: [Float]
  public var records: DialogRecords
  public var queryVectors: [Float]
  public var queries: DialogRecords

  public var count: Int { records.count }

  public func vector(_ row: Int) -> ArraySlice<Float> {
    vectors[(row * dimension)..<((row + 1) * dimension)]
  }

  public func queryVector(_ query: Int) -> ArraySlice<Float> {
    queryVectors[(query * dimension)..<((query + 1) * dimension)]
  }

  /// Memories of each user among the first `rows`.
  public func userSizes(rows: Int? = nil) -> [String: Int] {
    var sizes: [String: Int] = [:]
    for user in records.userIDs.prefix(rows ?? count) { sizes[user, default: 0] += 1 }
    return sizes
  }

  /// The best data there is: `ENGRAM_DATASETS`/dialog-100k, else the generated set.
  public static func locate(rows: Int = 100_000) throws(DataFileError) -> Dataset {
    try DatasetSource.locate().load(rows: rows)
  }
}
