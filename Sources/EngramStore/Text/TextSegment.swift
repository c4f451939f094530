import EngramIndex
import Synchronization

/// Texts that do not change any more, in the order of their lengths, and for each term those that have
/// it. All but the rows of texts stays as it was made.
///
/// Because of the order, texts that stand together give a term nearly the same weight, so that what a
/// search expects of them at most is hardly more than what they have.
final class TextSegment: Sendable {
  let count: Int
  let documents: TextDocuments
  /// How many texts have a row.
  let live: Atomic<Int>
  let postings: TextPostings
  let windows: [Window]
  /// Of all texts together, in terms.
  let length: Int
  let layout: Layout
  /// Where everything lies; segments of one file share it.
  private let memory: ReservedArray<UInt8>
  private let offset: Int

  /// Texts one after the other whose lengths are nearly the same.
  struct Window {
    var first: Int
    var end: Int
    var shortest: UInt32
    var longest: UInt32

    static let documentsMax = 4_096

    /// Whether a text is no longer than an eighth more than the shortest.
    func takes(_ length: UInt32) -> Bool {
      end - first < Self.documentsMax && length - shortest <= shortest / 8
    }
  }

  /// Where the parts of a segment lie in its memory. It begins with the numbers that it is made of.
  struct Layout: Equatable {
    var documents: Int
    var words: Int
    var terms: Int
    var postings: Int
    var repeats: Int

    static let headerBytes = 32
    private static let alignment = 64

    var rows: Int { Self.headerBytes }
    var starts: Int { rows + 4 * documents }
    var wordsStart: Int { starts + 4 * (documents + 1) }
    var termsStart: Int { wordsStart + 4 * words }
    var postingStarts: Int { termsStart + 4 * terms }
    var repeatStarts: Int { postingStarts + 4 * (terms + 1) }
    var repeatsStart: Int { repeatStarts + 4 * (terms + 1) }
    var peaks: Int { repeatsStart + 4 * repeats }
    var postingsStart: Int { peaks + 2 * terms }
    var bytes: Int {
      (postingsStart + 2 * postings + Self.alignment - 1) / Self.alignment * Self.alignment
    }

    var numbers: [UInt32] { [documents, words, terms, postings, repeats].map(UInt32.init) }

    init(documents: Int, words: Int, terms: Int, postings: Int, repeats: Int) {
      self.documents = documents
      self.words = words
      self.terms = terms
      self.postings = postings
      self.repeats = repeats
    }

    /// Reads the header; nil where what it says does not fit into the bytes.
    init?(_ bytes: UnsafeRawBufferPointer) {
      guard bytes.count >= Self.headerBytes else { return nil }
      let numbers = (0..<5).map {
        Int(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
      }
      self.init(
        documents: numbers[0], words: numbers[1], terms: numbers[2], postings: numbers[3],
        repeats: numbers[4])
      guard documents <= TextAddress.documentsMax, self.bytes == bytes.count else { return nil }
    }
  }

