import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What both indexes share: rows that are appended, buried and scanned; and the reuse of those that
/// are out of use, once nobody is left who may still look at them.
final class IndexedRows: Sendable {
  let rows: Rows
  let contexts: SearchContextPool
  /// For whoever links rows, so that searches share no lock with it.
  let writerContexts: SearchContextPool
  /// Rows given again that the graph does not hold yet.
  let pending: PendingRows
  let epochs = Epochs()

  private struct Writer: Sendable {
    /// Made when the index first has to own a vector.
    var arena: VectorArena?
    /// Rows out of use that nobody looks at, and those that somebody who began in an epoch may.
    var free: [UInt32] = []
    var leaving: [(epoch: Int, rows: [UInt32])] = []
    /// While this is not 0 all rows stay as they are.
    var keepers = 0
  }
  /// Held while rows are written.
  private let writer = Mutex(Writer())

  init(dimension: Int, metric: Metric) throws(IndexError) {
    rows = try Rows(dimension: dimension, metric: metric)
    contexts = SearchContextPool(dimension: dimension, epochs: epochs)
    writerContexts = SearchContextPool(dimension: dimension, epochs: epochs)
    pending = try PendingRows()
  }

  /// Appends vectors, row after row in `vectors`, into memory of the index's own; their rows.
  func append(copying vectors: [Float], threads: Int = 1) throws(IndexError) -> [Int] {
    let dimension = rows.dimension
    guard !vectors.isEmpty, vectors.count % dimension == 0 else {
      throw .dimensionMismatch(expected: dimension, got: vectors.count)
    }
    let added = vectors.count / dimension
    @Sendable func vector(_ index: Int) -> ArraySlice<Float> {
      vectors[index * dimension..<(index + 1) * dimension]
    }
    var longest: Float = 0
    for index in 0..<added {
      let norm = try vector(index).withUnsafeBufferPointer { vector throws(IndexError) in
        try Quantiser.validatedNorm(vector, metric: rows.metric)
      }
      longest = max(longest, norm)
    }
    return try writer.withLock { writer throws(IndexError) -> [Int] in
      let arena: VectorArena
      if let own = writer.arena { arena = own } else { arena = try VectorArena(dimension: dimension) }
      writer.arena = arena
      try rows.reserve(added)
      try arena.reserve(rows: rows.count + added)
      rows.expect(norm: longest)
      @Sendable func place(_ index: Int, at row: Int) -> UnsafePointer<Float> {
        vector(index).withUnsafeBufferPointer { arena.write($0, at: row) }
      }
      var again: [Int] = []
      while again.count < added,
        let row = addAgain(&writer, { place(again.count, at: $0) })
      { again.append(row) }
      let fresh = rows.count..<rows.count + added - again.count
      forEachBlock(of: fresh.count, threads: threads) { [again] block in
        for index in block {
          let row = fresh.lowerBound + index
          rows.write(place(again.count + index, at: row), to: row)
        }
      }
      rows.publish(count: fresh.upperBound)
      return again + fresh
    }
  }

  func reserve(_ count: Int) throws(IndexError) {
    try writer.withLock { _ throws(IndexError) in try rows.reserve(count) }
  }

  /// Appends a vector that lies elsewhere and stays there as long as its row lives; it has been
  /// validated.
  ///
  /// - Parameter naming: told the row before searches find it.
  func append(
    at vector: UnsafePointer<Float>, naming: (Int) -> Void
  ) throws(IndexError) -> Int {
    try writer.withLock { writer throws(IndexError) in
      try rows.reserve(1)
      func place(_ row: Int) -> UnsafePointer<Float> {
        naming(row)
        return vector
      }
      if let row = addAgain(&writer, place) { return row }
      let row = rows.count
      rows.write(place(row), to: row)
      rows.publish(count: row + 1)
      return row
    }
  }

  /// Writes a vector to a row that is free and shows it to searches; nil where no row is free.
  ///
  /// - Parameter place: where the vector of a row lies.
  private func addAgain(
    _ writer: inout Writer, _ place: (Int) -> UnsafePointer<Float>
  ) -> Int? {
    guard let row = takeFree(&writer) else { return nil }
    rows.write(place(Int(row)), to: Int(row))
    rows.revive(row)
    pending.append(row)
    return Int(row)
  }

  private func takeFree(_ writer: inout Writer) -> UInt32? {
    guard writer.keepers == 0, pending.hasRoom else { return nil }
    while writer.free.isEmpty, let first = writer.leaving.first, epochs.isOver(first.epoch) {
      writer.free = writer.leaving.removeFirst().rows.reversed()
    }
    return writer.free.popLast()
  }

  /// Takes dead rows that nothing leads to any more out of use, to be given again when nobody is
  /// left who may have met them.
  func vacate(_ gone: [UInt32]) {
    for row in gone { rows.vacate(row) }
    release(gone)
  }

