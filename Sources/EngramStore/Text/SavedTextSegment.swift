/// The bytes of a segment that nobody has looked at yet.
struct SavedTextSegment {
  let layout: TextSegment.Layout
  let bytes: UnsafeRawBufferPointer
  let isTerm: UnsafeBufferPointer<Bool>

  /// Whether everything lies where `TextDocuments` and `TextPostings` promise.
  var isSound: Bool { isEachTextSound && isEachTermSound }

  private func column<Element>(
    _ start: Int, _ count: Int, as type: Element.Type
  ) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(
      rebasing: bytes[start..<start + count * MemoryLayout<Element>.stride]
        .bindMemory(to: type)[0..<count])
  }

  /// Whether numbers begin with 0, ascend and end with `end`.
  private func ascends(_ numbers: UnsafeBufferPointer<UInt32>, to end: Int) -> Bool {
    guard numbers[0] == 0, numbers[numbers.count - 1] == end else { return false }
    var isAscending = true
    for index in 1..<numbers.count where numbers[index] < numbers[index - 1] { isAscending = false }
    return isAscending
  }

  private var isEachTextSound: Bool {
    let starts = column(layout.starts, layout.documents + 1, as: UInt32.self)
    let words = column(layout.wordsStart, layout.words, as: UInt32.self)
    guard ascends(starts, to: words.count) else { return false }
    var shortest: UInt32 = 0
    var terms = 0
    for document in 0..<layout.documents {
      var place = Int(starts[document])
      let end = Int(starts[document + 1])
      guard place < end, words[place] >= shortest else { return false }
      shortest = words[place]
      place += 1
      var next: UInt32 = 0
      var length = 0
      var isCapped = false
      while place < end {
        let word = words[place]
        let term = word >> TextDocuments.countBits
        guard term >= next, term < isTerm.count, isTerm[Int(term)] else { return false }
        next = term + 1
        if word & TextDocuments.longCount == TextDocuments.longCount {
          place += 1
          guard place < end, words[place] <= TextDocuments.countMax else { return false }
          guard words[place] >= TextDocuments.longCount else { return false }
          length += Int(words[place])
          isCapped = isCapped || words[place] == TextDocuments.countMax
        } else {
          guard word & TextDocuments.longCount > 0 else { return false }
          length += Int(word & TextDocuments.longCount)
        }
        place += 1
        terms += 1
      }
      guard length == shortest || isCapped && length < shortest else { return false }
    }
    return terms == layout.postings
  }

  private var isEachTermSound: Bool {
    let terms = column(layout.termsStart, layout.terms, as: UInt32.self)
    let starts = column(layout.postingStarts, layout.terms + 1, as: UInt32.self)
    let repeatStarts = column(layout.repeatStarts, layout.terms + 1, as: UInt32.self)
    let documents = column(layout.postingsStart, layout.postings, as: UInt16.self)
    let repeats = column(layout.repeatsStart, layout.repeats, as: UInt32.self)
    let peaks = column(layout.peaks, layout.terms, as: UInt16.self)
    guard ascends(starts, to: documents.count), ascends(repeatStarts, to: repeats.count) else {
      return false
    }
    for place in 0..<layout.terms {
      guard place == 0 || terms[place] > terms[place - 1], terms[place] < isTerm.count,
        starts[place] < starts[place + 1]
      else { return false }
      let own = UnsafeBufferPointer(
        rebasing: documents[Int(starts[place])..<Int(starts[place + 1])])
      guard Int(own[own.count - 1]) < layout.documents else { return false }
      var isAscending = true
      for index in 1..<max(own.count, 1) where own[index] <= own[index - 1] { isAscending = false }
      guard isAscending else { return false }
      var peak: UInt32 = 1
      var next: UInt32 = 0
      for index in Int(repeatStarts[place])..<Int(repeatStarts[place + 1]) {
        let (document, count) = (repeats[index] >> 16, repeats[index] & 0xFFFF)
        guard document >= next, document < layout.documents, count > 1 else { return false }
        next = document + 1
        peak = max(peak, count)
      }
      guard peaks[place] == peak else { return false }
    }
    return true
  }
}
