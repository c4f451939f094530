import CEngramKernels
import EngramIndex

/// Where the terms of a query stand in the texts of some rows.
struct TextOccurrences {
  /// A text by its place among the rows, and how often the term stands there.
  typealias Found = (place: Int32, count: Int32)

  /// Of each of the first 255 terms of the query, in no order; none of a term that no text has.
  var found: [[Found]]
  /// In how many texts of the whole index each term stands.
  var frequencies: [Int]
  /// How many terms each text has in which one was found.
  var lengths: [Int32]
}

extension TextIndex {
  /// Looks for the terms of a query in the texts of rows.
  ///
  /// - Parameter rows: ascending.
  func occurrences(of query: TextQuery, in rows: [UInt32]) -> TextOccurrences {
    state.read { state in
      var numbers: [UInt32?] = []
      var frequencies: [Int] = []
      query.forEachTerm { term, _ in
        guard numbers.count < Int(UInt8.max) else { return }
        let number = state.terms.number(of: term)
        numbers.append(number)
        frequencies.append(number.map(state.terms.frequency) ?? 0)
      }
      var occurrences = TextOccurrences(
        found: [[TextOccurrences.Found]](repeating: [], count: numbers.count),
        frequencies: frequencies, lengths: [Int32](repeating: 0, count: rows.count))
      // A text takes as long as some eight postings.
      if rows.count * 8 < frequencies.reduce(0, +) {
        read(rows, state, numbers, into: &occurrences)
      } else {
        let among = RowPlaces(rows)
        for segment in state.segments { follow(segment, among, numbers, into: &occurrences) }
        withTable(numbers, capacity: state.terms.capacity) { table in
          for tail in state.tails { read(tail, among, table, into: &occurrences) }
        }
      }
      return occurrences
    }
  }

  // MARK: From the texts

  /// Reads all texts of the rows.
  private func read(
    _ rows: [UInt32], _ state: borrowing State, _ numbers: [UInt32?],
    into occurrences: inout TextOccurrences
  ) {
    withTable(numbers, capacity: state.terms.capacity) { table in
      // In steps, so that the processor fetches many texts at once and not one after the other.
      withUnsafeTemporaryAllocation(of: Fetched.self, capacity: Self.step) { fetched in
        for begin in stride(from: 0, to: rows.count, by: Self.step) {
          let end = min(begin + Self.step, rows.count)
          for place in begin..<end {
            let address = address(of: rows[place])
            let documents = address.flatMap { state.documents[$0.slot] }
            fetched.initializeElement(
              at: place - begin, to: Fetched(documents: documents, document: address?.document ?? 0))
            if let documents { documents.prefetch(address?.document ?? 0) }
          }
          for place in begin..<end {
            guard let documents = fetched[place - begin].documents else { continue }
            read(documents, fetched[place - begin].document, place, table, into: &occurrences)
          }
        }
      }
    }
  }

  /// Reads the texts of a tail that are of the rows.
  private func read(
    _ tail: TextTail, _ among: RowPlaces, _ table: UnsafePointer<UInt8>,
    into occurrences: inout TextOccurrences
  ) {
    for document in 0..<tail.count {
      let row = tail.documents.row(document)
      guard row != TextDocuments.noRow, let place = among.place(of: row) else { continue }
      read(tail.documents, document, place, table, into: &occurrences)
    }
  }

  @inline(__always)
  private func read(
    _ documents: TextDocuments, _ document: Int, _ place: Int, _ table: UnsafePointer<UInt8>,
    into occurrences: inout TextOccurrences
  ) {
    documents.forEachTerm(of: document) { term, count in
      let which = Int(table[Int(term)])
      guard which > 0 else { return }
      occurrences.found[which - 1].append((Int32(place), Int32(count)))
      occurrences.lengths[place] = Int32(documents.length(document))
    }
  }

  private static let step = 64

  private struct Fetched {
    var documents: TextDocuments?
    var document: Int
  }

  /// Lends a table from the number of a term to its place in a query, from 1 on; 0 for other terms. Of
  /// bytes, so that it stays near the processor.
  private func withTable(
    _ numbers: [UInt32?], capacity: Int, _ body: (UnsafePointer<UInt8>) -> Void
  ) {
    var table = idlePlaces.withLock { $0.popLast() } ?? []
    if table.count < capacity { table = [UInt8](repeating: 0, count: capacity) }
    table.withUnsafeMutableBufferPointer { table in
      guard let base = table.baseAddress else { return }
      for (place, number) in numbers.enumerated() {
        if let number { base[Int(number)] = UInt8(place + 1) }
      }
      body(base)
      for case let number? in numbers { base[Int(number)] = 0 }
    }
    idlePlaces.withLock { [table] in $0.append(table) }
  }

  // MARK: From the postings

  /// Follows the postings of the terms in a segment.
  private func follow(
    _ segment: TextSegment, _ among: RowPlaces, _ numbers: [UInt32?],
    into occurrences: inout TextOccurrences
  ) {
    let (documents, postings) = (segment.documents, segment.postings)
    for (which, number) in numbers.enumerated() {
      guard let number, let term = postings.place(of: number) else { continue }
      var repeats = postings.repeats(term)
      for posting in postings.postings(term) {
        let document = Int(postings.documents[posting])
        var count: UInt32 = 1
        if let next = repeats.first, Int(postings.repeats[next] >> 16) == document {
          count = postings.repeats[next] & 0xFFFF
          repeats.removeFirst()
        }
        let row = documents.row(document)
        guard row != TextDocuments.noRow, let place = among.place(of: row) else { continue }
        occurrences.found[which].append((Int32(place), Int32(count)))
        occurrences.lengths[place] = Int32(documents.length(document))
      }
    }
  }
}

/// Where rows are in a list, most of which are not in it.
private struct RowPlaces {
  private let rows: [UInt32]
  private let isThere: [UInt64]

  /// - Parameter rows: ascending.
  init(_ rows: [UInt32]) {
    self.rows = rows
    var bits = [UInt64](repeating: 0, count: rows.last.map { Int($0 >> 6) + 1 } ?? 0)
    for row in rows { bits[Int(row >> 6)] |= 1 << UInt64(row & 63) }
    isThere = bits
  }

  @inline(__always)
  func place(of row: UInt32) -> Int? {
    let word = Int(row >> 6)
    guard word < isThere.count, isThere[word] >> UInt64(row & 63) & 1 != 0 else { return nil }
    return rows.place(of: row)
  }
}

extension TextDocuments {
  /// Brings what a text consists of near.
  @inline(__always)
  fileprivate func prefetch(_ document: Int) {
    let words = words + Int(starts[document])
    engram_prefetch(words)
    engram_prefetch(words + 16)
  }
}