  /// The same for rows that died before anything led to them.
  func release(_ gone: [UInt32]) {
    guard !gone.isEmpty else { return }
    writer.withLock { $0.leaving.append((epochs.current, gone)) }
  }

  /// Overwrites the codes of rows that are out of use, once no search is left that may read them.
  ///
  /// - Parameter wipe: told each of them.
  func wipeFree(_ wipe: (UInt32) -> Void) {
    writer.withLock { writer in
      for (epoch, gone) in writer.leaving {
        while !epochs.isOver(epoch) { sched_yield() }
        writer.free = gone.reversed() + writer.free
      }
      writer.leaving = []
      for row in writer.free {
        rows.wipe(row)
        wipe(row)
      }
    }
  }

  /// After the rows have been restored, the first `linked` of which the graph counts: those out of
  /// use are free, and absent live ones pending.
  func restoreReuse(linked: Int) throws(IndexError) {
    let absent = (0..<UInt32(rows.count)).filter(rows.isAbsent)
    for row in absent where rows.isLive(row) || row >= linked {
      guard pending.hasRoom, row < linked else { throw .damagedSnapshot("states of rows") }
      pending.append(row)
    }
    writer.withLock { $0.free = absent.filter { !rows.isLive($0) }.reversed() }
  }

  /// Runs `body` while no row gets another vector. Rows are appended meanwhile, and die.
  func keepingRows<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    writer.withLock { $0.keepers += 1 }
    defer { writer.withLock { $0.keepers -= 1 } }
    return try body()
  }

  func delete(_ row: Int) throws(IndexError) {
    guard row >= 0, row < rows.count, rows.bury(UInt32(row)) else { throw .unknownRow(row) }
  }

  func vector(_ row: Int) throws(IndexError) -> [Float] {
    try epochs.reading { () throws(IndexError) in
      guard row >= 0, row < rows.count, rows.isLive(UInt32(row)) else { throw .unknownRow(row) }
      return Array(UnsafeBufferPointer(start: rows.vector(UInt32(row)), count: rows.dimension))
    }
  }

  /// Validates a query and lends its forms to `body`.
  func withQuery<Result>(
    _ vector: [Float], k: Int, _ body: (ExactQuery, CodeQuery, inout SearchContext) -> Result
  ) throws(IndexError) -> Result {
    guard vector.count == rows.dimension else {
      throw .dimensionMismatch(expected: rows.dimension, got: vector.count)
    }
    guard IndexLimits.k.contains(k) else { throw .kOutOfRange(k) }
    return try vector.withUnsafeBufferPointer { vector throws(IndexError) -> Result in
      let norm = try Quantiser.validatedNorm(vector, metric: rows.metric)
      guard let base = vector.baseAddress else {
        throw .dimensionMismatch(expected: rows.dimension, got: 0)
      }
      return contexts.withContext { context in
        let (exact, code) = query(base, norm: norm, context: &context)
        return body(exact, code, &context)
      }
    }
  }

  /// The forms of a query that has been validated; they lie in its context.
  func query(
    _ vector: UnsafePointer<Float>, norm: Float, context: inout SearchContext
  ) -> (ExactQuery, CodeQuery) {
    context.rotated.base.update(from: vector, count: rows.dimension)
    rows.rotation.apply(context.rotated.base)
    let quantised = Quantiser.encode(
      context.rotated.base, norm: norm, dimension: rows.dimension, metric: rows.metric,
      into: context.code.base)
    let exact = ExactQuery(
      vector: vector, metric: rows.metric, dimension: rows.dimension, norm: norm,
      residual: quantised.residual)
    if rows.metric == .cosine {
      let unit = 1 / norm
      for i in 0..<rows.dimension { context.rotated.base[i] *= unit }
    }
    return (exact, CodeQuery(code: context.code.base, quantised, metric: rows.metric))
  }

  /// The rows of a set that there are, as a scan takes them.
  func list(_ chosen: RowSet) -> [UInt32] {
    let count = rows.count
    return chosen.rows.lazy.filter { $0 < count }.map(UInt32.init)
  }

  /// Exact search over all rows or some.
  func scan(
    _ list: UnsafeBufferPointer<UInt32>?, k: Int, query: ExactQuery, code: CodeQuery,
    context: inout SearchContext, statistics: inout SearchStatistics
  ) -> [Neighbour] {
    var scan = ExactScan(query: query, code: code, rows: rows, k: k, context: &context)
    if let list {
      scan.scan(list, context: &context, statistics: &statistics)
    } else {
      scan.scan(0..<rows.count, context: &context, statistics: &statistics)
    }
    return scan.nearest(k, context: &context, statistics: &statistics)
  }
}
