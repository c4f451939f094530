import EngramIndex
import Synchronization

/// Full text of the rows of an index, in memory: BM25 over the texts that rows have now.
///
/// New texts go to a tail, which searches score text by text. `sealIfDue` makes segments of full tails,
/// larger ones of several that are small, and leaves out texts whose rows have gone. How many texts there
/// are, how long, and how many have a term is counted over all rows, whatever a search looks among.
///
/// One writer at a time inserts and removes, beside one that seals; searches wait for neither. What they
/// read is a `State`. A part is shown in it before any row leads there, and taken out when none does any
/// more; as searches begin and end within one reading of the state, which writers wait for, a row leads a
/// search only to parts that it knows.
final class TextIndex: Sendable {
  /// How texts are grouped. What searches find does not depend on it.
  struct Limits: Sendable {
    /// Texts of a tail.
    var tailDocuments = 1_024
    /// Texts of the largest segments.
    var segmentDocuments = TextAddress.documentsMax
    /// Words of `TextDocuments` in the largest segments.
    var segmentWords = 1 << 26
    /// So many segments of about one size are made into one.
    var fanOut = 4
  }

  /// A group of texts.
  enum Part: Sendable {
    case tail(TextTail)
    case segment(TextSegment)

    var documents: TextDocuments {
      switch self {
      case .tail(let tail): tail.documents
      case .segment(let segment): segment.documents
      }
    }

    /// Texts, with those that have no row any more.
    var count: Int {
      switch self {
      case .tail(let tail): tail.count
      case .segment(let segment): segment.count
      }
    }

    var live: Int {
      switch self {
      case .tail(let tail): tail.live.load(ordering: .relaxed)
      case .segment(let segment): segment.live.load(ordering: .relaxed)
      }
    }

    var wordCount: Int {
      switch self {
      case .tail(let tail): tail.wordCount
      case .segment(let segment): segment.layout.words
      }
    }

    func bury(_ document: Int) {
      documents.rows[document].store(TextDocuments.noRow, ordering: .releasing)
      switch self {
      case .tail(let tail): tail.live.subtract(1, ordering: .relaxed)
      case .segment(let segment): segment.live.subtract(1, ordering: .relaxed)
      }
    }
  }

  /// What searches read.
  struct State: Sendable {
    var terms: TermTable
    /// By slot.
    var parts: [Part?] = []
    /// The same, without counting who uses them.
    var documents: [TextDocuments?] = []
    /// Those whose texts are searched, the largest first.
    var segments: [TextSegment] = []
    /// The oldest first.
    var tails: [TextTail] = []
  }

  struct Writer: Sendable {
    var terms: TermTable
    var parts: [Part?] = []
    /// The tail that takes the next text.
    var tail: (slot: Int, tail: TextTail)?
    /// Of the text at hand.
    var numbers: [UInt32] = []
    var words: [UInt32] = []
  }

  let limits: Limits
  let state: LeftRight<State>
  let writer: Mutex<Writer>
  /// Held while segments are made.
  let builder = Mutex<Void>(())
  /// Where the text of a row lies, as `TextAddress.code` has it.
  let addresses: ReservedArray<Atomic<UInt32>>
  private let rowCount = Atomic<Int>(0)
  private let liveCount = Atomic<Int>(0)
  private let liveLength = Atomic<Int>(0)
  private let tokenizer = TextTokenizer()
  /// Weights by term, all 0, of searches that have ended.
  let idleWeights = Mutex<[[Float]]>([])
  /// The same of places in a query.
  let idlePlaces = Mutex<[[UInt8]]>([])

  convenience init(limits: Limits = Limits()) throws(IndexError) {
    try self.init(limits: limits, terms: try TermTable())
  }

  init(limits: Limits, terms: TermTable) throws(IndexError) {
    self.limits = limits
    state = LeftRight(State(terms: terms))
    writer = Mutex(Writer(terms: terms))
    addresses = try ReservedArray(limit: IndexLimits.rows)
  }

  /// How many rows have a text.
  var count: Int { liveCount.load(ordering: .relaxed) }

  /// In terms.
  var meanLength: Float {
    Float(liveLength.load(ordering: .relaxed)) / Float(max(liveCount.load(ordering: .relaxed), 1))
  }

  /// What scores are made of now.
  var bm25: BM25 {
    BM25(
      documents: liveCount.load(ordering: .relaxed), length: liveLength.load(ordering: .relaxed))
  }

  /// About how much memory it takes.
  var bytes: Int {
    state.read { state in
      let parts = state.segments.reduce(0) { $0 + $1.bytes } + state.tails.reduce(0) { $0 + $1.bytes }
      return parts + state.terms.bytes + 4 * rowCount.load(ordering: .relaxed)
    }
  }

  // MARK: Writing

  /// Makes room for rows below `rows`, so that their texts need none beside the text's own.
  func reserve(rows: Int) throws(IndexError) {
    try writer.withLock { _ throws(IndexError) in try addresses.ensure(count: rows) }
  }

