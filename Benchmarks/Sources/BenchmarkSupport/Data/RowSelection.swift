/// A filter as a benchmark sees it: which rows may be results of each query.
public struct RowSelection: Sendable {
  public let name: String
  private let selected: @Sendable (Int) -> [Int]

  /// The rows that pass for a query, each once.
  public func rows(of query: Int) -> [Int] { selected(query) }
}

extension RowSelection {
  /// Rows drawn by chance, others for each query.
  public static func random(percent: Double, of rows: Int) -> RowSelection {
    RowSelection(name: "random \(short(percent)) %") { query in
      let stream = Hash.mix(0x6D61_726B, UInt64(query))
      return (0..<rows).filter { Hash.unit(Hash.mix(stream, UInt64($0))) * 100 < percent }
    }
  }

  /// The rows whose value in a column is the query's.
  public static func equal(_ name: String, rows: [String], queries: [String]) -> RowSelection {
    let places = Dictionary(grouping: rows.indices) { rows[$0] }
    return RowSelection(name: name) { places[queries[$0]] ?? [] }
  }

  /// The rows of the users nearest to the query, whole users in order, until at least so many
  /// percent of all rows pass: a filter that goes along with what is asked for.
  public static func nearestUsers(
    percent: Double, users: UserMeans, of data: Dataset
  ) -> RowSelection {
    RowSelection(name: "nearest users \(short(percent)) %") { query in
      var rows: [Int] = []
      for user in users.nearest(to: data.queryVector(query)) {
        guard Double(rows.count) * 100 < percent * Double(data.count) else { break }
        rows += users.rows[user]
      }
      return rows
    }
  }
}

/// The mean of each user's vectors.
public struct UserMeans: Sendable {
  /// The rows of each user, users in order of their first row.
  public let rows: [[Int]]
  private let means: [[Float]]

  public init(of data: Dataset) {
    let byUser = Dictionary(grouping: 0..<data.count) { data.records.userIDs[$0] }
    let rows = byUser.values.sorted { $0[0] < $1[0] }
    means = rows.map { rows in
      var sum = [Float](repeating: 0, count: data.dimension)
      for row in rows {
        for (i, value) in data.vector(row).enumerated() { sum[i] += value }
      }
      return sum.map { $0 / Float(rows.count) }
    }
    self.rows = rows
  }

  /// The users by the inner product of mean and query, the highest first.
  public func nearest(to query: ArraySlice<Float>) -> [Int] {
    let scores = means.map { mean in zip(mean, query).reduce(Float(0)) { $0 + $1.0 * $1.1 } }
    return scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
  }
}

/// 0.1 as 0.1 and 50.0 as 50.
private func short(_ percent: Double) -> String {
  percent == percent.rounded() ? "\(Int(percent))" : "\(percent)"
}
