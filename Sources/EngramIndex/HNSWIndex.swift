import Synchronization

/// An approximate nearest-neighbour index: a Hierarchical Navigable Small World graph (Malkov &
/// Yashunin, arXiv 1603.09320) walked on codes of a few bits, its results re-ranked on int8 codes and
/// on full vectors.
///
/// Scores are exact. Small indexes, and searches among few rows, are answered by an exact scan.
///
/// Rows that are inserted are first scanned exactly and linked into the graph by whoever inserts;
/// searches find them from the moment `insert` appends them and never wait.
public final class HNSWIndex: VectorIndex {
  let content: IndexedRows
  let graph: Graph
  /// Held while rows are linked.
  let linker = Mutex<Void>(())

  let currentCalibration = LeftRight<Calibration?>(nil)
  /// Rows linked since it was made.
  let arrived = Atomic<Int>(0)
  let revisions = Atomic<Int>(0)

  /// How often graph or calibration have changed: tells whether there is something new to save.
  package var revision: Int { revisions.load(ordering: .acquiring) }

  /// The width of the candidate list where a search names none and there is no calibration:
  /// recall@10 of 0.99 or more on up to 100,000 sentence embeddings of 384 dimensions, where more
  /// rows need more. The widest is an extrapolation.
  package var defaultEF: Int {
    switch count {
    case ...10_000: 40
    case ...200_000: 64
    default: 96
    }
  }

  /// Below this many rows a scan of the codes is as fast as the walk and exact.
  static let scanLimit = 2_000

  /// Whether searches among all rows score every one.
  package var isScanned: Bool { count <= Self.scanLimit }

  /// An empty index.
  ///
  /// - Throws: `IndexError` for a dimension outside 1...16,383 or a parameter out of range.
  public init(
    dimension: Int, metric: Metric, parameters: HNSWParameters = HNSWParameters()
  ) throws(IndexError) {
    content = try IndexedRows(dimension: dimension, metric: metric)
    graph = try Graph(parameters: parameters, dimension: dimension, metric: metric)
  }

  /// Builds an index over many vectors at once, on several threads.
  ///
  /// The graph's bytes depend on the vectors, their order and the parameters only, not on the
  /// number of threads nor on the processor.
  ///
  /// - Parameters:
  ///   - vectors: row after row, `dimension` components each.
  ///   - threads: at least 1.
  ///   - progress: told the number of rows linked so far.
  public static func build(
    _ vectors: [Float], dimension: Int, metric: Metric,
    parameters: HNSWParameters = HNSWParameters(), threads: Int,
    progress: ((Int) -> Void)? = nil
  ) throws(IndexError) -> HNSWIndex {
    let index = try HNSWIndex(dimension: dimension, metric: metric, parameters: parameters)
    _ = try index.content.append(copying: vectors, threads: threads)
    try index.link(threads: threads, progress: progress)
    return index
  }

  public var dimension: Int { content.rows.dimension }
  public var metric: Metric { content.rows.metric }
  public var parameters: HNSWParameters { graph.parameters }
  public var count: Int { content.rows.liveCount }
  /// Row numbers lie below it. Deleted rows are counted until another vector gets their number, and
  /// so are those that are free.
  public var rowCount: Int { content.rows.count }
  /// Deleted rows that searches still pass through.
  public var buriedCount: Int { content.rows.buriedCount }
  /// Rows that the graph does not hold yet; searches scan them.
  public var tailCount: Int { content.rows.count - graph.count + content.pending.count }

  @discardableResult
  public func insert(_ vector: [Float]) throws(IndexError) -> Int {
    guard vector.count == dimension else {
      throw .dimensionMismatch(expected: dimension, got: vector.count)
    }
    let row = try content.append(copying: vector)[0]
    try link(threads: 1)
    return row
  }

  /// Removes a row from all results. Its number, and its memory, are for another vector once no
  /// search that began before is left; `reading` keeps them.
  ///
  /// - Throws: `IndexError.unknownRow` where there is none.
  public func delete(_ row: Int) throws(IndexError) { try content.delete(row) }

  /// Runs `body`, and as long as it takes the number of a row that was there at its beginning, or
  /// came later, is given to no other vector: what searches return inside stands for what it stood for.
  public func reading<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try content.epochs.reading { () throws(Failure) in try body() }
  }

  @discardableResult
  public func update(_ row: Int, to vector: [Float]) throws(IndexError) -> Int {
    // So that no other vector gets the row's number in between.
    try reading { () throws(IndexError) in
      _ = try content.vector(row)
      let new = try insert(vector)
      try content.delete(row)
      return new
    }
  }

  /// Throws what `insert` would throw for this vector.
  public func validate(_ vector: [Float]) throws(IndexError) {
    guard vector.count == dimension else {
      throw .dimensionMismatch(expected: dimension, got: vector.count)
    }
    _ = try vector.withUnsafeBufferPointer { vector throws(IndexError) in
      try Quantiser.validatedNorm(vector, metric: metric)
    }
  }

  /// Whether a row is there and has not been deleted.
  public func isLive(_ row: Int) -> Bool {
    row >= 0 && row < rowCount && content.rows.isLive(UInt32(row))
  }

  /// The vector of a live row, as it was given.
  public func vector(_ row: Int) throws(IndexError) -> [Float] { try content.vector(row) }
}