  /// Gives a row its text, in place of another that it may have.
  func insert(row: UInt32, text: String) throws(IndexError) {
    guard row < IndexLimits.rows else { throw .unknownRow(Int(row)) }
    try writer.withLock { writer throws(IndexError) in
      try addresses.ensure(count: Int(row) + 1)
      writer.numbers.removeAll(keepingCapacity: true)
      try tokenizer.forEachTerm(of: text) { term throws(IndexError) in
        var number = writer.terms.intern(term)
        if number == nil {
          try growTerms(&writer)
          number = writer.terms.intern(term)
        }
        guard let number else { throw .full(rows: IndexLimits.rows) }
        writer.numbers.append(number)
      }
      TextDocuments.encode(&writer.numbers, into: &writer.words)
      let old = TextAddress(code: addresses.base[Int(row)].load(ordering: .relaxed))
      let (address, part) = try append(row, &writer)
      part.documents.forEachTerm(of: address.document) { term, _ in writer.terms.count(term, by: 1) }
      liveCount.add(1, ordering: .relaxed)
      liveLength.add(writer.numbers.count, ordering: .relaxed)
      addresses.base[Int(row)].store(address.code, ordering: .releasing)
      rowCount.max(Int(row) + 1, ordering: .releasing)
      // Last, so that no search misses both.
      if let old { bury(old, writer) }
    }
  }

  /// Takes the text of a row away, if it has one.
  func remove(row: UInt32) {
    writer.withLock { writer in
      guard let address = address(of: row) else { return }
      addresses.base[Int(row)].store(0, ordering: .releasing)
      bury(address, writer)
    }
  }

  private func bury(_ address: TextAddress, _ writer: Writer) {
    guard let part = writer.parts[address.slot] else { return }
    let documents = part.documents
    documents.forEachTerm(of: address.document) { term, _ in writer.terms.count(term, by: -1) }
    liveCount.subtract(1, ordering: .relaxed)
    liveLength.subtract(Int(documents.length(address.document)), ordering: .relaxed)
    part.bury(address.document)
  }

  private func growTerms(_ writer: inout Writer) throws(IndexError) {
    let terms = try writer.terms.grown(keeping: writer.numbers)
    state.write { $0.terms = terms }
    writer.terms = terms
  }

  /// Appends the text at hand to the tail, or to a new one.
  private func append(
    _ row: UInt32, _ writer: inout Writer
  ) throws(IndexError) -> (TextAddress, Part) {
    if let (slot, tail) = writer.tail, let document = tail.append(row: row, writer.words) {
      return (TextAddress(slot: slot, document: document), .tail(tail))
    }
    let tail = try TextTail(
      capacity: limits.tailDocuments, words: max(20 * limits.tailDocuments, writer.words.count))
    guard let slot = place(.tail(tail), &writer),
      let document = tail.append(row: row, writer.words)
    else { throw .full(rows: IndexLimits.rows) }
    state.write { [parts = writer.parts] state in
      state.show(parts)
      state.tails.append(tail)
    }
    writer.tail = (slot, tail)
    return (TextAddress(slot: slot, document: document), .tail(tail))
  }

  /// Gives a part a slot; nil where there is none left.
  func place(_ part: Part, _ writer: inout Writer) -> Int? {
    if let slot = writer.parts.firstIndex(where: { $0 == nil }) {
      writer.parts[slot] = part
      return slot
    }
    guard writer.parts.count < TextAddress.slotsMax else { return nil }
    writer.parts.append(part)
    return writer.parts.count - 1
  }

  // MARK: Searching

  /// Where the text of a row lies.
  @inline(__always)
  func address(of row: UInt32) -> TextAddress? {
    guard row < rowCount.load(ordering: .acquiring) else { return nil }
    return TextAddress(code: addresses.base[Int(row)].load(ordering: .acquiring))
  }

  // MARK: Beginning

  /// Begins with segments, in an index that has nothing yet.
  ///
  /// - Parameters:
  ///   - rows: rows lie below it.
  ///   - isLive: whether a row has a text.
  /// - Throws: `IndexError.damagedSnapshot` where they tell of other rows, or of one twice.
  func begin(
    _ segments: [TextSegment], rows: Int, isLive: (Int) -> Bool
  ) throws(IndexError) {
    try addresses.ensure(count: rows)
    var (count, length) = (0, 0)
    for (slot, segment) in segments.enumerated() {
      for document in 0..<segment.count {
        let row = Int(segment.documents.row(document))
        guard row < rows, isLive(row), addresses.base[row].load(ordering: .relaxed) == 0 else {
          throw .damagedSnapshot("rows of texts")
        }
        let code = TextAddress(slot: slot, document: document).code
        addresses.base[row].store(code, ordering: .relaxed)
      }
      count += segment.count
      length += segment.length
    }
    let parts = segments.map(Part.segment)
    writer.withLock { $0.parts = parts }
    state.write { state in
      state.show(parts)
      state.segments = segments.sorted { $0.count > $1.count }
    }
    rowCount.store(rows, ordering: .releasing)
    liveCount.store(count, ordering: .relaxed)
    liveLength.store(length, ordering: .relaxed)
  }
}

extension TextIndex.State {
  /// Takes over the parts that rows may lead to.
  mutating func show(_ parts: [TextIndex.Part?]) {
    self.parts = parts
    documents = parts.map { $0?.documents }
  }
}
