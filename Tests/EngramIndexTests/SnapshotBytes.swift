import EngramIndex

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

  init(_ index: HNSWIndex) {
    self = index.withQuietGraph {
      let rows = index.rowCount
      return SnapshotBytes(index.snapshotParts(rows: rows, states: index.states(rows)))
    }
  }

  private init(_ snapshot: IndexSnapshot) {
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
  }

  static let parts: [WritableKeyPath<SnapshotBytes, [UInt8]> & Sendable] = [
    \.codes, \.factors, \.bounds, \.states, \.baseLinks, \.upperLinks, \.walkCodes,
  ]

  /// An index of these bytes.
  func restored(
    dimension: Int, _ metric: Metric, _ vectors: PinnedVectors
  ) throws(IndexError) -> HNSWIndex {
    try lend(codes) { codes throws(IndexError) in
      try lend(factors) { factors throws(IndexError) in
        try lend(bounds) { bounds throws(IndexError) in
          try lend(baseLinks) { baseLinks throws(IndexError) in
            try lend(upperLinks) { upperLinks throws(IndexError) in
              try lend(walkCodes) { walkCodes throws(IndexError) in
                let snapshot = IndexSnapshot(
                  rows: rows, linked: linked, parameters: parameters, codes: codes,
                  factors: factors, bounds: bounds, states: states, baseLinks: baseLinks,
                  upperLinks: upperLinks, walkCodes: walkCodes, centre: centre,
                  centredRows: centredRows, calibration: nil)
                return try HNSWIndex(
                  dimension: dimension, metric: metric, snapshot: snapshot,
                  vectors: vectors.addresses)
              }
            }
          }
        }
      }
    }
  }

  private func lend<Result>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(IndexError) -> Result
  ) throws(IndexError) -> Result {
    try bytes.withUnsafeBufferPointer { bytes throws(IndexError) in
      try body(UnsafeRawBufferPointer(bytes))
    }
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
