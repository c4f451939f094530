import EngramIndex
import Foundation
import Testing

/// A row set against a set.
@Suite struct RowSetTests {
  @Test func isASet() {
    var random = Generator(50)
    for round in 0..<200 {
      let bound = 1 + random.below([1, 70, 1_000, 100_000][round % 4])
      var set = RowSet(rows: random.below(2) == 0 ? 0 : random.below(bound + 1))
      var model: Set<Int> = []
      for _ in 0..<random.below(300) {
        let row = random.below(bound)
        set.insert(row)
        model.insert(row)
        guard random.below(4) == 0 else { continue }
        let gone = random.below(2) == 0 ? row : random.below(2 * bound)
        set.remove(gone)
        model.remove(gone)
      }
      #expect(set.count == model.count, note("round \(round)"))
      #expect(set.rows == model.sorted(), note("round \(round)"))
      #expect(RowSet(model).rows == set.rows, note("round \(round)"))
      #expect(RowSet(words: set.words).rows == set.rows, note("round \(round)"))
      #expect(set.numbers.map(Int.init) == set.rows, note("round \(round)"))
      let asked = (0..<300).map { _ in random.below(2 * bound + 130) } + [bound, Int.max]
      for row in asked {
        #expect(set.contains(row) == model.contains(row), note("row \(row)"))
      }
    }
  }

  @Test func negativeRowsAreNotTaken() {
    var set = RowSet(rows: -5)
    set.insert(-1)
    set.insert(Int.min)
    #expect(set.count == 0)
    #expect(set.rows == [])
  }

  /// In a process of its own: it may trap.
  @Test func negativeRowsAreNotThere() async {
    await #expect(processExitsWith: .success) {
      let set = RowSet(0..<100)
      let asked = [-1, -64, -65, Int.min]
      if asked.contains(where: set.contains) { exit(1) }
    }
  }
}
