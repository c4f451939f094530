import CEngramKernels
import Synchronization

/// The rows of an index: for each its int8 code, what scoring needs, and where its full vector is.
///
/// One writer at a time (the index's write lock) appends rows, or gives one again that is out of
/// use, see `IndexedRows`; in between a row does not move or change, but for its state. A row is
/// there for readers once `count` covers it and as long as it is live.
final class Rows: Sendable {
  /// What turns an integer product of two codes into a distance.
  struct Factors {
    var scale: Float
    var bias: Float
  }

  /// What bounds the error of that distance, and the vector's norm.
  struct Bounds {
    var norm: Float
    var residual: Float
  }

  let dimension: Int
  let metric: Metric
  /// Bytes from one code to the next; of each the part behind the dimension is zeros.
  let stride: Int

  /// Whole cache lines, and never a multiple of a page, which would put all rows into the same cache
  /// sets.
  static func stride(dimension: Int) -> Int {
    let lines = (dimension + 63) / 64 * 64
    return lines % 4096 == 0 ? lines + 64 : lines
  }

  /// Codes are those of rotated vectors.
  let rotation: Rotation

  /// What scoring a row on its int8 code reads.
  var bytesPerCode: Int { stride + MemoryLayout<Factors>.stride }

  private let codeArray: ReservedArray<Int8>
  private let factorArray: ReservedArray<Factors>
  private let boundArray: ReservedArray<Bounds>
  private let vectorArray: ReservedArray<UnsafePointer<Float>>
  private let stateArray: ReservedArray<Atomic<UInt8>>
  private let published = Atomic<Int>(0)
  /// All dead rows; those of them that the graph, or the tail, still has; and those out of use.
  private let dead = Atomic<Int>(0)
  private let buried = Atomic<Int>(0)
  private let vacant = Atomic<Int>(0)
  /// Bit patterns of the largest norm and residual; non-negative floats order like their bits.
  private let largestNorm = Atomic<UInt32>(0)
  private let largestResidual = Atomic<UInt32>(0)

  init(dimension: Int, metric: Metric) throws(IndexError) {
    guard IndexLimits.dimensions.contains(dimension) else {
      throw .dimensionOutOfRange(dimension)
    }
    self.dimension = dimension
    self.metric = metric
    rotation = Rotation(dimension: dimension)
    stride = Self.stride(dimension: dimension)
    codeArray = try ReservedArray(limit: IndexLimits.rows * stride)
    factorArray = try ReservedArray(limit: IndexLimits.rows)
    boundArray = try ReservedArray(limit: IndexLimits.rows)
    vectorArray = try ReservedArray(limit: IndexLimits.rows)
    stateArray = try ReservedArray(limit: IndexLimits.rows)
  }

  /// Rows appended so far, dead ones included.
  var count: Int { published.load(ordering: .acquiring) }
  /// Dead rows that searches may still meet; and those that they do not.
  var buriedCount: Int { buried.load(ordering: .acquiring) }
  var vacantCount: Int { vacant.load(ordering: .acquiring) }
  /// Whether a row may be dead.
  var hasDead: Bool { dead.load(ordering: .acquiring) > 0 }
  /// Rows that searches may meet.
  var presentCount: Int { max(count - vacantCount, 0) }
  var liveCount: Int { max(count - dead.load(ordering: .acquiring), 0) }

  @inline(__always) var codes: UnsafePointer<Int8> { UnsafePointer(codeArray.base) }
  @inline(__always) var factors: UnsafePointer<Factors> { UnsafePointer(factorArray.base) }
  @inline(__always) var bounds: UnsafePointer<Bounds> { UnsafePointer(boundArray.base) }

  /// No row's bounds exceed these, so that a scan can reject most rows without reading theirs.
  var widestBounds: Bounds {
    Bounds(
      norm: Float(bitPattern: largestNorm.load(ordering: .relaxed)),
      residual: Float(bitPattern: largestResidual.load(ordering: .relaxed)))
  }

  @inline(__always) func code(_ row: UInt32) -> UnsafePointer<Int8> {
    codes + Int(row) &* stride
  }
  @inline(__always) func vector(_ row: UInt32) -> UnsafePointer<Float> {
    vectorArray.base[Int(row)]
  }
  /// Brings near what is known of a row beside its code.
  @inline(__always) func prefetchFigures(_ row: UInt32) {
    engram_prefetch(factors + Int(row))
    engram_prefetch(bounds + Int(row))
    engram_prefetch(vectorArray.base + Int(row))
  }
  // MARK: States

  /// A row without either is live and in the graph, or in the tail that follows it. Dead and absent
  /// ones are out of use. Absent ones are live when they have a new vector and are pending.
  private enum State {
    static let dead: UInt8 = 1
    static let absent: UInt8 = 2
  }

  /// What is read of a row that was live before is its own: rows are given again only when no search
  /// is left that saw them.
  @inline(__always) func isLive(_ row: UInt32) -> Bool { Self.isLive(state: state(row)) }
  static func isLive(state: UInt8) -> Bool { state & State.dead == 0 }

