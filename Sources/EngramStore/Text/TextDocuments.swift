import EngramIndex
import Synchronization

/// Texts as lists of terms, one after the other, and the rows that they belong to.
///
/// A text is its length in terms, and then each distinct term, ascending: its number shifted up by
/// `countBits`, with how often it stands there; where that does not fit in, `longCount`, and the count
/// follows.
///
/// A view of memory that a `TextTail` or a `TextSegment` owns, which is unchecked because it consists of
/// pointers. Whoever uses one holds the owner or reads a state that does. Texts below the count that the
/// owner tells are complete and never change, but for their rows, which are atomic; `starts` has one more
/// element than there are texts and ascends within `words`. So has its owner written it, or checked it
/// where it comes from a file.
struct TextDocuments: @unchecked Sendable {
  /// The row of each text; `noRow` once it is gone.
  let rows: UnsafeMutablePointer<Atomic<UInt32>>
  let starts: UnsafePointer<UInt32>
  let words: UnsafePointer<UInt32>

  static let noRow = UInt32.max

  static let countBits: UInt32 = 6
  static let longCount: UInt32 = 63
  /// A term that stands in a text more often counts so many times.
  static let countMax: UInt32 = 65_535
  /// Numbers of terms lie below it.
  static let termsMax = 1 << 26

  @inline(__always)
  func row(_ document: Int) -> UInt32 { rows[document].load(ordering: .acquiring) }

  /// How many terms a text has, each as often as it stands there.
  @inline(__always)
  func length(_ document: Int) -> UInt32 { words[Int(starts[document])] }

  /// What a text consists of.
  @inline(__always)
  func words(_ document: Int) -> UnsafeBufferPointer<UInt32> {
    let start = Int(starts[document])
    return UnsafeBufferPointer(start: words + start, count: Int(starts[document + 1]) - start)
  }

  /// Calls `body` with each term of a text and its count.
  @inline(__always)
  func forEachTerm(of document: Int, _ body: (_ term: UInt32, _ count: UInt32) -> Void) {
    let words = words(document)
    var place = 1
    while place < words.count {
      let word = words[place]
      var count = word & Self.longCount
      if count == Self.longCount {
        place += 1
        count = words[place]
      }
      body(word >> Self.countBits, count)
      place += 1
    }
  }

  /// The words of a text.
  ///
  /// - Parameter terms: the number of each term as often as it stands there; sorted afterwards.
  static func encode(_ terms: inout [UInt32], into words: inout [UInt32]) {
    words.removeAll(keepingCapacity: true)
    words.append(UInt32(terms.count))
    sort(&terms)
    var place = 0
    while place < terms.count {
      let term = terms[place]
      var end = place + 1
      while end < terms.count, terms[end] == term { end += 1 }
      let count = UInt32(min(end - place, Int(countMax)))
      if count < longCount {
        words.append(term << countBits | count)
      } else {
        words.append(term << countBits | longCount)
        words.append(count)
      }
      place = end
    }
  }

  /// By insertion where they are few, as they mostly are.
  private static func sort(_ terms: inout [UInt32]) {
    guard terms.count <= 32 else { return terms.sort() }
    terms.withUnsafeMutableBufferPointer { terms in
      for index in 1..<max(terms.count, 1) {
        let term = terms[index]
        var place = index
        while place > 0, terms[place - 1] > term {
          terms[place] = terms[place - 1]
          place -= 1
        }
        terms[place] = term
      }
    }
  }
}

/// Where a text lies: the part of the index and its place there.
struct TextAddress: Equatable {
  let slot: Int
  let document: Int

  /// Texts that a part has at most.
  static let documentsMax = 1 << 16
  /// Parts that an index has at most.
  static let slotsMax = 1 << 16 - 1

  init(slot: Int, document: Int) {
    self.slot = slot
    self.document = document
  }

  /// - Parameter code: what `code` gave; nil for 0.
  @inline(__always)
  init?(code: UInt32) {
    if code == 0 { return nil }
    slot = Int((code - 1) >> 16)
    document = Int((code - 1) & 0xFFFF)
  }

  /// Never 0.
  var code: UInt32 { UInt32(slot << 16 | document) + 1 }
}
