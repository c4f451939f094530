import EngramIndex
import Foundation
import Synchronization
import SystemPackage

/// The file of full-precision vectors: a header, then slots of one size. The source of truth for
/// vectors; `docs/format.md` specifies every byte.
///
/// A slot is written into space that was zero-filled and synced before. It holds a memory's vector only
/// if a committed row of the catalogue says so, and from then on its bytes are the same for good.
final class VectorPages: Sendable {
  struct Header: Equatable {
    var store: UUID
    var space: UInt32
    var generation: UInt32
    var dimension: UInt32
    var metric: Metric
    var model: String

    var fileName: String { VectorPages.fileName(space: Int(space), generation: generation) }

    /// Whether a name is that of another file of the space, or its draft, which a compaction has left
    /// behind.
    func supersedes(_ name: String) -> Bool {
      let name = name.hasSuffix("-new") ? String(name.dropLast(4)) : name
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      let generation = parts.count == 3 ? UInt32(parts[1]) : 1
      guard let generation, generation != self.generation else { return false }
      return name == VectorPages.fileName(space: Int(space), generation: generation)
    }
  }

  /// What precedes the vector in a slot, and what is checked when it is read with care.
  struct SlotHeader: Equatable {
    var slot: UInt64
    /// The change that wrote it, and the first change of that change's group.
    var change: Int64
    var group: Int64
    var memory: UUID
    var vectorChecksum: UInt32
  }

  static let headerBytes = 4096
  static let slotHeaderBytes = 64
  private static let magic: [UInt8] = [0x89] + Array("ENGRAMV\r\n\u{1A}\n".utf8)
  private static let slotMagic: UInt32 = 0x544F_4C53  // "SLOT"
  static let formatVersion: UInt16 = 1

  let header: Header
  let file: File
  let map: PageMap
  let slotBytes: Int
  /// Held while the file grows.
  private let growth = Mutex<Void>(())
  private let isGrowing = Atomic<Bool>(false)
  private let isClosed = Atomic<Bool>(false)
  private let syncFailure = Mutex<StoreError?>(nil)

  private init(header: Header, file: File) throws(StoreError) {
    self.header = header
    self.file = file
    slotBytes = Self.slotBytes(dimension: Int(header.dimension))
    map = try PageMap(
      reserving: Self.headerBytes + IndexLimits.rows * Self.slotBytes(
        dimension: Int(header.dimension)))
  }

  /// Whole cache lines; never a multiple of a page, which would put all rows into the same cache
  /// sets.
  static func slotBytes(dimension: Int) -> Int {
    let bytes = (slotHeaderBytes + dimension * 4 + 63) / 64 * 64
    return bytes % 4096 == 0 ? bytes + 64 : bytes
  }

  /// The first file of a space has no generation in its name.
  static func fileName(space: Int, generation: UInt32) -> String {
    generation == 1 ? "vectors-\(space).pages" : "vectors-\(space).\(generation).pages"
  }

  static func isFileName(_ name: String) -> Bool {
    name.hasPrefix("vectors-") && name.hasSuffix(".pages")
  }

  // MARK: Making and opening

  static func create(_ path: FilePath, _ header: Header) throws(StoreError) -> VectorPages {
    try Directory.publish(path) { file throws(StoreError) in
      try write(encode(header), to: file, at: 0)
    }
    return try open(path, expecting: header)
  }

  static func open(_ path: FilePath, expecting header: Header) throws(StoreError) -> VectorPages {
    let file = try File.open(path, .write)
    let found = try readHeader(of: file)
    guard found == header else {
      throw .damaged(file: path.string, reason: "it belongs to another store or vector space")
    }
    let pages = try VectorPages(header: header, file: file)
    try pages.extendMap()
    return pages
  }

  private static func readHeader(of file: File) throws(StoreError) -> Header {
    let bytes = try file.read(headerBytes, at: 0)
    guard bytes.count == headerBytes else {
      throw .damaged(file: file.path.string, reason: "its header is cut off")
    }
    return try decode(bytes, file: file.path.string)
  }

  private static func encode(_ header: Header) -> [UInt8] {
    var writer = ByteWriter(capacity: headerBytes)
    writer.put(raw: magic)
    writer.pad(to: 16)
    writer.put(formatVersion)
    writer.put(UInt16(0))
    writer.put(UInt32(headerBytes))
    writer.put(header.store)
    writer.put(header.space)
    writer.put(header.generation)
    writer.put(header.dimension)
    writer.put(UInt32(1))  // element type: float32
    writer.put(header.metric.code)
    writer.put(UInt32(slotBytes(dimension: Int(header.dimension))))
    writer.put(header.model)
    writer.pad(to: headerBytes - 4)
    writer.put(writer.checksum)
    return writer.bytes
  }

