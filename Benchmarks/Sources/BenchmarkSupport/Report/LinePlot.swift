/// A line plot as SVG: a few series over one pair of axes.
public struct LinePlot: Sendable {
  public enum Scale: Sendable { case linear, logarithmic }

  public struct Series: Sendable {
    public var name: String
    public var points: [(x: Double, y: Double)]

    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var xScale: Scale
  public var yScale: Scale
  public var series: [Series]

  public init(
    title: String, xLabel: String, yLabel: String, xScale: Scale = .linear,
    yScale: Scale = .linear, series: [Series]
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.xScale = xScale
    self.yScale = yScale
    self.series = series
  }

  private static let size = (width: 720.0, height: 440.0)
  private static let area = (left: 80.0, right: 540.0, top: 48.0, bottom: 380.0)
  /// Distinct for colour-blind readers too (Okabe and Ito).
  private static let colours = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
  ]

  public func svg() -> String {
    let points = series.flatMap(\.points)
    let x = Axis(values: points.map(\.x), scale: xScale == .linear ? .linear : .logarithmic)
    let y = Axis(values: points.map(\.y), scale: yScale == .linear ? .linear : .logarithmic)
    let (area, size) = (Self.area, Self.size)
    var out = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(short(size.width)) "
        + "\(short(size.height))\" font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
      text(title, x: area.left, y: 28, anchor: "start", extra: " font-size=\"15\""),
    ]
    for tick in x.ticks {
      guard let place = x.place(tick) else { continue }
      let at = area.left + place * (area.right - area.left)
      out.append(line(at, area.top, at, area.bottom, "#e4e4e4"))
      out.append(text(x.label(tick), x: at, y: area.bottom + 18, anchor: "middle"))
    }
    for tick in y.ticks {
      guard let place = y.place(tick) else { continue }
      let at = area.bottom - place * (area.bottom - area.top)
      out.append(line(area.left, at, area.right, at, "#e4e4e4"))
      out.append(text(y.label(tick), x: area.left - 8, y: at + 4, anchor: "end"))
    }
    out.append(line(area.left, area.bottom, area.right, area.bottom, "#444444"))
    out.append(line(area.left, area.top, area.left, area.bottom, "#444444"))
    let middle = (x: (area.left + area.right) / 2, y: (area.top + area.bottom) / 2)
    out.append(text(xLabel, x: middle.x, y: area.bottom + 42, anchor: "middle"))
    out.append(
      text(
        yLabel, x: 18, y: middle.y, anchor: "middle",
        extra: " transform=\"rotate(-90 18 \(short(middle.y)))\""))
    for (number, one) in series.enumerated() {
      out += drawn(one, Self.colours[number % Self.colours.count], number, x, y)
    }
    out.append("</svg>")
    return out.joined(separator: "\n") + "\n"
  }

  /// The line, its marks and its entry in the legend.
  private func drawn(
    _ series: Series, _ colour: String, _ number: Int, _ x: Axis, _ y: Axis
  ) -> [String] {
    let area = Self.area
    var places: [(String, String)] = []
    for point in series.points {
      guard let across = x.place(point.x), let up = y.place(point.y) else { continue }
      places.append(
        (
          short(area.left + across * (area.right - area.left)),
          short(area.bottom - up * (area.bottom - area.top))
        ))
    }
    let path = places.map { "\($0.0),\($0.1)" }.joined(separator: " ")
    var out = [
      "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>"
    ]
    out += places.map {
      "<circle cx=\"\($0.0)\" cy=\"\($0.1)\" r=\"3\" fill=\"\(colour)\"/>"
    }
    let row = area.top + 8 + Double(number) * 20
    out.append(line(area.right + 16, row, area.right + 38, row, colour, width: 2))
    out.append(text(series.name, x: area.right + 44, y: row + 4, anchor: "start"))
    return out
  }

  private func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String, width: Int = 1
  ) -> String {
    "<line x1=\"\(short(x1))\" y1=\"\(short(y1))\" x2=\"\(short(x2))\" y2=\"\(short(y2))\" "
      + "stroke=\"\(colour)\" stroke-width=\"\(width)\"/>"
  }

  private func text(
    _ words: String, x: Double, y: Double, anchor: String, extra: String = ""
  ) -> String {
    "<text x=\"\(short(x))\" y=\"\(short(y))\" text-anchor=\"\(anchor)\" fill=\"#222222\"\(extra)>"
      + "\(escaped(words))</text>"
  }

  /// A tenth of a unit is finer than a screen shows.
  private func short(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
  }

  private func escaped(_ words: String) -> String {
    var out = ""
    for character in words {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      default: out.append(character)
      }
    }
    return out
  }
}
