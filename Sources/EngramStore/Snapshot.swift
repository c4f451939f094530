import EngramIndex
import Foundation
import Synchronization
import SystemPackage

/// The file that holds the index: codes, graph, what each row stands for and the names of scopes,
/// with the change it covers. It is derived: a store without it, or with one that fails a check,
/// rebuilds the index from pages and catalogue. `docs/format.md` specifies every byte.
struct Snapshot {
  /// What a snapshot must agree with to be of use.
  struct Identity: Equatable {
    var store: UUID
    var space: UInt32
    /// Of the file of vectors: another one has other slots.
    var generation: UInt32
    var dimension: UInt32
    var metric: Metric
    var parameters: HNSWParameters
  }

  static func fileName(space: UInt32) -> String { "index-\(space).hnsw" }

  private static let magic: [UInt8] = [0x89] + Array("ENGRAMI\r\n\u{1A}\n".utf8)
  private static let formatVersion: UInt16 = 6
  private static let headerBytes = 4096

  /// Checksums are those of blocks, so that many threads can check them.
  private static let blockBytes = 1 << 20

  private enum Section: Int, CaseIterable {
    case codes, factors, bounds, states, baseLinks, upperLinks, walkCodes, centre, calibration
    case changes, slots, keys, names, updates, importances, accesses, texts
    /// Of the blocks of all others.
    case checksums
  }

  private enum Part {
    case raw(UnsafeRawBufferPointer)
    case bytes([UInt8])

    func withBytes<Result>(
      _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
      switch self {
      case .raw(let bytes): try body(bytes)
      case .bytes(let bytes): try bytes.withBytes(body)
      }
    }
  }

  // MARK: Writing

  /// Writes the live index under `path`; the change it covers.
  ///
  /// - Parameters:
  ///   - slots: the slots in the order in which another file of vectors has them, where the snapshot is
  ///     for that; nil where it is for the index's own.
  ///   - chainHash: the history's hash of a change.
  static func write(
    _ live: LiveIndex, identity: Identity, to path: FilePath, slots: [Int]? = nil,
    chainHash: (Int64) throws(StoreError) -> Data
  ) throws(StoreError) -> Int64 {
    try live.index.withQuietGraph { () throws(StoreError) -> Int64 in
      // Rows, what they stand for and the change are taken together, while nobody links rows or
      // gives them again: changes that come later are replayed over the file.
      let (rows, covered, states, columns, texts) = live.withState { rows, covered in
        (
          rows, covered, live.index.states(rows),
          live.table.columns(rows, slots: slots) + [encodeNames(live.postings.names)]
            + live.signals.columns(rows),
          live.text.snapshot()
        )
      }
      let hash = try chainHash(covered)
      let index = live.index.snapshotParts(rows: rows, states: states)
      try Directory.publish(path) { file throws(StoreError) in
        try write(
          [
            .raw(index.codes), .raw(index.factors), .raw(index.bounds), .bytes(states),
            .raw(index.baseLinks), .raw(index.upperLinks), .raw(index.walkCodes),
            .bytes(encodeCentre(index)), .bytes(encode(index.calibration)),
          ] + (columns + [encode(texts)]).map(Part.bytes),
          rows: rows, linked: index.linked, covered: covered, hash: hash, identity: identity,
          to: file)
      }
      return covered
    }
  }

  private static func write(
    _ sections: [Part], rows: Int, linked: Int, covered: Int64, hash: Data,
    identity: Identity, to file: File
  ) throws(StoreError) {
    var header = ByteWriter(capacity: headerBytes)
    header.put(raw: magic)
    header.pad(to: 16)
    header.put(formatVersion)
    header.put(UInt16(0))
    header.put(UInt32(headerBytes))
    put(identity, &header)
    header.put(Int64(rows))
    header.put(Int64(linked))
    header.put(covered)
    header.put(raw: hash)
    var checksums = ByteWriter()
    var offset = headerBytes
    for section in sections {
      let count = try section.withBytes { bytes throws(StoreError) in
        for block in blocks(of: bytes.count) {
          let part = UnsafeRawBufferPointer(rebasing: bytes[block])
          try file.write(part, at: offset + block.lowerBound)
          checksums.put(Checksum.crc32c(part))
        }
        return bytes.count
      }
      header.put(Int64(offset))
      header.put(Int64(count))
      offset += (count + 4095) / 4096 * 4096
    }
    header.put(Int64(offset))
    header.put(Int64(checksums.bytes.count))
    header.put(checksums.checksum)
    try checksums.bytes.withBytes { bytes throws(StoreError) in try file.write(bytes, at: offset) }
    header.pad(to: headerBytes - 4)
    header.put(header.checksum)
    try header.bytes.withBytes { bytes throws(StoreError) in try file.write(bytes, at: 0) }
  }