  /// Whether a row that the graph counts is in it; pending ones and those out of use are not.
  func isAbsent(_ row: UInt32) -> Bool { state(row) & State.absent != 0 }

  func isBuried(_ row: UInt32) -> Bool { state(row) == State.dead }

  @inline(__always) func state(_ row: UInt32) -> UInt8 {
    stateArray.base[Int(row)].load(ordering: .acquiring)
  }

  /// Writes the live ones among some rows to `found`, and returns how many these are.
  func filterLive(
    _ rows: some Sequence<UInt32>, into found: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var count = 0
    for row in rows {
      found[count] = row
      count &+= isLive(row) ? 1 : 0
    }
    return count
  }

  /// Marks a row dead; false where it was already.
  func bury(_ row: UInt32) -> Bool {
    let before = stateArray.base[Int(row)].bitwiseOr(
      State.dead, ordering: .acquiringAndReleasing
    ).oldValue
    guard before & State.dead == 0 else { return false }
    dead.add(1, ordering: .releasing)
    if before & State.absent == 0 {
      buried.add(1, ordering: .releasing)
    } else {
      vacant.add(1, ordering: .releasing)
    }
    return true
  }

  /// Takes a dead row that nothing leads to any more out of use.
  func vacate(_ row: UInt32) {
    stateArray.base[Int(row)].bitwiseOr(State.absent, ordering: .acquiringAndReleasing)
    vacant.add(1, ordering: .releasing)
    buried.subtract(1, ordering: .releasing)
  }

  /// Makes a row that has been out of use, and has been written anew, a live one that is pending.
  func revive(_ row: UInt32) {
    stateArray.base[Int(row)].store(State.absent, ordering: .releasing)
    vacant.subtract(1, ordering: .releasing)
    dead.subtract(1, ordering: .releasing)
  }

  /// Makes a pending row one of the graph, which is about to link it; false where it has died.
  func admit(_ row: UInt32) -> Bool {
    stateArray.base[Int(row)].compareExchange(
      expected: State.absent, desired: 0, ordering: .acquiringAndReleasing
    ).exchanged
  }

  // MARK: Writing, under the index's write lock

  /// Makes room for `extra` more rows, so that appending them cannot fail.
  func reserve(_ extra: Int) throws(IndexError) {
    let rows = count + extra
    guard rows <= IndexLimits.rows else { throw .full(rows: IndexLimits.rows) }
    try codeArray.ensure(count: rows * stride)
    try factorArray.ensure(count: rows)
    try boundArray.ensure(count: rows)
    try vectorArray.ensure(count: rows)
    try stateArray.ensure(count: rows)
  }

  /// Encodes a vector into the place of row `row`, which no reader sees yet.
  /// `vector` must stay where it is as long as the index lives.
  func write(_ vector: UnsafePointer<Float>, to row: Int) {
    let quantised = withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { rotated in
      guard let base = rotated.baseAddress else { return QuantisedVector() }
      base.update(from: vector, count: dimension)
      rotation.apply(base)
      let norm = Quantiser.squaredNorm(vector, dimension).squareRoot()
      return Quantiser.encode(
        base, norm: Float(norm), dimension: dimension, metric: metric,
        into: codeArray.base + row &* stride)
    }
    note(Bounds(norm: quantised.norm, residual: quantised.residual), of: row)
    // After the note: the longest vector so far counts this one.
    factorArray.base[row] = Factors(scale: quantised.scale, bias: bias(of: quantised))
    vectorArray.base[row] = vector
  }

  /// Squared norm for squared L2; for inner products the component that lengthens the vector to
  /// the longest one so far.
  private func bias(of quantised: QuantisedVector) -> Float {
    guard metric == .innerProduct else { return quantised.bias }
    let (longest, own) = (Double(widestBounds.norm), Double(quantised.norm))
    return Float(max(longest * longest - own * own, 0).squareRoot())
  }

  /// Overwrites what is known of a vector that is gone; nobody reads its row.
  func wipe(_ row: UInt32) {
    (codeArray.base + Int(row) &* stride).update(repeating: 0, count: stride)
    factorArray.base[Int(row)] = Factors(scale: 0, bias: 0)
    boundArray.base[Int(row)] = Bounds(norm: 0, residual: 0)
  }

  /// Tells of vectors that are about to be written, so that all of them know the longest.
  func expect(norm: Float) { largestNorm.max(norm.bitPattern, ordering: .relaxed) }

  private func note(_ bounds: Bounds, of row: Int) {
    boundArray.base[row] = bounds
    largestNorm.max(bounds.norm.bitPattern, ordering: .relaxed)
    largestResidual.max(bounds.residual.bitPattern, ordering: .relaxed)
  }

  /// Shows rows below `count` to readers.
  func publish(count: Int) { published.store(count, ordering: .releasing) }

  // MARK: Distances between rows

  /// The distance that decides edges: exact integers, then a fixed order of IEEE operations, so
  /// that it is symmetric and the same on every instruction set.
  @inline(__always)
  func query(row: UInt32) -> CodeQuery {
    CodeQuery(code: code(row), factors[Int(row)], metric: metric)
  }

