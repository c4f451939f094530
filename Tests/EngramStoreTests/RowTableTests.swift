import EngramStore
import Testing

/// A slot leads to the row that stands for its memory now, and to none once that is gone.
@Suite struct RowTableTests {
  @Test func rowsThatComeAgain() throws {
    let table = try RowTable()
    let slots = 500
    let key = ScopePostings().intern(.all)
    try table.reserve(rows: 50, slots: slots)
    var generator = Generator(seed: 77)
    var slotOfRow: [Int: Int] = [:]
    // Slots are used once, in order; the numbers of rows come again.
    for slot in 0..<slots {
      let row = Int.random(in: 0..<50, using: &generator)
      if generator.oneIn(3) {
        table.forget(row)
        slotOfRow[row] = nil
      }
      let next = Int.random(in: 0..<50, using: &generator)
      table.set(next, change: Int64(slot) + 1, slot: slot, key: key)
      slotOfRow[next] = slot
      let rows = Dictionary(uniqueKeysWithValues: slotOfRow.map { ($1, $0) })
      for slot in 0..<slots { #expect(table.row(ofSlot: slot) == rows[slot]) }
    }
    #expect(table.row(ofSlot: -1) == nil && table.row(ofSlot: slots) == nil)
  }
}
