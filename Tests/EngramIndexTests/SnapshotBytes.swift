import EngramIndex

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension SavedBytes {
  /// As a file would be mapped: memory of its own over what is there.
  init(_ bytes: [UInt8]) {
    self.init(count: bytes.count) { address throws(IndexError) in
      #if os(Linux)
        let flags = MAP_PRIVATE | MAP_FIXED | Int32(MAP_ANONYMOUS)
      #else
        let flags = MAP_PRIVATE | MAP_FIXED | MAP_ANON
      #endif
      guard mmap(address, bytes.count, PROT_READ | PROT_WRITE, flags, -1, 0) == address else {
        throw .outOfMemory(bytes: bytes.count)
      }
      bytes.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(start: address, count: bytes.count).copyMemory(from: $0)
      }
    }
  }
}

/// An index's snapshot, copied.
struct SnapshotBytes: Equatable {
  var rows: Int
  var linked: Int
  var parameters: HNSWParameters
  var codes: [UInt8]
  var factors: [UInt8]
  var bounds: [UInt8]
  var states: [UInt8]
  var baseLinks: [UInt8]
  var upperLinks: [UInt8]
  var walkCodes: [UInt8]
  var centre: [Float]
  var centredRows: Int
  var calibration: Calibration?

  init(_ index: HNSWIndex) {
    self = index.withQuietGraph {
      let rows = index.rowCount
      return SnapshotBytes(index.snapshotParts(rows: rows, states: index.states(rows)))
    }
  }

  private init(_ snapshot: IndexSnapshot<UnsafeRawBufferPointer>) {
    rows = snapshot.rows
    linked = snapshot.linked
    parameters = snapshot.parameters
    codes = Array(snapshot.codes)
    factors = Array(snapshot.factors)
    bounds = Array(snapshot.bounds)
    states = snapshot.states
    baseLinks = Array(snapshot.baseLinks)
    upperLinks = Array(snapshot.upperLinks)
    walkCodes = Array(snapshot.walkCodes)
    centre = snapshot.centre
    centredRows = snapshot.centredRows
    calibration = snapshot.calibration
  }

  static let parts: [WritableKeyPath<SnapshotBytes, [UInt8]> & Sendable] = [
    \.codes, \.factors, \.bounds, \.states, \.baseLinks, \.upperLinks, \.walkCodes,
  ]

  /// An index of these bytes.
  func restored(
    dimension: Int, _ metric: Metric, _ vectors: PinnedVectors
  ) throws(IndexError) -> HNSWIndex {
    let snapshot = IndexSnapshot(
      rows: rows, linked: linked, parameters: parameters, codes: SavedBytes(codes),
      factors: SavedBytes(factors), bounds: SavedBytes(bounds), states: states,
      baseLinks: SavedBytes(baseLinks), upperLinks: SavedBytes(upperLinks),
      walkCodes: SavedBytes(walkCodes), centre: centre, centredRows: centredRows,
      calibration: calibration)
    return try HNSWIndex(
      dimension: dimension, metric: metric, snapshot: snapshot, vectors: vectors.addresses)
  }

  /// FNV-1a over all parts and their lengths.
  var checksum: UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for part in Self.parts {
      let bytes = self[keyPath: part]
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
      hash = (hash ^ UInt64(bytes.count)) &* 0x100_0000_01B3
    }
    return hash
  }
}
