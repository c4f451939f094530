import EngramStore
import Testing

/// Rows come and go in any order, and again for other memories.
@Suite struct PostingListTests {
  /// Few rows far apart, many close together, and both: every form and the ways between them.
  private static let shapes: [(rows: Int, spread: Int)] = [
    (60, 1), (600, 1), (600, 1_000), (3_000, 7),
  ]

  private func rows(_ generator: inout Generator) -> UInt32 {
    let shape = Self.shapes.randomElement(using: &generator) ?? Self.shapes[0]
    return UInt32.random(in: 0..<UInt32(shape.rows), using: &generator) * UInt32(shape.spread)
  }

  @Test func agreesWithASet() {
    var generator = Generator(seed: 71)
    for _ in 0..<40 {
      var (list, model) = (PostingList(), Set<UInt32>())
      let removals = Int.random(in: 2...6, using: &generator)
      for step in 0..<2_000 {
        let row = rows(&generator)
        // Towards the end nearly all are removed, so that bitmaps become lists again.
        let isRemoved =
          step > 1_500 ? !generator.oneIn(6) : Int.random(in: 0..<removals, using: &generator) == 0
        if isRemoved {
          let gone = generator.oneIn(2) ? row : model.randomElement(using: &generator) ?? row
          list.remove(gone)
          model.remove(gone)
        } else {
          list.insert(row)
          model.insert(row)
        }
        #expect(list.count == model.count)
        #expect(list.contains(row) == model.contains(row))
      }
      #expect(list.rows == model.sorted())
    }
  }

  @Test func setOperations() {
    var generator = Generator(seed: 72)
    for _ in 0..<300 {
      let sets = (0..<3).map { _ in
        let shape = Self.shapes.randomElement(using: &generator) ?? Self.shapes[0]
        let share = [2, 10, 100].randomElement(using: &generator) ?? 2
        return Set(
          (0..<UInt32(shape.rows)).lazy.map { $0 * UInt32(shape.spread) }
            .filter { _ in generator.oneIn(share) })
      }
      let lists = sets.map { PostingList(sorted: $0.sorted()) }
      let (a, b, c) = (sets[0], sets[1], sets[2])
      #expect(lists[0].intersection(lists[1]).rows == a.intersection(b).sorted())
      #expect(lists[0].union(lists[1]).rows == a.union(b).sorted())
      #expect(lists[0].subtracting(lists[1]).rows == a.subtracting(b).sorted())
      #expect(PostingList.union(of: lists).rows == a.union(b).union(c).sorted())
    }
    #expect(PostingList.union(of: []).isEmpty)
  }

  /// A copy sees what was there when it was made.
  @Test func copiesAreValues() {
    var list = PostingList(sorted: Array(0..<500))
    let copy = list
    list.remove(3)
    list.insert(9_000)
    #expect(copy.rows == Array(0..<500))
    #expect(list.count == 500)
  }

  @Test func selections() {
    var generator = Generator(seed: 73)
    let rows = UInt32(0)..<200
    func random() -> (RowSelection, Set<UInt32>) {
      let set = Set(rows.filter { _ in generator.oneIn(4) })
      let list = PostingList(sorted: set.sorted())
      return generator.oneIn(2)
        ? (.only(list), set) : (.allBut(list), Set(rows).subtracting(set))
    }
    for _ in 0..<500 {
      var (left, right) = (random(), random())
      let row = UInt32.random(in: rows, using: &generator)
      let selected = [true, false].randomElement(using: &generator) ?? true
      left.0.set(row, selected: selected)
      if selected { left.1.insert(row) } else { left.1.remove(row) }
      for (selection, expected) in [
        (left.0.intersection(right.0), left.1.intersection(right.1)),
        (left.0.union(right.0), left.1.union(right.1)),
        (left.0.inverted, Set(rows).subtracting(left.1)),
      ] {
        #expect(Set(rows.filter(selection.contains)) == expected)
        let set = selection.rowSet(rowCount: rows.count)
        #expect(set.rows == expected.sorted().map(Int.init) && set.count == expected.count)
        #expect(selection.count(of: rows.count) == expected.count)
      }
    }
  }
}
