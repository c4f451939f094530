import EngramIndex

/// Where the terms of a query stand in the texts of some rows.
struct TextOccurrences {
  /// A text by its place among the rows, and how often the term stands there.
  typealias Found = (place: Int32, count: Int32)

  /// Of each term of the query, ascending by place; none of a term that no text of the index has.
  var found: [[Found]]
  /// In how many texts of the whole index each term stands.
  var frequencies: [Int]
  /// How many terms each text has; 0 where a row has none.
  var lengths: [Int32]
}

extension TextIndex {
  /// Looks through the texts of rows for the terms of a query.
  func occurrences(of query: TextQuery, in rows: [UInt32]) -> TextOccurrences {
    state.read { state in
      var occurrences = TextOccurrences(
        found: [], frequencies: [], lengths: [Int32](repeating: 0, count: rows.count))
      var numbers: [UInt32?] = []
      query.forEachTerm { term, _ in
        let number = state.terms.number(of: term)
        numbers.append(number)
        occurrences.frequencies.append(number.map(state.terms.frequency) ?? 0)
      }
      occurrences.found = [[TextOccurrences.Found]](repeating: [], count: numbers.count)
      withTable(numbers, capacity: state.terms.capacity) { places in
        for place in rows.indices {
          guard let address = address(of: rows[place]),
            let documents = state.documents[address.slot]
          else { continue }
          occurrences.lengths[place] = Int32(documents.length(address.document))
          documents.forEachTerm(of: address.document) { term, count in
            let which = places[Int(term)]
            guard which > 0 else { return }
            occurrences.found[Int(which) - 1].append((Int32(place), Int32(count)))
          }
        }
      }
      return occurrences
    }
  }

  /// Lends a table from the number of a term to its place in a query, from 1 on; 0 for other terms.
  private func withTable(
    _ numbers: [UInt32?], capacity: Int, _ body: (UnsafePointer<Float>) -> Void
  ) {
    var table = idleWeights.withLock { $0.popLast() } ?? []
    if table.count < capacity { table = [Float](repeating: 0, count: capacity) }
    table.withUnsafeMutableBufferPointer { table in
      guard let base = table.baseAddress else { return }
      for (place, number) in numbers.enumerated() {
        if let number { base[Int(number)] = Float(place + 1) }
      }
      body(base)
      for case let number? in numbers { base[Int(number)] = 0 }
    }
    idleWeights.withLock { [table] in $0.append(table) }
  }
}