  /// A segment of what lies in memory, which is what `build` makes or has been checked.
  private init(_ layout: Layout, _ memory: ReservedArray<UInt8>, at offset: Int) {
    self.memory = memory
    self.offset = offset
    self.layout = layout
    let base = UnsafeMutableRawPointer(memory.base + offset)
    func column<Element>(_ start: Int, _ count: Int, as type: Element.Type) -> UnsafePointer<Element> {
      UnsafePointer((base + start).bindMemory(to: type, capacity: count))
    }
    count = layout.documents
    let documents = TextDocuments(
      rows: (base + layout.rows).bindMemory(to: Atomic<UInt32>.self, capacity: layout.documents),
      starts: column(layout.starts, layout.documents + 1, as: UInt32.self),
      words: column(layout.wordsStart, layout.words, as: UInt32.self))
    self.documents = documents
    postings = TextPostings(
      count: layout.terms,
      terms: column(layout.termsStart, layout.terms, as: UInt32.self),
      starts: column(layout.postingStarts, layout.terms + 1, as: UInt32.self),
      documents: column(layout.postingsStart, layout.postings, as: UInt16.self),
      repeatStarts: column(layout.repeatStarts, layout.terms + 1, as: UInt32.self),
      repeats: column(layout.repeatsStart, layout.repeats, as: UInt32.self),
      peaks: column(layout.peaks, layout.terms, as: UInt16.self))
    var windows: [Window] = []
    var total = 0
    var live = 0
    for document in 0..<count {
      let length = documents.length(document)
      total += Int(length)
      if documents.row(document) != TextDocuments.noRow { live += 1 }
      if windows.last?.takes(length) != true {
        windows.append(Window(first: document, end: document, shortest: length, longest: length))
      }
      windows[windows.count - 1].end = document + 1
      windows[windows.count - 1].longest = length
    }
    self.windows = windows
    self.live = Atomic(live)
    length = total
  }

  var bytes: Int { layout.bytes }

  /// As a snapshot holds it.
  var saved: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: memory.base + offset, count: layout.bytes)
  }

  /// Room for a segment, which `fill` writes but for the header.
  static func make(
    _ layout: Layout, fill: (UnsafeMutableRawPointer) -> Void
  ) throws(IndexError) -> TextSegment {
    let memory = try ReservedArray<UInt8>(limit: layout.bytes)
    try memory.ensure(count: layout.bytes)
    let base = UnsafeMutableRawPointer(memory.base)
    for (index, number) in layout.numbers.enumerated() {
      base.storeBytes(of: number, toByteOffset: 4 * index, as: UInt32.self)
    }
    fill(base)
    return TextSegment(layout, memory, at: 0)
  }

  /// A segment that a file holds, once nothing in it can lead astray.
  ///
  /// - Parameters:
  ///   - bytes: where it lies in `memory`, at a multiple of four.
  ///   - terms: which numbers terms have.
  convenience init(
    restoring memory: ReservedArray<UInt8>, _ bytes: Range<Int>, isTerm: [Bool]
  ) throws(IndexError) {
    let all = UnsafeRawBufferPointer(start: memory.base + bytes.lowerBound, count: bytes.count)
    guard let layout = Layout(all) else { throw .damagedSnapshot("header of a text segment") }
    let isSound = isTerm.withUnsafeBufferPointer { isTerm in
      SavedTextSegment(layout: layout, bytes: all, isTerm: isTerm).isSound
    }
    guard isSound else { throw .damagedSnapshot("text segment") }
    self.init(layout, memory, at: bytes.lowerBound)
  }
}

/// The texts that have each term of a segment, ascending.
///
/// A view of the memory of a `TextSegment`, which is unchecked because it consists of pointers; nothing
/// that they lead to changes, and all of it lies within the segment. `terms` ascends, `starts` and
/// `repeatStarts` have one more element each and ascend within `documents` and `repeats`, whose texts
/// ascend within each term and are texts of the segment.
struct TextPostings: @unchecked Sendable {
  let count: Int
  let terms: UnsafePointer<UInt32>
  let starts: UnsafePointer<UInt32>
  let documents: UnsafePointer<UInt16>
  let repeatStarts: UnsafePointer<UInt32>
  /// Text and count, for texts that have the term more than once.
  let repeats: UnsafePointer<UInt32>
  /// The largest of these counts; 1 where there is none.
  let peaks: UnsafePointer<UInt16>

  /// Where a term is among `terms`.
  func place(of term: UInt32) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if terms[middle] < term { low = middle + 1 } else { high = middle }
    }
    return low < count && terms[low] == term ? low : nil
  }

  func postings(_ place: Int) -> Range<Int> { Int(starts[place])..<Int(starts[place + 1]) }

  func repeats(_ place: Int) -> Range<Int> {
    Int(repeatStarts[place])..<Int(repeatStarts[place + 1])
  }
}
