import CEngramKernels

/// The small codes that steer the walk: one, two or four bits for each component of a row, derived
/// from its int8 code. A walk that reads an eighth to a half of the bytes meets more rows in the
/// same time than the coarser order costs it; what it finds is scored on int8 codes afterwards.
///
/// Coded is what a row differs from the centre by, as in LVQ (arXiv 2304.04759). A field f of b bits
/// stands for the odd number 2f + 1 - 2^b, in steps that lose least of a normal distribution, which
/// `Rotation` makes of any; each row's scale makes the estimate of a product unbiased, as RaBitQ's
/// does (Gao & Long, SIGMOD 2024).
///
/// A row's fields and what scoring needs lie side by side: one or two cache lines for most.
final class WalkCodes: Sendable {
  /// What turns the product of a query and a row's fields into a distance; the kernels know it.
  private struct Factors {
    var scale: Float
    /// The row's bias among rows, see `CodeQuery`.
    var bias: Float
    /// What the centre adds to the distance.
    var offset: Float
  }

  let metric: Metric
  let dimension: Int
  /// Zeros behind it up to a multiple of eight.
  let paddedCentre: [Float]
  /// How many rows the centre is the mean of.
  let centredRows: Int
  /// Of one component: the more components, the less each one's error counts.
  let bits: Int
  /// Bytes of a row's fields, and from one row to the next.
  let fieldBytes: Int
  let stride: Int
  /// Components that a row has fields for; the last ones may be beyond the dimension.
  private let fieldCount: Int
  private let array: ReservedArray<UInt8>

  init(centre: [Float], ofRows rows: Int, metric: Metric) throws(IndexError) {
    self.metric = metric
    dimension = centre.count
    centredRows = rows
    paddedCentre = centre + Array(repeating: 0, count: (8 - dimension % 8) % 8)
    bits = Self.bits(dimension: dimension)
    fieldBytes = (dimension * bits + 255) / 256 * 32
    fieldCount = fieldBytes * 8 / bits
    let lines = (fieldBytes + MemoryLayout<Factors>.stride + 63) / 64 * 64
    stride = lines % 4096 == 0 ? lines + 64 : lines
    array = try ReservedArray(limit: IndexLimits.rows * stride)
  }

  private static func bits(dimension: Int) -> Int {
    switch dimension {
    case ..<256: 4
    case ..<1_024: 2
    default: 1
    }
  }

  typealias Kernel =
    @convention(c) (
      UnsafePointer<engram_field_query>, UnsafePointer<UInt8>, Int, Int, UnsafePointer<UInt32>,
      Int, UInt64, UnsafeMutablePointer<UInt64>
    ) -> Int

  private var kernel: Kernel {
    switch bits {
    case 1: Kernels.active.keys_b1
    case 2: Kernels.active.keys_b2
    default: Kernels.active.keys_b4
    }
  }

  /// Where the codes lie, without the counting of references that each use of an object costs.
  struct View {
    let base: UnsafePointer<UInt8>
    let stride: Int
    let fieldBytes: Int
    let kernel: Kernel

    /// Writes to `found` which of some rows are nearer than `bar`; returns how many they are.
    @inline(__always)
    func score(
      _ query: WalkQuery, _ rows: UnsafePointer<UInt32>, _ count: Int, below bar: Candidate,
      into found: UnsafeMutablePointer<Candidate>
    ) -> Int {
      withUnsafePointer(to: query.fields) { fields in
        found.withMemoryRebound(to: UInt64.self, capacity: count) { keys in
          kernel(fields, base, stride, fieldBytes, rows, count, bar.bits, keys)
        }
      }
    }

    /// Brings a row near.
    @inline(__always)
    func prefetch(_ row: UInt32) {
      let address = base + Int(row) &* stride
      var line = 0
      while line < stride {
        engram_prefetch(address + line)
        line &+= 64
      }
    }
  }

  var view: View {
    View(base: array.base, stride: stride, fieldBytes: fieldBytes, kernel: kernel)
  }

  var centre: [Float] { Array(paddedCentre.prefix(dimension)) }

  // MARK: Writing, under the index's write lock

  /// The mean of the first `count` rows, or of some of them.
  static func centre(of rows: Rows, count: Int) -> [Float] {
    var sums = [Double](repeating: 0, count: rows.dimension)
    var taken = 0.0
    let step = max(1, count / 4_096)
    for row in Swift.stride(from: 0, to: count, by: step) where !rows.isAbsent(UInt32(row)) {
      taken += 1
      let code = rows.code(UInt32(row))
      let scale = Double(rows.factors[row].scale)
      for i in 0..<rows.dimension { sums[i] += scale * Double(code[i]) }
    }
    return sums.map { Float($0 / max(taken, 1)) }
  }

  func reserve(rows: Int) throws(IndexError) { try array.ensure(count: rows * stride) }