  private static func decode(_ bytes: [UInt8], file: String) throws(StoreError) -> Header {
    guard bytes.starts(with: magic) else {
      throw .damaged(file: file, reason: "it is no file of vectors")
    }
    var reader = ByteReader(bytes.dropLast(4))
    guard Checksum.endsBytes(bytes), reader.take(16) != nil, reader.take(UInt16.self) == formatVersion,
      reader.take(UInt16.self) != nil, reader.take(UInt32.self) == UInt32(headerBytes),
      let store = reader.takeUUID(), let space = reader.take(UInt32.self),
      let generation = reader.take(UInt32.self), let dimension = reader.take(UInt32.self),
      IndexLimits.dimensions.contains(Int(dimension)), reader.take(UInt32.self) == 1,
      let metric = reader.take(UInt32.self).flatMap(Metric.init(code:)),
      reader.take(UInt32.self) == UInt32(slotBytes(dimension: Int(dimension))),
      let model = reader.takeString()
    else {
      throw .damaged(file: file, reason: "its header fails its checksum or has another format")
    }
    return Header(
      store: store, space: space, generation: generation, dimension: dimension, metric: metric,
      model: model)
  }

  // MARK: Reading

  /// Slots that the file has room for.
  func capacity() throws(StoreError) -> Int {
    (try file.size() - Self.headerBytes) / slotBytes
  }

  /// Sees to it that the map holds the slots below `slots`, which the catalogue says are there.
  func reach(slots: Int) throws(StoreError) {
    if !hasRoom(slots: slots) { try extendMap() }
    guard hasRoom(slots: slots) else {
      throw .damaged(file: file.path.string, reason: "it is shorter than the catalogue says")
    }
  }

  /// Where a slot's vector lies in the map, for as long as this object lives.
  func vector(_ slot: Int) -> UnsafePointer<Float> {
    (map.base + offset(slot) + Self.slotHeaderBytes).assumingMemoryBound(to: Float.self)
  }

  /// Reads a slot by the file, not the map, and checks all that it says of itself; nil where it
  /// holds nothing that was written as a slot of this store.
  func readSlot(_ slot: Int) throws(StoreError) -> (header: SlotHeader, vector: [Float])? {
    try bytes(ofSlot: slot).flatMap { decodeSlot($0, slot) }
  }

  /// What the file holds at a slot, whatever that is; nil past its end.
  func bytes(ofSlot slot: Int) throws(StoreError) -> [UInt8]? {
    guard slot >= 0, slot < (try capacity()) else { return nil }
    return try file.read(slotBytes, at: offset(slot))
  }

  /// The first slot from `slot` on that nobody has written: a process that died before its commit
  /// may have.
  func firstFreeSlot(from slot: Int) throws(StoreError) -> Int {
    var slot = slot
    while try readSlot(slot) != nil { slot += 1 }
    return slot
  }

  private var dimension: Int { Int(header.dimension) }
  private func offset(_ slot: Int) -> Int { Self.headerBytes + slot * slotBytes }

  // MARK: Growing

  /// Whether slots below `count` may be written: their space was zero-filled, synced and mapped.
  func hasRoom(slots count: Int) -> Bool { offset(count) <= map.mapped }

  /// Makes room for slots below `count`, so that a commit never waits for the file system to
  /// allocate. One process at a time does it, past the end of the file only.
  ///
  /// It grows by 64 KB first, then by an eighth of the file, by 16 MB at most. What an attempt that
  /// failed left behind is written again, or is room if another process could sync it.
  func makeRoom(slots count: Int) throws(StoreError) {
    try growth.withLock { _ throws(StoreError) in
      guard !hasRoom(slots: count), !isClosed.load(ordering: .acquiring) else { return }
      // Opened anew: of two syncs at once through one descriptor only one is told of a failure.
      let file = try File.open(file.path, .write)
      _ = try file.lock(wait: true)
      try extendMap()
      if hasRoom(slots: count) { return }
      let size = map.mapped
      let target = (max(offset(count), size + step(size)) + 4095) / 4096 * 4096
      let zeros = [UInt8](repeating: 0, count: min(target - size, 1 << 20))
      for begin in stride(from: size, to: target, by: zeros.count) {
        try Self.write(Array(zeros.prefix(target - begin)), to: file, at: begin)
      }
      try synchronise(file)
      try extendMap()
    }
  }

  /// Makes room on another thread where less than half a step of it is left behind `count` slots.
  func makeRoomSoon(slots count: Int) {
    let needed = count + step(map.mapped) / 2 / slotBytes
    guard !hasRoom(slots: needed), !isGrowing.exchange(true, ordering: .acquiring) else { return }
    DispatchQueue.global(qos: .utility).async { [self] in
      // Where there is no space the commit that needs it says so; a failed sync is noted.
      try? makeRoom(slots: needed)
      isGrowing.store(false, ordering: .releasing)
    }
  }

