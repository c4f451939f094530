import Synchronization

/// The parts of an index that a snapshot keeps; vectors are kept elsewhere, by whoever owns them.
///
/// `Bytes` are lent memory where an index is saved, and `SavedBytes` where it is restored.
package struct IndexSnapshot<Bytes> {
  /// Rows appended, and how many of them the graph holds.
  package var rows: Int
  package var linked: Int
  package var parameters: HNSWParameters
  package var codes: Bytes
  package var factors: Bytes
  package var bounds: Bytes
  /// A byte a row, see `HNSWIndex.states`.
  package var states: [UInt8]
  package var baseLinks: Bytes
  package var upperLinks: Bytes
  /// Of the rows that the graph holds, and what they are centred on.
  package var walkCodes: Bytes
  package var centre: [Float]
  package var centredRows: Int
  package var calibration: Calibration?

  package init(
    rows: Int, linked: Int, parameters: HNSWParameters, codes: Bytes, factors: Bytes,
    bounds: Bytes, states: [UInt8], baseLinks: Bytes, upperLinks: Bytes, walkCodes: Bytes,
    centre: [Float], centredRows: Int, calibration: Calibration?
  ) {
    self.rows = rows
    self.linked = linked
    self.parameters = parameters
    self.codes = codes
    self.factors = factors
    self.bounds = bounds
    self.states = states
    self.baseLinks = baseLinks
    self.upperLinks = upperLinks
    self.walkCodes = walkCodes
    self.centre = centre
    self.centredRows = centredRows
    self.calibration = calibration
  }

  package func isLive(_ row: Int) -> Bool { Rows.isLive(state: states[row]) }
}

extension HNSWIndex {
  /// The states of the first `rows` rows, to be saved with them: 1 is dead, 2 is not in the graph
  /// though the graph counts the row, 3 is out of use.
  package func states(_ rows: Int) -> [UInt8] { content.rows.states(rows) }

  /// The first `rows` rows and the graph, for use inside of `withQuietGraph` only; the graph holds
  /// none beyond them.
  package func snapshotParts(
    rows: Int, states: [UInt8]
  ) -> IndexSnapshot<UnsafeRawBufferPointer> {
    let codes = graph.codes
    return IndexSnapshot(
      rows: rows, linked: graph.count, parameters: parameters,
      codes: content.rows.codeBytes(rows), factors: content.rows.factorBytes(rows),
      bounds: content.rows.boundBytes(rows), states: states, baseLinks: graph.baseBytes,
      upperLinks: graph.upperBytes, walkCodes: codes.bytes(rows: graph.count),
      centre: codes.centre, centredRows: codes.centredRows, calibration: calibration)
  }

  /// An index from saved parts.
  ///
  /// - Parameter vectors: where each row's full vector lies, for as long as the index lives.
  /// - Throws: `IndexError.damagedSnapshot` where the parts contradict each other.
  package convenience init(
    dimension: Int, metric: Metric, snapshot: IndexSnapshot<SavedBytes>,
    vectors: [UnsafePointer<Float>]
  ) throws(IndexError) {
    try self.init(dimension: dimension, metric: metric, parameters: snapshot.parameters)
    let rows = content.rows
    guard vectors.count == snapshot.rows, snapshot.linked <= snapshot.rows, snapshot.linked >= 0
    else { throw .damagedSnapshot("number of rows") }
    guard
      snapshot.codes.count == snapshot.rows * rows.stride,
      snapshot.factors.count == snapshot.rows * MemoryLayout<Rows.Factors>.stride,
      snapshot.bounds.count == snapshot.rows * MemoryLayout<Rows.Bounds>.stride,
      snapshot.states.count == snapshot.rows
    else { throw .damagedSnapshot("length of the codes") }
    try rows.restore(
      codes: snapshot.codes, factors: snapshot.factors, bounds: snapshot.bounds,
      states: snapshot.states, vectors: vectors)
    try content.restoreReuse(linked: snapshot.linked)
    try graph.restore(
      count: snapshot.linked, of: rows, base: snapshot.baseLinks, upper: snapshot.upperLinks,
      codes: try Self.walkCodes(of: snapshot, dimension: dimension, metric: metric))
    if let calibration = snapshot.calibration {
      let isSound = calibration.rows >= 0 && calibration.settings.allSatisfy {
        IndexLimits.ef.contains($0.width) && (0...1).contains($0.recall)
      }
      guard isSound else { throw .damagedSnapshot("calibration") }
      currentCalibration.write { $0 = calibration }
      arrived.store(max(count - calibration.rows, 0), ordering: .relaxed)
    }
  }

  private static func walkCodes(
    of snapshot: IndexSnapshot<SavedBytes>, dimension: Int, metric: Metric
  ) throws(IndexError) -> WalkCodes {
    guard snapshot.centre.count == dimension, snapshot.centre.allSatisfy(\.isFinite),
      (0...snapshot.linked).contains(snapshot.centredRows)
    else { throw .damagedSnapshot("centre of the walk codes") }
    let codes = try WalkCodes(
      centre: snapshot.centre, ofRows: snapshot.centredRows, metric: metric)
    guard snapshot.walkCodes.count == snapshot.linked * codes.stride else {
      throw .damagedSnapshot("length of the walk codes")
    }
    try codes.restore(snapshot.walkCodes)
    return codes
  }

  /// Bytes of memory by part, for reports.
  public var memoryBytes: Int {
    let rows = content.rows.count
    let perRow =
      content.rows.stride + MemoryLayout<Rows.Factors>.stride + MemoryLayout<Rows.Bounds>.stride
      + MemoryLayout<UnsafePointer<Float>>.stride + 1
    return rows * perRow + graph.count * graph.codes.stride + graph.baseBytes.count
      + graph.upperBytes.count + graph.count * 5
  }
}