  private static func blocks(of count: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: blockBytes).map { $0..<min($0 + blockBytes, count) }
  }

  private static func put(_ identity: Identity, _ writer: inout ByteWriter) {
    writer.put(identity.store)
    writer.put(identity.space)
    writer.put(identity.generation)
    writer.put(identity.dimension)
    writer.put(identity.metric.code)
    writer.put(UInt32(identity.parameters.maxConnections))
    writer.put(UInt32(identity.parameters.efConstruction))
    writer.put(identity.parameters.seed)
  }

  private static func encodeNames(
    _ names: (user: [String], agent: [String], run: [String])
  ) -> [UInt8] {
    var writer = ByteWriter()
    for kind in [names.user, names.agent, names.run] {
      writer.put(UInt32(kind.count))
      for name in kind { writer.put(name) }
    }
    return writer.bytes
  }

  /// Empty where no search has asked for the texts, or there is no memory for them: the next that does
  /// has them read.
  private static func encode(_ texts: TextSnapshot?) -> [UInt8] { (try? texts?.bytes()) ?? [] }

  private static func encodeCentre(_ index: IndexSnapshot<UnsafeRawBufferPointer>) -> [UInt8] {
    var writer = ByteWriter()
    writer.put(Int64(index.centredRows))
    for component in index.centre { writer.put(component.bitPattern) }
    return writer.bytes
  }

  private static func decodeCentre(
    _ bytes: [UInt8], _ damaged: StoreError
  ) throws(StoreError) -> (centre: [Float], rows: Int) {
    var reader = ByteReader(bytes)
    guard let rows = reader.take(Int64.self), bytes.count % 4 == 0 else { throw damaged }
    var centre: [Float] = []
    while let component = reader.take(UInt32.self) { centre.append(Float(bitPattern: component)) }
    return (centre, Int(rows))
  }

  private static func encode(_ calibration: Calibration?) -> [UInt8] {
    var writer = ByteWriter()
    guard let calibration else { return writer.bytes }
    writer.put(Int64(calibration.rows))
    for setting in calibration.settings {
      writer.put(UInt32(setting.width))
      writer.put(setting.recall.bitPattern)
      writer.put(setting.distances.bitPattern)
    }
    return writer.bytes
  }

  private static func decodeCalibration(
    _ bytes: [UInt8], _ damaged: StoreError
  ) throws(StoreError) -> Calibration? {
    guard !bytes.isEmpty else { return nil }
    guard bytes.count >= 8, (bytes.count - 8) % 20 == 0 else { throw damaged }
    var reader = ByteReader(bytes)
    guard let rows = reader.take(Int64.self) else { throw damaged }
    var calibration = Calibration(rows: Int(rows), settings: [])
    while let width = reader.take(UInt32.self), let recall = reader.take(UInt64.self),
      let distances = reader.take(UInt64.self)
    {
      calibration.settings.append(
        Calibration.Setting(
          width: Int(width), recall: Double(bitPattern: recall),
          distances: Double(bitPattern: distances)))
    }
    return calibration
  }

  // MARK: Reading

  /// The live index that a snapshot holds.
  ///
  /// - Parameter threads: that prove its checksums.
  /// - Returns: nil where there is no snapshot.
  /// - Throws: `StoreError.damaged` where it fails a check, or has another format or parameters.
  static func read(
    _ path: FilePath, identity: Identity, pages: VectorPages, threads: Int, catalogue: Catalogue
  ) throws(StoreError) -> LiveIndex? {
    guard let file = try open(path) else { return nil }
    let header = try Header(file, identity: identity)
    // After power loss the weaker levels of durability may have lost what the snapshot knows, and
    // given the same numbers to other changes since.
    guard let hash = try catalogue.chainHash(of: header.covered) else {
      throw .damaged(
        file: Catalogue.fileName, reason: "it is older than the snapshot of the index")
    }
    guard hash == header.hash else {
      throw .damaged(file: path.string, reason: "it covers changes that the catalogue does not have")
    }
    // All slots that it names were there when it was written.
    let slots = try catalogue.slotCount(space: identity.space)
    if !pages.hasRoom(slots: slots) { try pages.extendMap() }
    guard pages.hasRoom(slots: slots) else {
      throw .damaged(
        file: pages.file.path.string, reason: "it is shorter than the catalogue says")
    }
    try check(file, header, threads: threads)
    func saved(_ section: Section) -> SavedBytes {
      let (offset, count) = header.sections[section.rawValue]
      return SavedBytes(count: count) { address throws(IndexError) in
        do throws(StoreError) { try file.map(at: address, offset: offset, count: count) } catch {
          throw .damagedSnapshot(error.description)
        }
      }
    }
    func bytes(_ section: Section) throws(StoreError) -> [UInt8] {
      try read(header.sections[section.rawValue], file)
    }
    func damaged(_ section: Section) -> StoreError {
      .damaged(file: path.string, reason: "its \(section) has the wrong length")
    }
    let (centre, centredRows) = try decodeCentre(try bytes(.centre), damaged(.centre))
    let parts = IndexSnapshot(
      rows: header.rows, linked: header.linked, parameters: identity.parameters,
      codes: saved(.codes), factors: saved(.factors), bounds: saved(.bounds),
      states: try bytes(.states), baseLinks: saved(.baseLinks),
      upperLinks: saved(.upperLinks), walkCodes: saved(.walkCodes), centre: centre,
      centredRows: centredRows,
      calibration: try decodeCalibration(try bytes(.calibration), damaged(.calibration)))
    let names = try decodeNames(try bytes(.names), damaged(.names))
    do throws(IndexError) {
      return try restore(
        parts, saved, names: names, covered: header.covered, identity: identity, pages: pages,
        slots: slots)
    } catch {
      guard case .damagedSnapshot(let what) = error else { throw .index(error) }
      throw .damaged(file: path.string, reason: "its parts contradict each other: \(what)")
    }
  }

  /// The change that a snapshot covers; nil where there is none.
  static func covered(_ path: FilePath, identity: Identity) throws(StoreError) -> Int64? {
    guard let file = try open(path) else { return nil }
    return try Header(file, identity: identity).covered
  }

  private static func open(_ path: FilePath) throws(StoreError) -> File? {
    guard try Directory.kind(of: path) != .absent else { return nil }
    return try File.open(path, .read)
  }

  private struct Header {
    var rows: Int
    var linked: Int
    var covered: Int64
    var hash: Data
    var sections: [(offset: Int, count: Int)] = []
    /// Of the checksums.
    var checksum: UInt32

    init(_ file: File, identity: Identity) throws(StoreError) {
      let damaged = StoreError.damaged(
        file: file.path.string, reason: "its header fails its checksum")
      let bytes = try file.read(Snapshot.headerBytes, at: 0)
      guard bytes.count == Snapshot.headerBytes, bytes.starts(with: Snapshot.magic) else {
        throw damaged
      }
      var expected = ByteWriter()
      Snapshot.put(identity, &expected)
      let size = try file.size()
      guard Checksum.endsBytes(bytes) else { throw damaged }
      var reader = ByteReader(bytes.dropLast(4))
      guard reader.take(16) != nil, reader.take(UInt16.self) == Snapshot.formatVersion,
        reader.take(UInt16.self) != nil, reader.take(UInt32.self) != nil,
        let own = reader.take(expected.bytes.count), own.elementsEqual(expected.bytes),
        let rows = reader.take(Int64.self), let linked = reader.take(Int64.self),
        let covered = reader.take(Int64.self), let hash = reader.take(32)
      else {
        throw .damaged(
          file: file.path.string, reason: "its format or its parameters are others")
      }
      for _ in Section.allCases {
        guard let offset = reader.take(Int64.self), let count = reader.take(Int64.self),
          offset >= 0, offset % 4096 == 0, count >= 0, offset <= size,
          count <= Int64(size) - offset
        else { throw damaged }
        sections.append((Int(offset), Int(count)))
      }
      guard (0...Int64(IndexLimits.rows)).contains(rows), (0...rows).contains(linked),
        let checksum = reader.take(UInt32.self)
      else { throw damaged }
      self.checksum = checksum
      self.rows = Int(rows)
      self.linked = Int(linked)
      self.covered = covered
      self.hash = Data(hash)
    }
  }

  private static func read(
    _ section: (offset: Int, count: Int), _ file: File
  ) throws(StoreError) -> [UInt8] {
    let bytes = try file.read(section.count, at: section.offset)
    guard bytes.count == section.count else {
      throw .damaged(file: file.path.string, reason: "it is cut off")
    }
    return bytes
  }

  /// Proves every block's checksum. By reading, not through a map, which would be a trap where the
  /// disk fails; what has been read is in the page cache when it is mapped.
  private static func check(_ file: File, _ header: Header, threads: Int) throws(StoreError) {
    let saved = try read(header.sections[Section.checksums.rawValue], file)
    let damaged = StoreError.damaged(file: file.path.string, reason: "it fails its checksums")
    guard Checksum.crc32c(saved) == header.checksum else { throw damaged }
    let blocks = header.sections.dropLast().flatMap { section in
      Self.blocks(of: section.count).map { (section.offset + $0.lowerBound, $0.count) }
    }
    guard saved.count == 4 * blocks.count else { throw damaged }
    let failure = Mutex<StoreError?>(nil)
    share(blocks.count, among: min(threads, blocks.count)) { next in
      do throws(StoreError) {
        while let index = next() {
          let checksum = saved.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
          }
          guard Checksum.crc32c(try read(blocks[index], file)) == checksum else { throw damaged }
        }
      } catch { failure.withLock { $0 = error } }
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  private static func restore(
    _ parts: IndexSnapshot<SavedBytes>, _ saved: (Section) -> SavedBytes, names: [[String]],
    covered: Int64, identity: Identity, pages: VectorPages, slots slotCount: Int
  ) throws(IndexError) -> LiveIndex {
    guard parts.states.count == parts.rows else { throw .damagedSnapshot("length of the states") }
    let table = try RowTable()
    try table.restore(
      changes: saved(.changes), slots: saved(.slots), keys: saved(.keys), rows: parts.rows,
      slotCount: slotCount,
      names: ScopePostings.Key(
        user: UInt32(names[0].count), agent: UInt32(names[1].count), run: UInt32(names[2].count)),
      isLive: parts.isLive)
    let postings = ScopePostings()
    postings.restore(user: names[0], agent: names[1], run: names[2], rows: 0..<parts.rows) { row in
      parts.isLive(row) ? table.key(row) : nil
    }
    let index = try HNSWIndex(
      dimension: Int(identity.dimension), metric: identity.metric, snapshot: parts,
      vectors: (0..<parts.rows).map { pages.vector(table.slot($0)) })
    let signals = try RankingSignals()
    try signals.restore(
      updates: saved(.updates), importances: saved(.importances), accesses: saved(.accesses),
      rows: parts.rows)
    let texts = saved(.texts)
    let text =
      texts.count == 0
      ? nil : try TextIndex(restoring: texts, rows: parts.rows, isLive: parts.isLive)
    return LiveIndex(
      index: index, table: table, postings: postings, signals: signals, text: LiveText(text),
      pages: pages, covered: covered)
  }

  /// Users, agents and runs.
  private static func decodeNames(
    _ bytes: [UInt8], _ damaged: StoreError
  ) throws(StoreError) -> [[String]] {
    var reader = ByteReader(bytes)
    var kinds: [[String]] = []
    for _ in 0..<3 {
      guard let count = reader.take(UInt32.self) else { throw damaged }
      var names: [String] = []
      for _ in 0..<count {
        guard let name = reader.takeString() else { throw damaged }
        names.append(name)
      }
      kinds.append(names)
    }
    return kinds
  }
}
