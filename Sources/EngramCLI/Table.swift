import EngramStore
import Foundation

/// Rows of texts in columns, the last of which is as wide as it likes.
struct Table {
  let rows: [[String]]

  init(_ rows: [[String]]) { self.rows = rows }

  var text: String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, cell in
        column == row.count - 1
          ? cell : cell.padding(toLength: widths[column], withPad: " ", startingAt: 0)
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}

extension String {
  /// On one line.
  var line: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}

extension UUID {
  var text: String { uuidString.lowercased() }
}

extension Double {
  func rounded(to digits: Int) -> String { String(format: "%.\(digits)f", self) }
}

extension Date {
  /// To the second, in UTC.
  var text: String {
    String(ISO8601.format(Int64((timeIntervalSince1970 * 1e6).rounded())).prefix(19)) + "Z"
  }
}
