import EngramIndex
import Synchronization

/// Makes a segment of texts that tails and other segments have.
struct TextSegmentBuilder {
  /// Where texts come from.
  struct Source {
    var documents: TextDocuments
    /// The row of each text, as it was when the making began; those without a row are left out.
    var rows: [UInt32]

    init(_ documents: TextDocuments, count: Int) {
      self.documents = documents
      rows = (0..<count).map(documents.row)
    }
  }

  /// A text of the new segment.
  struct Origin {
    var length: UInt32
    var source: UInt16
    var document: UInt16
  }

  private let sources: [Source]
  /// Of each text of the segment, in its order.
  let origins: [Origin]

  init(_ sources: [Source]) {
    self.sources = sources
    var found: [Origin] = []
    found.reserveCapacity(sources.reduce(0) { $0 + $1.rows.count })
    for (number, source) in sources.enumerated() {
      for (document, row) in source.rows.enumerated() where row != TextDocuments.noRow {
        found.append(
          Origin(
            length: source.documents.length(document), source: UInt16(number),
            document: UInt16(document)))
      }
    }
    origins = Self.sorted(found)
  }

  /// By length, and the order that they had. Counted where they are short, as nearly all are.
  private static func sorted(_ origins: [Origin]) -> [Origin] {
    let counted = 512
    var places = [Int](repeating: 0, count: counted + 2)
    for origin in origins { places[min(Int(origin.length), counted) + 1] += 1 }
    for length in 1...counted + 1 { places[length] += places[length - 1] }
    let short = places[counted]
    guard let any = origins.first else { return [] }
    var sorted = [Origin](repeating: any, count: origins.count)
    for origin in origins {
      let length = min(Int(origin.length), counted)
      sorted[places[length]] = origin
      places[length] += 1
    }
    // A stable sort.
    if short < sorted.count { sorted[short...].sort { $0.length < $1.length } }
    return sorted
  }

  private func documents(_ origin: Origin) -> TextDocuments {
    sources[Int(origin.source)].documents
  }

  /// - Parameter terms: numbers of terms lie below it.
  func build(terms: Int) throws(IndexError) -> TextSegment {
    // How many texts have a term, and have it more than once; then where the next of them goes.
    var counts = [UInt32](repeating: 0, count: terms)
    var repeatCounts = [UInt32](repeating: 0, count: terms)
    var words = 0
    counts.withUnsafeMutableBufferPointer { counts in
      repeatCounts.withUnsafeMutableBufferPointer { repeatCounts in
        for origin in origins {
          let documents = documents(origin)
          words += documents.words(Int(origin.document)).count
          documents.forEachTerm(of: Int(origin.document)) { term, count in
            counts[Int(term)] += 1
            if count > 1 { repeatCounts[Int(term)] += 1 }
          }
        }
      }
    }
    let present = (0..<terms).filter { counts[$0] > 0 }
    let layout = TextSegment.Layout(
      documents: origins.count, words: words, terms: present.count,
      postings: present.reduce(0) { $0 + Int(counts[$1]) },
      repeats: present.reduce(0) { $0 + Int(repeatCounts[$1]) })
    return try TextSegment.make(layout) { base in
      let starts = base + layout.postingStarts
      let repeatStarts = base + layout.repeatStarts
      let peaks = base + layout.peaks
      func store(_ value: UInt32, _ column: UnsafeMutableRawPointer, _ index: Int) {
        column.storeBytes(of: value, toByteOffset: 4 * index, as: UInt32.self)
      }
      var (next, nextRepeat): (UInt32, UInt32) = (0, 0)
      // The place of each term, for its peak.
      var places = [UInt32](repeating: 0, count: terms)
      for (place, term) in present.enumerated() {
        store(UInt32(term), base + layout.termsStart, place)
        store(next, starts, place)
        store(nextRepeat, repeatStarts, place)
        peaks.storeBytes(of: 1, toByteOffset: 2 * place, as: UInt16.self)
        (counts[term], next) = (next, next + counts[term])
        (repeatCounts[term], nextRepeat) = (nextRepeat, nextRepeat + repeatCounts[term])
        places[term] = UInt32(place)
      }
      store(next, starts, present.count)
      store(nextRepeat, repeatStarts, present.count)
      fill(base, layout, next: &counts, nextRepeat: &repeatCounts, places: places)
    }
  }

  private func fill(
    _ base: UnsafeMutableRawPointer, _ layout: TextSegment.Layout, next: inout [UInt32],
    nextRepeat: inout [UInt32], places: [UInt32]
  ) {
    let rows = (base + layout.rows).bindMemory(to: UInt32.self, capacity: layout.documents)
    let starts = (base + layout.starts).bindMemory(to: UInt32.self, capacity: layout.documents + 1)
    let words = (base + layout.wordsStart).bindMemory(to: UInt32.self, capacity: layout.words)
    let peaks = (base + layout.peaks).bindMemory(to: UInt16.self, capacity: layout.terms)
    let postings = (base + layout.postingsStart)
      .bindMemory(to: UInt16.self, capacity: layout.postings)
    let repeats = (base + layout.repeatsStart)
      .bindMemory(to: UInt32.self, capacity: layout.repeats)
    next.withUnsafeMutableBufferPointer { next in
      nextRepeat.withUnsafeMutableBufferPointer { nextRepeat in
        var word = 0
        for (number, origin) in origins.enumerated() {
          let source = sources[Int(origin.source)]
          let document = Int(origin.document)
          rows[number] = source.rows[document]
          starts[number] = UInt32(word)
          let own = source.documents.words(document)
          if let base = own.baseAddress { (words + word).update(from: base, count: own.count) }
          word += own.count
          source.documents.forEachTerm(of: document) { term, count in
            let term = Int(term)
            postings[Int(next[term])] = UInt16(number)
            next[term] += 1
            guard count > 1 else { return }
            repeats[Int(nextRepeat[term])] = UInt32(number) << 16 | count
            nextRepeat[term] += 1
            let place = Int(places[term])
            peaks[place] = max(peaks[place], UInt16(count))
          }
        }
        starts[origins.count] = UInt32(word)
      }
    }
  }
}
