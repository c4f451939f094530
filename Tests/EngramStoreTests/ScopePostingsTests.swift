import EngramStore
import Testing

/// The number of a row comes again for a memory of another scope.
@Suite struct ScopePostingsTests {
  private static func scope(_ generator: inout Generator) -> Scope {
    Scope(
      user: ["anna", "ben", nil].randomElement(using: &generator) ?? nil,
      agent: ["a", "b", "c", nil].randomElement(using: &generator) ?? nil,
      run: generator.oneIn(3) ? "run \(generator.next() % 5)" : nil)
  }

  @Test(arguments: [40, 3_000]) func agreeWithADictionary(rows: Int) {
    var generator = Generator(seed: 76)
    let postings = ScopePostings()
    var model: [UInt32: Scope] = [:]
    for step in 0..<6_000 {
      let row = UInt32.random(in: 0..<UInt32(rows), using: &generator)
      if let old = model.removeValue(forKey: row) {
        postings.remove(row, postings.intern(old))
      } else {
        let scope = Self.scope(&generator)
        model[row] = scope
        postings.insert(row, postings.intern(scope))
      }
      guard step % 20 == 0 else { continue }
      let asked = Self.scope(&generator)
      let expected = model.filter { $0.value.lies(in: asked) }.keys.sorted()
      let found = postings.rows(of: asked)
      // No condition: the rows that are gone are the index's business.
      let isAll = asked == .all
      #expect(isAll || found.count(of: model.count) == expected.count)
      #expect(expected.allSatisfy(found.contains))
      let set = found.rowSet(rowCount: rows)
      #expect(isAll || set.rows == expected.map(Int.init), "step \(step), \(asked)")
    }
  }
}
