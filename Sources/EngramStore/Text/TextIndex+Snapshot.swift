import EngramIndex
import Synchronization

/// The texts of an index at a moment, to be written to a file.
struct TextSnapshot: Sendable {
  fileprivate let terms: TermTable
  /// Numbers of terms lie below it.
  fileprivate let termCount: Int
  fileprivate let parts: [(part: TextIndex.Part, source: TextSegmentBuilder.Source)]

  fileprivate static let formatVersion: UInt32 = 1
  fileprivate static let headerBytes = 24

  /// The bytes of a snapshot. Nothing in them tells of a text that had no row any more: parts that have
  /// lost one are made anew, and terms that no text has are left out.
  func bytes() throws(IndexError) -> [UInt8] {
    let segments = try segments()
    var isUsed = [Bool](repeating: false, count: termCount)
    for (segment, _) in segments {
      for place in 0..<segment.postings.count { isUsed[Int(segment.postings.terms[place])] = true }
    }
    let (lengths, bytes) = terms.columns(termCount) { isUsed[$0] }
    var writer = ByteWriter(
      capacity: 4_096 + lengths.count + bytes.count + segments.reduce(0) { $0 + $1.0.bytes })
    writer.put(Self.formatVersion)
    writer.put(UInt32(segments.count))
    writer.put(UInt64(lengths.count))
    writer.put(UInt64(bytes.count))
    for (segment, _) in segments { writer.put(UInt64(segment.bytes)) }
    writer.put(raw: lengths)
    writer.put(raw: bytes)
    writer.pad(to: Self.aligned(writer.bytes.count))
    for (segment, rows) in segments {
      let saved = segment.saved
      writer.put(raw: UnsafeRawBufferPointer(rebasing: saved[..<segment.layout.rows]))
      // As they were at that moment.
      rows.withUnsafeBytes { writer.put(raw: $0) }
      writer.put(raw: UnsafeRawBufferPointer(rebasing: saved[segment.layout.starts...]))
    }
    return writer.bytes
  }

  fileprivate static func aligned(_ count: Int) -> Int { (count + 63) / 64 * 64 }

  /// Segments of live texts only, with their rows.
  private func segments() throws(IndexError) -> [(TextSegment, [UInt32])] {
    var whole: [(TextSegment, [UInt32])] = []
    var rest: [TextSegmentBuilder.Source] = []
    var waiting = 0
    func flush() throws(IndexError) {
      let texts = TextSegmentBuilder(rest)
      if !texts.origins.isEmpty {
        let segment = try texts.build(terms: terms.capacity)
        whole.append((segment, (0..<segment.count).map(segment.documents.row)))
      }
      (rest, waiting) = ([], 0)
    }
    for (part, source) in parts {
      if case .segment(let segment) = part, !source.rows.contains(TextDocuments.noRow) {
        whole.append((segment, source.rows))
        continue
      }
      if waiting + source.rows.count > TextAddress.documentsMax { try flush() }
      rest.append(source)
      waiting += source.rows.count
    }
    try flush()
    return whole
  }
}

extension TextIndex {
  /// The texts as they are between two changes: little is done here, so that the next may come.
  func snapshot() -> TextSnapshot {
    writer.withLock { writer in
      TextSnapshot(
        terms: writer.terms, termCount: writer.terms.used,
        parts: writer.parts.compactMap { part in
          part.map { ($0, TextSegmentBuilder.Source($0.documents, count: $0.count)) }
        })
    }
  }

  /// An index of the bytes that a snapshot has, whose checksums have been proven.
  ///
  /// - Parameters:
  ///   - rows: how many rows there are.
  ///   - isLive: whether a row has a text.
  /// - Throws: `IndexError.damagedSnapshot` where the bytes are none that a snapshot has.
  convenience init(
    restoring saved: SavedBytes, rows: Int, isLive: (Int) -> Bool, limits: Limits = Limits()
  ) throws(IndexError) {
    let damaged = IndexError.damagedSnapshot("header of the texts")
    let memory = try ReservedArray<UInt8>(limit: saved.count)
    try memory.restore(saved)
    let all = UnsafeRawBufferPointer(start: memory.base, count: saved.count)
    guard all.count >= TextSnapshot.headerBytes,
      all.loadUnaligned(as: UInt32.self) == TextSnapshot.formatVersion
    else { throw damaged }
    let segmentCount = Int(all.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    let termCount = all.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    let termBytes = all.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    let headerEnd = TextSnapshot.headerBytes + 8 * segmentCount
    guard segmentCount < TextAddress.slotsMax, headerEnd <= all.count,
      termCount <= all.count - headerEnd, termBytes <= all.count - headerEnd - Int(termCount)
    else { throw damaged }
    let termEnd = headerEnd + Int(termCount)
    let lengths = all[headerEnd..<termEnd].bindMemory(to: UInt8.self)
    let terms = all[termEnd..<termEnd + Int(termBytes)].bindMemory(to: UInt8.self)
    let table = try TermTable.restored(
      lengths: UnsafeBufferPointer(rebasing: lengths[...]),
      bytes: UnsafeBufferPointer(rebasing: terms[...]))
    let isTerm = lengths.map { $0 > 0 }
    var segments: [TextSegment] = []
    var place = TextSnapshot.aligned(termEnd + Int(termBytes))
    for index in 0..<segmentCount {
      let size = all.loadUnaligned(
        fromByteOffset: TextSnapshot.headerBytes + 8 * index, as: UInt64.self)
      guard place <= all.count, size <= all.count - place else { throw damaged }
      let segment = try TextSegment(restoring: memory, place..<place + Int(size), isTerm: isTerm)
      for place in 0..<segment.postings.count {
        table.count(segment.postings.terms[place], by: segment.postings.postings(place).count)
      }
      segments.append(segment)
      place += Int(size)
    }
    guard place == all.count else { throw damaged }
    try self.init(limits: limits, terms: table)
    try begin(segments, rows: rows, isLive: isLive)
  }
}
