import EngramIndex
import HeapModule

/// A row that a full-text search found, and its score by BM25.
struct TextHit: Equatable, Sendable {
  var row: UInt32
  var score: Float
}

/// The best rows so far. By score, those of one score by row number, the lower first.
struct TopTexts {
  private var heap: Heap<UInt64>
  private let k: Int

  init(k: Int) {
    self.k = k
    heap = Heap(minimumCapacity: min(k, 1_024))
  }

  /// Scores below it are of no use.
  var least: Float {
    guard heap.count == k, let worst = heap.min else { return 0 }
    return Self.score(worst)
  }

  @inline(__always)
  mutating func insert(_ row: UInt32, _ score: Float) {
    guard score > 0 else { return }
    // Positive numbers are in the order of their bits.
    let key = UInt64(score.bitPattern) << 32 | UInt64(~row)
    if heap.count < k {
      heap.insert(key)
    } else if let worst = heap.min, key > worst {
      heap.replaceMin(with: key)
    }
  }

  private static func score(_ key: UInt64) -> Float {
    Float(bitPattern: UInt32(truncatingIfNeeded: key >> 32))
  }

  /// Best first, each row once: one whose text was replaced meanwhile may have been found twice.
  var hits: [TextHit] {
    var hits = heap.unordered.sorted(by: >).map {
      TextHit(row: ~UInt32(truncatingIfNeeded: $0), score: Self.score($0))
    }
    let rows = hits.map(\.row).sorted()
    if zip(rows, rows.dropFirst()).contains(where: { $0 == $1 }) {
      var seen = Set<UInt32>()
      hits.removeAll { !seen.insert($0.row).inserted }
    }
    return hits
  }
}

/// A query as one search takes it: what each of its terms weighs.
struct TextWeights {
  struct Term {
    var number: UInt32
    var weight: Float
  }

  let bm25: BM25
  /// Those that texts have.
  let terms: [Term]
  /// The weight of each term by its number; 0 where the query does not have it.
  let byTerm: UnsafePointer<Float>
  /// `BM25.share` of a term that stands once in a text of a length below `shareCount`.
  let shares: UnsafePointer<Float>

  static let shareCount = 256

  /// The share of a term that stands once in a text.
  @inline(__always)
  func share(length: UInt32) -> Float {
    length < Self.shareCount
      ? shares[Int(length)] : BM25.share(count: 1, norm: bm25.norm(length: length))
  }

  /// The score of a text of so many words. Nothing else makes scores, so that equal texts have equal
  /// ones.
  @inline(__always)
  func score(_ words: UnsafeBufferPointer<UInt32>) -> Float {
    var place = 1
    let end = words.count
    let length = words[0]
    /// Of the terms that stand there once, as nearly all do.
    var once: Float = 0
    var more: Float = 0
    while place < end {
      let word = words[place]
      place += 1
      let weight = byTerm[Int(word >> TextDocuments.countBits)]
      var count = word & TextDocuments.longCount
      if count == 1 {
        once += weight
        continue
      }
      if count == TextDocuments.longCount {
        count = words[place]
        place += 1
      }
      if weight > 0 {
        more += weight * BM25.share(count: count, norm: bm25.norm(length: length))
      }
    }
    return once * share(length: length) + more
  }
}

/// One search under way.
struct TextSearch {
  let weights: TextWeights
  var top: TopTexts
  /// A bit per row that may be found; nil where all may.
  let allowed: UnsafeBufferPointer<UInt64>?

  @inline(__always)
  private func isAllowed(_ row: UInt32) -> Bool {
    guard let allowed else { return true }
    let word = Int(row >> 6)
    return word < allowed.count && allowed[word] >> UInt64(row & 63) & 1 != 0
  }

  @inline(__always)
  private mutating func score(_ documents: TextDocuments, _ document: Int) {
    let row = documents.row(document)
    guard row != TextDocuments.noRow, isAllowed(row) else { return }
    top.insert(row, weights.score(documents.words(document)))
  }

  // MARK: Every text of some

  /// Scores all texts of a tail, with those that come meanwhile: one may take the place of another that
  /// was there before.
  mutating func scan(_ tail: TextTail) {
    var document = 0
    while document < tail.count {
      score(tail.documents, document)
      document += 1
    }
  }

  /// Scores the texts of rows.
  ///
  /// - Parameters:
  ///   - address: where the text of a row lies.
  ///   - parts: the parts of the index by slot.
  mutating func scan(
    _ rows: UnsafeBufferPointer<UInt32>, parts: UnsafeBufferPointer<TextDocuments?>,
    address: (UInt32) -> TextAddress?
  ) {
    // In steps, so that the processor waits for many texts at once and not for one after the other.
    let step = 64
    withUnsafeTemporaryAllocation(of: FoundText.self, capacity: step) { found in
      var next = 0
      while next < rows.count {
        var count = 0
        let end = min(next + step, rows.count)
        while next < end {
          let row = rows[next]
          next += 1
          guard let address = address(row), let documents = parts[address.slot] else { continue }
          found.initializeElement(
            at: count, to: FoundText(row: row, words: documents.words(address.document)))
          count += 1
        }
        for index in 0..<count { top.insert(found[index].row, weights.score(found[index].words)) }
      }
    }
  }

  private struct FoundText {
    var row: UInt32
    var words: UnsafeBufferPointer<UInt32>
  }

  // MARK: The best of a segment

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