  /// Encodes a row that no walk meets yet. IEEE operations in a fixed order: the same everywhere.
  func write(_ row: UInt32, from rows: Rows) {
    let own = rows.factors[Int(row)]
    let fields = array.base + Int(row) &* stride
    withUnsafeTemporaryAllocation(of: Float.self, capacity: fieldCount) { rest in
      guard let rest = rest.baseAddress else { return }
      let (squares, product) = subtractCentre(from: rows.code(row), scale: own.scale, into: rest)
      let deviation = (squares / Double(dimension)).squareRoot()
      let matched = pack(rest, steps: deviation > 0 ? Float(1 / (step * deviation)) : 0, into: fields)
      let scale = matched > 0 ? Float(squares / matched) : 0
      let factors =
        metric == .squaredL2
        ? Factors(scale: scale, bias: 0, offset: Float(squares))
        : Factors(scale: scale, bias: own.bias, offset: Float(-product))
      UnsafeMutableRawPointer(fields + fieldBytes).storeBytes(of: factors, as: Factors.self)
    }
  }

  /// What a row differs from the centre by, and zeros behind it; its squared length, and the product
  /// of row and centre.
  /// Overwrites the fields of a row that nothing leads to.
  func wipe(_ row: UInt32) {
    (array.base + Int(row) &* stride).update(repeating: 0, count: stride)
  }

  private func subtractCentre(
    from code: UnsafePointer<Int8>, scale: Float, into rest: UnsafeMutablePointer<Float>
  ) -> (squares: Double, product: Double) {
    var squares = SIMD8<Double>.zero
    var product = SIMD8<Double>.zero
    rest.update(repeating: 0, count: fieldCount)
    paddedCentre.withUnsafeBytes { centre in
      // Codes have zeros behind them, as the centre has.
      for i in Swift.stride(from: 0, to: dimension, by: 8) {
        let code = UnsafeRawPointer(code + i).loadUnaligned(as: SIMD8<Int8>.self)
        let own = SIMD8<Float>(SIMD8<Int32>(truncatingIfNeeded: code)) * scale
        let middle = centre.loadUnaligned(fromByteOffset: 4 * i, as: SIMD8<Float>.self)
        let lanes = own - middle
        UnsafeMutableRawPointer(rest + i).storeBytes(of: lanes, as: SIMD8<Float>.self)
        squares += SIMD8<Double>(lanes) * SIMD8<Double>(lanes)
        product += SIMD8<Double>(middle) * SIMD8<Double>(own)
      }
    }
    return (squares.sum(), product.sum())
  }

  /// Writes the fields where the kernels look for them: field k of byte j of a block is component
  /// k * width + j of the block's. The product of what they stand for with what they were made of.
  private func pack(
    _ rest: UnsafePointer<Float>, steps: Float, into fields: UnsafeMutablePointer<UInt8>
  ) -> Double {
    let levels = Float(1 << bits)
    let middle = SIMD8(repeating: levels / 2 - 0.5)
    let magic = SIMD8(repeating: Quantiser.magic)
    var matched = SIMD8<Double>.zero
    for block in Swift.stride(from: 0, to: fieldBytes, by: 64) {
      let width = min(64, fieldBytes - block)
      for byte in Swift.stride(from: 0, to: width, by: 8) {
        var packed = SIMD8<UInt8>.zero
        for place in 0..<8 / bits {
          let component = rest + (block * 8 / bits + place * width + byte)
          let lanes = Quantiser.load(component, 0)
          var level = lanes * steps + middle
          // Not clamped but compared, for a damaged snapshot's scale may have made it no number.
          level.replace(with: 0, where: .!(level .>= 0))
          level.replace(with: levels - 1, where: level .> levels - 1)
          let shifted = level + magic
          let field = unsafeBitCast(shifted, to: SIMD8<UInt32>.self) & 0xFF
          packed |= SIMD8<UInt8>(truncatingIfNeeded: field) &<< UInt8(place * bits)
          matched += SIMD8<Double>(lanes) * SIMD8<Double>((shifted - magic) * 2 + (1 - levels))
        }
        UnsafeMutableRawPointer(fields + block + byte).storeBytes(of: packed, as: SIMD8<UInt8>.self)
      }
    }
    return matched.sum()
  }

  /// Between two levels, in standard deviations: uniform levels with the least square error of a
  /// normal distribution (Max, IRE Transactions on Information Theory 6, 1960).
  private var step: Double {
    switch bits {
    case 1: 1.596
    case 2: 0.9957
    default: 0.3352
    }
  }

  // MARK: Snapshot

  func bytes(rows: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: array.base, count: rows * stride)
  }

  /// Takes saved codes; their length has been checked.
  func restore(_ saved: SavedBytes) throws(IndexError) { try array.restore(saved) }
}
