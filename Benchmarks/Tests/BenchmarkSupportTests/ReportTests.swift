import Foundation
import Synchronization
import Testing

@testable import BenchmarkSupport

@Suite struct ReportTests {
  private func makeTable() -> Table {
    var table = Table(
      "Search", columns: [.text("user"), .number("memories"), .number("p95", unit: "ms")])
    table.add(.text("largest"), .integer(5_642), .decimal(0.1234, 3))
    table.add(.text("a|b"), .integer(12))
    return table
  }

  @Test func alignsTables() {
    #expect(
      makeTable().text() == """
        Search
        user     memories  p95 [ms]
        -------  --------  --------
        largest     5,642     0.123
        a|b            12         -

        """)
  }

  @Test func rendersMarkdown() {
    #expect(
      makeTable().markdown() == """
        **Search**

        | user | memories | p95 [ms] |
        | --- | ---: | ---: |
        | largest | 5,642 | 0.123 |
        | a\\|b | 12 | - |

        """)
  }

  @Test func keepsTablesInShape() {
    var table = Table(columns: [.text("a")])
    table.add([.text("two\nlines"), .integer(1)])
    #expect(table.text() == "a\n---------\ntwo lines\n")
  }

  @Test func writesNumbers() {
    #expect(grouped(0) == "0" && grouped(999) == "999" && grouped(-1_000) == "-1,000")
    #expect(grouped(1_234_567) == "1,234,567" && grouped(Int.min).hasPrefix("-9,223,"))
    #expect(grouped(1_234.5678, decimals: 2) == "1,234.57")
    #expect(grouped(0.9996, decimals: 3) == "1.000" && grouped(-0.0001, decimals: 2) == "0.00")
    #expect(grouped(-1.5, decimals: 1) == "-1.5" && grouped(.nan, decimals: 1) == "-")
    #expect(grouped(2.5, decimals: 0) == "3")
    #expect(byteText(1_536) == "1.5 KiB" && byteText(12) == "12 B")
  }

  private func recorded(
    isTerminal: Bool, hasColour: Bool, _ body: (ProgressWriter) -> Void
  ) -> String {
    let text = Box()
    body(
      ProgressWriter(isTerminal: isTerminal, hasColour: hasColour) { part in
        text.value.withLock { $0 += part }
      })
    return text.value.withLock { $0 }
  }

  private final class Box: Sendable {
    let value = Mutex("")
  }

  @Test func progressIsPlainInFiles() {
    let text = recorded(isTerminal: false, hasColour: false) { progress in
      progress.begin("load")
      progress.update(1, of: 2)
      progress.begin("search")
      progress.end("recall 1.0")
      progress.say("bye")
    }
    let lines = text.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("load: ") && lines[0].hasSuffix(" s"))
    #expect(lines[1].hasSuffix(" s, recall 1.0") && lines[2] == "bye")
    #expect(!text.contains("\r") && !text.contains("\u{1B}"))
  }

  @Test func progressRewritesOnTerminals() {
    let text = recorded(isTerminal: true, hasColour: false) { progress in
      progress.begin("load")
      progress.update(1_000, of: 4_000)
      progress.end()
    }
    #expect(text.contains("load 1,000 / 4,000 (25 %)"))
    #expect(text.contains("\r") && !text.contains("[32m"))
  }

  @Test func writesJSON() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/new/out.json"
    try JSONOutput.write(["b": 1.5, "a": .infinity], to: path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == """
      {
        "a" : "inf",
        "b" : 1.5
      }

      """)
    #expect(throws: DataFileError.self) { try JSONOutput.write([1], to: path + "/below") }
  }

  @Test func plotsLines() throws {
    let plot = LinePlot(
      title: "Recall & <speed>", xLabel: "queries per second", yLabel: "recall",
      xScale: .logarithmic,
      series: [
        .init("engram", [(10, 0.9), (100, 0.95), (5_000, 1), (-1, 0.5), (.nan, 1)]),
        .init("other", []),
      ])
    let svg = plot.svg()
    #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    #expect(svg.contains("Recall &amp; &lt;speed&gt;"))
    #expect(svg.components(separatedBy: "<circle").count == 4)
    #expect(!svg.contains("nan") && !svg.contains("inf"))
    // Any data at all gives a plot.
    for points in [[], [(x: 0.0, y: 0.0)], [(x: 1e300, y: -1e300), (x: 1e-300, y: 5)]] {
      for scale in [LinePlot.Scale.linear, .logarithmic] {
        let svg = LinePlot(
          title: "", xLabel: "", yLabel: "", xScale: scale, yScale: scale,
          series: [.init("s", points)]
        ).svg()
        #expect(svg.hasSuffix("</svg>\n") && !svg.contains("nan"))
      }
    }
  }

  @Test func choosesRoundTicks() {
    #expect(Axis(values: [0, 10], scale: .linear).ticks == [0, 2, 4, 6, 8, 10])
    let decades = Axis(values: [3, 400], scale: .logarithmic)
    #expect(decades.ticks == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])
    #expect(decades.label(1_000) == "1,000" && decades.label(0.25) == "0.25")
    #expect(decades.place(1) == 0 && decades.place(1_000) == 1)
  }
}