  /// A row as a vector that is searched for.
  func search(row: UInt32) -> CodeQuery {
    let own = factors[Int(row)]
    let quantised = QuantisedVector(scale: own.scale, bias: own.bias)
    return CodeQuery(code: code(row), quantised, metric: metric)
  }

  /// What a row's code stands for.
  func decode(_ row: UInt32, into vector: UnsafeMutablePointer<Float>) {
    let code = code(row)
    let scale = factors[Int(row)].scale
    for i in 0..<dimension { vector[i] = scale * Float(code[i]) }
  }

  /// The same between two rows.
  func distance(_ a: UInt32, _ b: UInt32) -> Float {
    let product = Kernels.active.dot_i8(code(a), code(b), stride)
    return query(row: a).distance(product: product, factors[Int(b)])
  }

  // MARK: Snapshot

  func codeBytes(_ rows: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: codes, count: rows * stride)
  }
  func factorBytes(_ rows: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(UnsafeBufferPointer(start: factors, count: rows))
  }
  func boundBytes(_ rows: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(UnsafeBufferPointer(start: bounds, count: rows))
  }

  func states(_ rows: Int) -> [UInt8] { (0..<UInt32(rows)).map(state) }

  /// Fills an empty `Rows` with saved bytes; the sizes have been checked by the caller.
  func restore(
    codes: SavedBytes, factors: SavedBytes, bounds: SavedBytes, states: [UInt8],
    vectors: [UnsafePointer<Float>]
  ) throws(IndexError) {
    try codeArray.restore(codes)
    try factorArray.restore(factors)
    try boundArray.restore(bounds)
    try reserve(vectors.count)
    try checkFigures(rows: vectors.count)
    try restore(states)
    vectorArray.base.update(from: vectors, count: vectors.count)
    publish(count: vectors.count)
  }

  /// Proves that factors and bounds are numbers that can be, and notes the widest bounds.
  private func checkFigures(rows: Int) throws(IndexError) {
    var widest = Bounds(norm: 0, residual: 0)
    for row in 0..<rows {
      let (factors, bounds) = (factorArray.base[row], boundArray.base[row])
      // False for what is no number, too.
      let isSound =
        bounds.norm >= 0 && bounds.norm < .infinity && bounds.residual >= 0
        && bounds.residual < .infinity && abs(factors.scale) < .infinity
        && abs(factors.bias) < .infinity
      guard isSound else { throw .damagedSnapshot("figures of row \(row)") }
      widest.norm = max(widest.norm, bounds.norm)
      widest.residual = max(widest.residual, bounds.residual)
    }
    largestNorm.max(widest.norm.bitPattern, ordering: .relaxed)
    largestResidual.max(widest.residual.bitPattern, ordering: .relaxed)
  }

  private func restore(_ states: [UInt8]) throws(IndexError) {
    var (allDead, allBuried, allVacant) = (0, 0, 0)
    for (row, state) in states.enumerated() {
      switch state {
      case 0, State.absent: break
      case State.dead: allBuried += 1
      case State.dead | State.absent: allVacant += 1
      default: throw .damagedSnapshot("state of row \(row)")
      }
      if !Self.isLive(state: state) { allDead += 1 }
      stateArray.base[row].store(state, ordering: .relaxed)
    }
    dead.store(allDead, ordering: .relaxed)
    buried.store(allBuried, ordering: .relaxed)
    vacant.store(allVacant, ordering: .relaxed)
  }
}

/// A vector's code as the left side of distances.
struct CodeQuery {
  let code: UnsafePointer<Int8>
  /// Multiplies `scale[row] * product`.
  let factor: Float
  /// Multiplies the row's bias.
  let weight: Float
  let bias: Float

  /// A vector that is searched for.
  init(code: UnsafePointer<Int8>, _ own: QuantisedVector, metric: Metric) {
    self.code = code
    switch metric {
    // |a - b|^2 = |a|^2 + |b|^2 - 2ab.
    case .squaredL2: (factor, weight, bias) = (2 * own.scale, 1, own.bias)
    case .cosine, .innerProduct: (factor, weight, bias) = (own.scale, 0, 0)
    }
  }

  /// A row among rows, where distances decide edges.
  ///
  /// An inner product is no metric: nobody would link to a short vector. Edges are therefore those
  /// of vectors lengthened to one norm by a component of their own, the rows' bias, which a query
  /// does not have (Bachrach et al., RecSys 2014): their order for a query is that of inner
  /// products, and among themselves they are points of a sphere.
  @inline(__always)
  init(code: UnsafePointer<Int8>, _ own: Rows.Factors, metric: Metric) {
    self.code = code
    switch metric {
    case .squaredL2: (factor, weight, bias) = (2 * own.scale, 1, own.bias)
    case .innerProduct: (factor, weight, bias) = (own.scale, -own.bias, 0)
    case .cosine: (factor, weight, bias) = (own.scale, 0, 0)
    }
  }

  @inline(__always)
  func distance(product: Int32, _ row: Rows.Factors) -> Float {
    (row.bias * weight + bias) - factor * row.scale * Float(product)
  }
}