  /// Once nobody writes any more: nothing touches the file afterwards, which may be another's soon.
  func close() {
    isClosed.store(true, ordering: .releasing)
    growth.withLock { _ in }
  }

  private func step(_ size: Int) -> Int { min(max(64 << 10, size / 8), 16 << 20) }

  /// Maps what the file has grown by, in this process or another.
  func extendMap() throws(StoreError) {
    // Past the end of a file that was cut off its last page reads as zeros.
    try map.extend(file, to: (try file.size() + 4095) / 4096 * 4096)
  }

  // MARK: Writing, under the writer lock

  /// Returns once all slots written so far have reached the disk. Where it has ever failed, here or
  /// while the file grew, it fails for good: what did not reach the disk may be in no memory any more.
  func synchronise() throws(StoreError) { try synchronise(file) }

  private func synchronise(_ file: File) throws(StoreError) {
    if let failure { throw failure }
    do throws(StoreError) { try file.synchronise() } catch {
      syncFailure.withLock { $0 = error }
      throw error
    }
  }

  /// The sync that failed.
  var failure: StoreError? { syncFailure.withLock { $0 } }

  /// Appends the bytes of one slot to those of a group.
  func encodeSlot(_ header: SlotHeader, _ vector: [Float], into group: inout [UInt8]) {
    var writer = ByteWriter(capacity: slotBytes)
    writer.put(Self.slotMagic)
    writer.put(UInt32(0))
    writer.put(header.slot)
    writer.put(header.change)
    writer.put(header.group)
    writer.put(header.memory)
    writer.put(header.vectorChecksum)
    writer.pad(to: Self.slotHeaderBytes - 4)
    let covered = writer.bytes + Self.storeTag(self.header.store)
    writer.put(Checksum.crc32c(covered))
    vector.withUnsafeBytes { writer.put(raw: $0) }
    writer.pad(to: slotBytes)
    group.append(contentsOf: writer.bytes)
  }

  /// Writes the encoded slots of a group from `slot` on.
  func writeSlots(_ bytes: [UInt8], from slot: Int) throws(StoreError) {
    try Self.write(bytes, to: file, at: offset(slot))
  }

  /// What the bytes of a slot say; nil where they are not whole, or another slot's.
  func decodeSlot(_ bytes: [UInt8], _ slot: Int) -> (header: SlotHeader, vector: [Float])? {
    guard bytes.count == slotBytes, let header = decodeSlotHeader(bytes.prefix(Self.slotHeaderBytes)),
      header.slot == UInt64(slot)
    else { return nil }
    let vector = [Float](unsafeUninitializedCapacity: dimension) { floats, count in
      bytes.dropFirst(Self.slotHeaderBytes).withUnsafeBytes {
        UnsafeMutableRawBufferPointer(floats).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: $0[..<(dimension * 4)]))
      }
      count = dimension
    }
    guard Self.vectorChecksum(vector) == header.vectorChecksum else { return nil }
    return (header, vector)
  }

  private func decodeSlotHeader(_ bytes: ArraySlice<UInt8>) -> SlotHeader? {
    var reader = ByteReader(bytes)
    guard reader.take(UInt32.self) == Self.slotMagic, reader.take(UInt32.self) != nil,
      let slot = reader.take(UInt64.self), let change = reader.take(Int64.self),
      let group = reader.take(Int64.self), let memory = reader.takeUUID(),
      let vectorChecksum = reader.take(UInt32.self)
    else { return nil }
    guard Checksum.endsBytes(bytes, tag: Self.storeTag(header.store)) else { return nil }
    return SlotHeader(
      slot: slot, change: change, group: group, memory: memory, vectorChecksum: vectorChecksum)
  }

  /// A slot's checksum covers the store it belongs to, without storing that in each slot.
  private static func storeTag(_ store: UUID) -> [UInt8] { withUnsafeBytes(of: store.uuid, Array.init) }

  static func vectorChecksum(_ vector: [Float]) -> UInt32 {
    vector.withBytes { Checksum.crc32c($0) }
  }

  // MARK: Bytes and files

  private static func write(_ bytes: [UInt8], to file: File, at offset: Int) throws(StoreError) {
    try bytes.withBytes { bytes throws(StoreError) in try file.write(bytes, at: offset) }
  }
}

extension Metric {
  /// The number that stands for it in files.
  var code: UInt32 {
    switch self {
    case .cosine: 1
    case .innerProduct: 2
    case .squaredL2: 3
    }
  }

  init?(code: UInt32) {
    guard let metric = Metric.allCases.first(where: { $0.code == code }) else { return nil }
    self = metric
  }
}
