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
  mutating func score(_ documents: TextDocuments, _ document: Int) {
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
}
