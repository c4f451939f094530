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

  /// How many postings take as long as the score of one text.
  private static let scoreCost = 24

  /// Finds the best texts of a segment without looking at all that have a term of the query (MaxScore:
  /// Turtle & Flood, Query evaluation: strategies and optimizations, 1995; one list after the other
  /// within a window of texts, as Lucene does).
  ///
  /// A text of a window gets from a list at most what the window's shortest text would get. Lists whose
  /// sum stays below the worst of the best so far cannot make a result; the others are added up, and
  /// texts that could get there with all of the left out lists are scored.
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

  /// The lists of the query's terms; those first that are long for what they are worth.
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
    return lists.sorted { Float($0.end - $0.place) * $1.weight > Float($1.end - $1.place) * $0.weight }
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
    var left = 0
    var out = 0
    while out < lists.count {
      let bound = bound(lists[out])
      if left + bound >= needed { break }
      left += bound
      out += 1
    }
    guard out < lists.count else { return }
    let size = window.end - window.first
    sums.baseAddress?.update(repeating: 0, count: (size + Self.lanes) / Self.lanes * Self.lanes)
    func add(_ list: inout List) {
      if list.isRepeats {
        addRepeats(&list, segment, window, norm: norm, share: share, scale: scale, to: sums)
      } else {
        Self.add(
          Int16(truncatingIfNeeded: bound(list)), &list, segment.postings.documents, window, to: sums)
      }
    }
    for index in out..<lists.count { add(&lists[index]) }
    var count = Self.collect(sums, count: size, least: needed - left, into: candidates)
    while out > 0, count > 0 {
      let next = lists[out - 1]
      // What the list has in this window, about.
      let cost = (next.end - next.place) * size / max(segment.count - window.first, 1)
      guard count * Self.scoreCost > cost + size / 8 else { break }
      out -= 1
      left -= bound(next)
      add(&lists[out])
      count = Self.keep(candidates, count: count, sums, least: needed - left)
    }
    for index in 0..<count {
      let document = Int(candidates[index])
      guard Int(sums[document]) + left >= needed else { continue }
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

  /// Those of the candidates whose sum is at least `least`; how many they are.
  private static func keep(
    _ candidates: UnsafeMutableBufferPointer<UInt16>, count: Int,
    _ sums: UnsafeMutableBufferPointer<Int16>, least: Int
  ) -> Int {
    var found = 0
    for index in 0..<count {
      let candidate = candidates[index]
      candidates[found] = candidate
      found += Int(sums[Int(candidate)]) >= least ? 1 : 0
    }
    return found
  }
}
