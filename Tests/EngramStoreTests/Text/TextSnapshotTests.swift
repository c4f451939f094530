import EngramIndex
import Testing

@testable import EngramStore

/// What is written comes back; what was not written so is refused.
@Suite struct TextSnapshotTests {
  private let limits = TextIndexTests.limits

  /// An index that has seen much, and which rows have a text.
  private func index(_ generator: inout Generator, rows: UInt32) throws -> (TextIndex, Set<UInt32>) {
    let index = try TextIndex(limits: limits)
    var live = Set<UInt32>()
    for _ in 0..<2 * rows {
      let row = UInt32.random(in: 0..<rows, using: &generator)
      if generator.oneIn(4) {
        index.remove(row: row)
        live.remove(row)
      } else {
        try index.insert(row: row, text: TextIndexTests.text(&generator))
        live.insert(row)
      }
      if generator.oneIn(30) { try index.sealIfDue() }
    }
    return (index, live)
  }

  private func restored(
    _ bytes: [UInt8], rows: UInt32, live: Set<UInt32>
  ) throws(IndexError) -> TextIndex {
    try TextIndex(
      restoring: SavedBytes(bytes), rows: Int(rows), isLive: { live.contains(UInt32($0)) },
      limits: limits)
  }

  @Test(arguments: [0, 1, 5, 700] as [UInt32]) func roundTrip(_ rows: UInt32) throws {
    var generator = Generator(seed: 600 + UInt64(rows))
    let (index, live) = try index(&generator, rows: rows)
    let again = try restored(try index.snapshot().bytes(), rows: rows, live: live)
    #expect(again.count == live.count)
    func expectEqual() {
      for _ in 0..<40 {
        let query = TextQuery(TextIndexTests.text(&generator))
        let all = Array(0..<rows)
        let (scores, others) = (index.scores(query, of: all), again.scores(query, of: all))
        // New terms have other numbers: sums are rounded in another order.
        for (one, other) in zip(scores, others) { #expect(abs(one - other) <= one * 1e-5) }
        let hits = again.search(query, k: 20, in: .everything)
        #expect(hits.count == min(20, scores.count { $0 > 0 }))
        #expect(hits.allSatisfy { others[Int($0.row)] == $0.score })
        let (one, other) = (index.maxScore(query), again.maxScore(query))
        #expect(abs(one - other) <= one * 1e-5)
      }
    }
    expectEqual()
    for _ in 0..<40 {
      let query = TextQuery(TextIndexTests.text(&generator))
      #expect(
        again.search(query, k: 20, in: .everything) == index.search(query, k: 20, in: .everything))
    }
    // Both go on alike.
    for _ in 0..<rows {
      let row = UInt32.random(in: 0..<rows, using: &generator)
      let text = TextIndexTests.text(&generator)
      let isRemoved = generator.oneIn(3)
      for index in [index, again] {
        if isRemoved { index.remove(row: row) } else { try index.insert(row: row, text: text) }
      }
      if generator.oneIn(20) { try again.sealIfDue() }
    }
    expectEqual()
  }

  /// A text that was taken away has left no word, even before its segment is made anew.
  @Test func nothingIsLeftOfRemovedTexts() throws {
    let index = try TextIndex(limits: limits)
    for row in 0..<100 { try index.insert(row: UInt32(row), text: "common number\(row)") }
    try index.seal()
    try index.insert(row: 100, text: "confidential")
    index.remove(row: 7)
    index.remove(row: 100)
    let live = Set<UInt32>(0..<100).subtracting([7])
    let bytes = try index.snapshot().bytes()
    let text = String(decoding: bytes, as: Unicode.ASCII.self)
    #expect(text.contains("number8") && !text.contains("number7number"))
    #expect(!text.contains("confidenti"))
    let again = try restored(bytes, rows: 101, live: live)
    #expect(again.search(TextQuery("number7"), k: 5, in: .everything).isEmpty)
    #expect(again.state.read { $0.terms.count } == 100)
  }

  /// Bytes that are cut off, changed or of other rows are refused, or harmless: they lead nowhere.
  @Test func damagedBytes() throws {
    var generator = Generator(seed: 610)
    let rows: UInt32 = 120
    let (index, live) = try index(&generator, rows: rows)
    let bytes = try index.snapshot().bytes()
    var refused = 0
    func tryBytes(_ bytes: [UInt8]) {
      do throws(IndexError) {
        let index = try restored(bytes, rows: rows, live: live)
        for _ in 0..<3 {
          let query = TextQuery(TextIndexTests.text(&generator))
          _ = index.search(query, k: 10, in: .everything)
          _ = index.scores(query, of: Array(0..<rows))
        }
      } catch {
        guard case .damagedSnapshot = error else {
          Issue.record("\(error)")
          return
        }
        refused += 1
      }
    }
    for count in stride(from: 0, to: bytes.count, by: 97) { tryBytes(Array(bytes.prefix(count))) }
    let cut = (bytes.count + 96) / 97
    #expect(refused == cut)
    for _ in 0..<4_000 {
      var damaged = bytes
      for _ in 0...Int.random(in: 0...2, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        let value =
          [0, 0xFF, 1 << Int.random(in: 0..<8, using: &generator)]
          .randomElement(using: &generator) ?? 1
        damaged[place] = generator.oneIn(2) ? damaged[place] ^ UInt8(value) : UInt8(value)
      }
      tryBytes(damaged)
    }
    #expect(refused > cut + 1_000)
    #expect(throws: IndexError.self) { try restored(bytes, rows: rows / 2, live: live) }
    #expect(throws: IndexError.self) { try restored(bytes, rows: rows, live: []) }
  }
}
