extension TextSearch {
  /// The postings of a term, or those of them that count for more because the term is repeated.
  private struct List {
    var weight: Float
    /// The largest count in the segment; 0 where repeats do not matter here.
    var peak: UInt32
    /// What is left of it.
    var place: Int
    let end: Int

    var isRepeats: Bool { peak > 0 }
  }

  /// What a step of a scan may come to with all lists of the segment: sums stay in 16 bits.
  private static let sumMax: Float = 32_000

  /// Finds the best texts of a segment. Window by window, what each text gets from the postings of each
  /// term is added up, as if all texts were as short as the window's shortest: more than its score, but
  /// hardly so. Those whose sum reaches the worst of the best so far are scored, and windows in which
  /// all terms together do not reach it are passed over.
  ///
  /// Leaving out in each window the terms that cannot make a result by themselves (MaxScore, Turtle &
  /// Flood 1995) took a sixth longer at 100,000 short texts: sums are quick, and more texts were scored.
  mutating func scan(_ segment: TextSegment) {
    var lists = lists(of: segment)
    guard !lists.isEmpty else { return }
    let scale =
      (Self.sumMax - Float(lists.count)) / lists.reduce(0) { $1.isRepeats ? $0 : $0 + $1.weight }
    let room = TextSegment.Window.documentsMax
    withUnsafeTemporaryAllocation(of: Int16.self, capacity: room + Self.lanes) { sums in
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: room + 1) { candidates in
        lists.withUnsafeMutableBufferPointer { lists in
          for window in segment.windows {
            scan(window, of: segment, lists, scale: scale, sums: sums, candidates: candidates)
          }
        }
      }
    }
  }

  /// The lists of the query's terms.
  private func lists(of segment: TextSegment) -> [List] {
    var lists: [List] = []
    for term in weights.terms {
      guard let place = segment.postings.place(of: term.number) else { continue }
      let all = segment.postings.postings(place)
      lists.append(List(weight: term.weight, peak: 0, place: all.lowerBound, end: all.upperBound))
      let repeats = segment.postings.repeats(place)
      if !repeats.isEmpty {
        lists.append(
          List(
            weight: term.weight, peak: UInt32(segment.postings.peaks[place]),
            place: repeats.lowerBound, end: repeats.upperBound))
      }
    }
    return lists
  }

  private static let lanes = 16

  private mutating func scan(
    _ window: TextSegment.Window, of segment: TextSegment,
    _ lists: UnsafeMutableBufferPointer<List>, scale: Float,
    sums: UnsafeMutableBufferPointer<Int16>, candidates: UnsafeMutableBufferPointer<UInt16>
  ) {
    let norm = weights.bm25.norm(length: window.shortest)
    let share = BM25.share(count: 1, norm: norm) * scale
    /// At most what a text of the window gets from a list, rounded up.
    func bound(_ list: List) -> Int {
      if !list.isRepeats { return Int(list.weight * share) + 1 }
      let peak = max(min(list.peak, window.longest), 1)
      return Int(list.weight * (BM25.share(count: peak, norm: norm) * scale - share)) + 1
    }
    var needed = needed(scale)
    guard lists.reduce(0, { $0 + bound($1) }) >= needed else { return }
    let size = window.end - window.first
    sums.baseAddress?.update(repeating: 0, count: (size + Self.lanes) / Self.lanes * Self.lanes)
    for index in lists.indices {
      if lists[index].isRepeats {
        addRepeats(&lists[index], segment, window, norm: norm, share: share, scale: scale, to: sums)
      } else {
        Self.add(
          Int16(truncatingIfNeeded: bound(lists[index])), &lists[index],
          segment.postings.documents, window, to: sums)
      }
    }
    let count = Self.collect(sums, count: size, least: needed, into: candidates)
    for index in 0..<count {
      let document = Int(candidates[index])
      guard Int(sums[document]) >= needed else { continue }
      let before = top.least
      score(segment.documents, window.first + document)
      if top.least != before { needed = self.needed(scale) }
    }
  }

  /// The sum that a result needs at least. What rounding adds to a score is far less than is taken off.
  private func needed(_ scale: Float) -> Int { max(Int(top.least * scale * 0.999_9), 1) }

  /// Adds to the sum of each text of a window that a list has.
  private static func add(
    _ value: Int16, _ list: inout List, _ documents: UnsafePointer<UInt16>,
    _ window: TextSegment.Window, to sums: UnsafeMutableBufferPointer<Int16>
  ) {
    guard let base = sums.baseAddress else { return }
    var place = skip(list.place, to: window.first, before: list.end) { Int(documents[$0]) }
    while place < list.end, Int(documents[place]) < window.end {
      base[Int(documents[place]) - window.first] &+= value
      place += 1
    }
    list.place = place
  }

  private func addRepeats(
    _ list: inout List, _ segment: TextSegment, _ window: TextSegment.Window, norm: Float,
    share: Float, scale: Float, to sums: UnsafeMutableBufferPointer<Int16>
  ) {
    let repeats = segment.postings.repeats
    var place = Self.skip(list.place, to: window.first, before: list.end) { Int(repeats[$0] >> 16) }
    while place < list.end, Int(repeats[place] >> 16) < window.end {
      let count = repeats[place] & 0xFFFF
      let value = Int(list.weight * (BM25.share(count: count, norm: norm) * scale - share)) + 1
      sums[Int(repeats[place] >> 16) - window.first] &+= Int16(truncatingIfNeeded: value)
      place += 1
    }
    list.place = place
  }

  /// The first place from `start` on whose text is not before `document`: by leaps that double, then
  /// by halves.
  @inline(__always)
  private static func skip(
    _ start: Int, to document: Int, before end: Int, _ text: (Int) -> Int
  ) -> Int {
    guard start < end, text(start) < document else { return start }
    var low = start
    var leap = 1
    while low + leap < end, text(low + leap) < document {
      low += leap
      leap *= 2
    }
    var high = min(low + leap, end)
    while low + 1 < high {
      let middle = (low + high) / 2
      if text(middle) < document { low = middle } else { high = middle }
    }
    return high
  }

  /// The texts whose sum is at least `least`; how many they are.
  private static func collect(
    _ sums: UnsafeMutableBufferPointer<Int16>, count: Int, least: Int,
    into candidates: UnsafeMutableBufferPointer<UInt16>
  ) -> Int {
    let limit = SIMD16<Int16>(repeating: Int16(clamping: least) &- 1)
    let raw = UnsafeRawBufferPointer(sums)
    var found = 0
    for start in stride(from: 0, to: count, by: lanes) {
      let block = raw.loadUnaligned(fromByteOffset: 2 * start, as: SIMD16<Int16>.self)
      guard any(block .> limit) else { continue }
      // Without branches: which texts they are cannot be predicted.
      for index in start..<min(start + lanes, count) {
        candidates[found] = UInt16(truncatingIfNeeded: index)
        found += Int(sums[index]) >= least ? 1 : 0
      }
    }
    return found
  }
}
