import EngramIndex
import Foundation
import SystemPackage

/// The file that holds the index: codes, graph, what each row stands for and the names of scopes,
/// with the change it covers. It is derived: a store without it, or with one that fails a check,
/// rebuilds the index from pages and catalogue. `docs/format.md` specifies every byte.
struct Snapshot {
  /// What a snapshot must agree with to be of use.
  struct Identity: Equatable {
    var store: UUID
    var space: UInt32
    var dimension: UInt32
    var metric: Metric
    var parameters: HNSWParameters
  }

  static func fileName(space: Int) -> String { "index-\(space).hnsw" }

  private static let magic: [UInt8] = [0x89] + Array("ENGRAMI\r\n\u{1A}\n".utf8)
  private static let formatVersion: UInt16 = 3
  private static let headerBytes = 4096

  private enum Section: Int, CaseIterable {
    case codes, factors, bounds, states, baseLinks, upperLinks, walkCodes, centre, calibration
    case rows, names
  }

  /// One row of the index: the version it stands for, its slot and its scope.
  private struct RowRecord {
    static let bytes = 8 + 4 * 4
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
  /// - Parameter chainHash: the history's hash of a change.
  static func write(
    _ live: LiveIndex, identity: Identity, to path: FilePath,
    chainHash: (Int64) throws(StoreError) -> Data
  ) throws(StoreError) -> Int64 {
    try live.index.withQuietGraph { () throws(StoreError) -> Int64 in
      // Rows, what they stand for and the change are taken together, while nobody links rows or
      // gives them again: changes that come later are replayed over the file.
      let (rows, covered, states, table, names) = live.withState { rows, covered in
        (
          rows, covered, live.index.states(rows), encodeRows(live, count: rows),
          encodeNames(live.postings.names)
        )
      }
      let hash = try chainHash(covered)
      let index = live.index.snapshotParts(rows: rows, states: states)
      try Directory.publish(path) { file throws(StoreError) in
        try write(
          [
            .raw(index.codes), .raw(index.factors), .raw(index.bounds), .bytes(states),
            .raw(index.baseLinks), .raw(index.upperLinks), .raw(index.walkCodes),
            .bytes(encodeCentre(index)), .bytes(encode(index.calibration)), .bytes(table),
            .bytes(names),
          ], rows: rows, linked: index.linked, covered: covered, hash: hash, identity: identity,
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
    var offset = headerBytes
    for section in sections {
      let (count, checksum) = try section.withBytes { bytes throws(StoreError) in
        try file.write(bytes, at: offset)
        return (bytes.count, Checksum.crc32c(bytes))
      }
      header.put(Int64(offset))
      header.put(Int64(count))
      header.put(checksum)
      offset += (count + 4095) / 4096 * 4096
    }
    header.pad(to: headerBytes - 4)
    header.put(header.checksum)
    try header.bytes.withBytes { bytes throws(StoreError) in try file.write(bytes, at: 0) }
  }

  private static func put(_ identity: Identity, _ writer: inout ByteWriter) {
    writer.put(identity.store)
    writer.put(identity.space)
    writer.put(identity.dimension)
    writer.put(identity.metric.code)
    writer.put(UInt32(identity.parameters.maxConnections))
    writer.put(UInt32(identity.parameters.efConstruction))
    writer.put(identity.parameters.seed)
  }

  private static func encodeRows(_ live: LiveIndex, count: Int) -> [UInt8] {
    var writer = ByteWriter(capacity: count * RowRecord.bytes)
    for row in 0..<count {
      let key = live.table.key(row)
      writer.put(live.table.change(row))
      writer.put(UInt32(live.table.slot(row)))
      writer.put(key.user)
      writer.put(key.agent)
      writer.put(key.run)
    }
    return writer.bytes
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

  private static func encodeCentre(_ index: IndexSnapshot) -> [UInt8] {
    var writer = ByteWriter()
    writer.put(Int64(index.centredRows))
    for component in index.centre { writer.put(component.bitPattern) }
    return writer.bytes
  }

  private static func decodeCentre(
    _ bytes: UnsafeRawBufferPointer, _ damaged: StoreError
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
    _ bytes: UnsafeRawBufferPointer, _ damaged: StoreError
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
  /// - Parameter chainHash: the history's hash of a change; nil where it has no such change.
  /// - Returns: nil where there is no snapshot.
  /// - Throws: `StoreError.damaged` where it fails a check, or has another format or parameters.
  static func read(
    _ path: FilePath, identity: Identity, pages: VectorPages, slots: Int,
    chainHash: (Int64) throws(StoreError) -> Data?
  ) throws(StoreError) -> LiveIndex? {
    guard try Directory.kind(of: path) != .absent else { return nil }
    let file = try File.open(path, .read)
    let header = try Header(file, identity: identity)
    // After power loss the weaker levels of durability may have lost what the snapshot knows, and
    // given the same numbers to other changes since.
    guard let hash = try chainHash(header.covered) else {
      throw .damaged(
        file: Catalogue.fileName, reason: "it is older than the snapshot of the index")
    }
    guard hash == header.hash else {
      throw .damaged(file: path.string, reason: "it covers changes that the catalogue does not have")
    }
    var sections: [OwnedBytes] = []
    for (section, entry) in zip(Section.allCases, header.sections) {
      sections.append(try read(entry, "\(section)", file))
    }
    func bytes(_ section: Section) -> UnsafeRawBufferPointer { sections[section.rawValue].bytes }
    func damaged(_ section: Section) -> StoreError {
      .damaged(file: path.string, reason: "its \(section) has the wrong length")
    }
    let (centre, centredRows) = try decodeCentre(bytes(.centre), damaged(.centre))
    let parts = IndexSnapshot(
      rows: header.rows, linked: header.linked, parameters: identity.parameters,
      codes: bytes(.codes), factors: bytes(.factors), bounds: bytes(.bounds),
      states: Array(bytes(.states)), baseLinks: bytes(.baseLinks), upperLinks: bytes(.upperLinks),
      walkCodes: bytes(.walkCodes), centre: centre, centredRows: centredRows,
      calibration: try decodeCalibration(bytes(.calibration), damaged(.calibration)))
    return try withExtendedLifetime(sections) { () throws(StoreError) in
      try restore(
        parts, rows: bytes(.rows), names: bytes(.names), covered: header.covered,
        identity: identity, pages: pages, slots: slots, file: path.string)
    }
  }

  private struct Header {
    var rows: Int
    var linked: Int
    var covered: Int64
    var hash: Data
    var sections: [(offset: Int, count: Int, checksum: UInt32)] = []

    init(_ file: File, identity: Identity) throws(StoreError) {
      let damaged = StoreError.damaged(
        file: file.path.string, reason: "its header fails its checksum")
      let header = try OwnedBytes(capacity: Snapshot.headerBytes) { buffer throws(StoreError) in
        try file.read(into: buffer, at: 0)
      }
      let bytes = header.bytes
      guard bytes.count == Snapshot.headerBytes, bytes.starts(with: Snapshot.magic) else {
        throw damaged
      }
      var expected = ByteWriter()
      Snapshot.put(identity, &expected)
      let size = try file.size()
      let body = UnsafeRawBufferPointer(rebasing: bytes.dropLast(4))
      let stored = bytes.loadUnaligned(fromByteOffset: body.count, as: UInt32.self)
      guard stored == Checksum.crc32c(body) else { throw damaged }
      var reader = ByteReader(body)
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
          let checksum = reader.take(UInt32.self), offset >= 0, count >= 0, offset <= size,
          count <= Int64(size) - offset
        else { throw damaged }
        sections.append((Int(offset), Int(count), checksum))
      }
      guard (0...Int64(IndexLimits.rows)).contains(rows), (0...rows).contains(linked) else {
        throw damaged
      }
      self.rows = Int(rows)
      self.linked = Int(linked)
      self.covered = covered
      self.hash = Data(hash)
    }
  }

  private static func read(
    _ entry: (offset: Int, count: Int, checksum: UInt32), _ name: String, _ file: File
  ) throws(StoreError) -> OwnedBytes {
    let section = try OwnedBytes(capacity: entry.count) { buffer throws(StoreError) in
      try file.read(into: buffer, at: entry.offset)
    }
    guard section.bytes.count == entry.count, Checksum.crc32c(section.bytes) == entry.checksum
    else { throw .damaged(file: file.path.string, reason: "its \(name) fail their checksum") }
    return section
  }

  private static func restore(
    _ parts: IndexSnapshot, rows: UnsafeRawBufferPointer, names: UnsafeRawBufferPointer,
    covered: Int64, identity: Identity,
    pages: VectorPages, slots: Int, file: String
  ) throws(StoreError) -> LiveIndex {
    let damaged = StoreError.damaged(file: file, reason: "its rows contradict each other")
    guard rows.count == parts.rows * RowRecord.bytes, parts.states.count == parts.rows else {
      throw damaged
    }
    let postings = ScopePostings()
    let names = try decodeNames(names, damaged)
    let counts = (user: names[0].count, agent: names[1].count, run: names[2].count)
    do throws(IndexError) {
      let table = try RowTable()
      try table.reserve(rows: parts.rows, slots: slots)
      var vectors: [UnsafePointer<Float>] = []
      vectors.reserveCapacity(parts.rows)
      var live: [(row: UInt32, key: ScopePostings.Key)] = []
      live.reserveCapacity(parts.rows)
      var reader = ByteReader(rows)
      for row in 0..<parts.rows {
        guard let change = reader.take(Int64.self), let slot = reader.take(UInt32.self),
          let user = reader.take(UInt32.self), let agent = reader.take(UInt32.self),
          let run = reader.take(UInt32.self), Int(slot) < slots,
          Int(user) <= counts.user, Int(agent) <= counts.agent,
          Int(run) <= counts.run
        else { throw .damagedSnapshot("rows") }
        let key = ScopePostings.Key(user: user, agent: agent, run: run)
        vectors.append(pages.vector(Int(slot)))
        // The slot of a dead row may be another row's by now.
        guard parts.isLive(row) else { continue }
        table.set(row, change: change, slot: Int(slot), key: key)
        live.append((UInt32(row), key))
      }
      postings.restore(user: names[0], agent: names[1], run: names[2], rows: live)
      let index = try HNSWIndex(
        dimension: Int(identity.dimension), metric: identity.metric, snapshot: parts,
        vectors: vectors)
      return LiveIndex(
        index: index, table: table, postings: postings, pages: pages, covered: covered)
    } catch {
      guard case .damagedSnapshot = error else { throw .index(error) }
      throw damaged
    }
  }

  /// Users, agents and runs.
  private static func decodeNames(
    _ bytes: UnsafeRawBufferPointer, _ damaged: StoreError
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
