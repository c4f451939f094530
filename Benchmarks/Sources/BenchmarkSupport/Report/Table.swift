/// A table of a report: aligned text for a terminal, or Markdown, of the same cells.
public struct Table: Sendable {
  public enum Alignment: Sendable { case left, right }

  public struct Column: Sendable {
    var header: String
    var alignment: Alignment

    /// Words.
    public static func text(_ name: String) -> Column { Column(header: name, alignment: .left) }

    /// Numbers, with their unit in the header.
    public static func number(_ name: String, unit: String? = nil) -> Column {
      Column(header: unit.map { "\(name) [\($0)]" } ?? name, alignment: .right)
    }
  }

  public enum Cell: Sendable {
    case text(String)
    case integer(Int)
    case decimal(Double, Int)
    case none

    var rendered: String {
      switch self {
      case .text(let text): text.split(whereSeparator: \.isNewline).joined(separator: " ")
      case .integer(let value): grouped(value)
      case .decimal(let value, let decimals): grouped(value, decimals: decimals)
      case .none: "-"
      }
    }
  }

  public var title: String?
  public let columns: [Column]
  public private(set) var rows: [[Cell]] = []

  public init(_ title: String? = nil, columns: [Column]) {
    self.title = title
    self.columns = columns
  }

  /// Missing cells are shown as a dash, cells beyond the last column are dropped.
  public mutating func add(_ cells: [Cell]) {
    let missing = max(0, columns.count - cells.count)
    rows.append(cells.prefix(columns.count) + Array(repeating: .none, count: missing))
  }

  public mutating func add(_ cells: Cell...) { add(cells) }

  public func text() -> String {
    let body = rows.map { $0.map(\.rendered) }
    let headers = columns.map(\.header)
    let widths = columns.indices.map { column in
      ([headers] + body).map { $0[column].count }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      var parts: [String] = []
      for (column, cell) in cells.enumerated() {
        let fill = String(repeating: " ", count: widths[column] - cell.count)
        parts.append(columns[column].alignment == .left ? cell + fill : fill + cell)
      }
      return trimmedRight(parts.joined(separator: "  "))
    }
    var lines = title.map { [$0] } ?? []
    lines.append(line(headers))
    lines.append(widths.map { String(repeating: "-", count: $0) }.joined(separator: "  "))
    lines += body.map(line)
    return lines.joined(separator: "\n") + "\n"
  }

  public func markdown() -> String {
    func line(_ cells: [String]) -> String {
      let escaped = cells.map { $0.split(separator: "|", omittingEmptySubsequences: false) }
      return "| " + escaped.map { $0.joined(separator: "\\|") }.joined(separator: " | ") + " |"
    }
    var lines = title.map { ["**\($0)**", ""] } ?? []
    lines.append(line(columns.map(\.header)))
    let rules = columns.map { $0.alignment == .left ? "---" : "---:" }
    lines.append("| " + rules.joined(separator: " | ") + " |")
    lines += rows.map { line($0.map(\.rendered)) }
    return lines.joined(separator: "\n") + "\n"
  }
}

private func trimmedRight(_ text: String) -> String {
  var text = Substring(text)
  while text.last == " " { text.removeLast() }
  return String(text)
}
