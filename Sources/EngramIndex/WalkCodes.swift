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
  /// Of one component: the more components, the less each one's error counts.
  let bits: Int
  let centre: [Float]
  /// Bytes of a row's fields, and from one row to the next.
  let fieldBytes: Int
  let stride: Int
  private let array: ReservedArray<UInt8>

  init(centre: [Float], metric: Metric) throws(IndexError) {
    self.metric = metric
    self.centre = centre
    bits = Self.bits(dimension: centre.count)
    fieldBytes = (centre.count * bits + 255) / 256 * 32
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

  // MARK: Writing, under the index's write lock

  /// The mean of the first `count` rows, or of some of them.
  static func centre(of rows: Rows, count: Int) -> [Float] {
    var sums = [Double](repeating: 0, count: rows.dimension)
    let step = max(1, count / 4_096)
    for row in Swift.stride(from: 0, to: count, by: step) {
      let code = rows.code(UInt32(row))
      let scale = Double(rows.factors[row].scale)
      for i in 0..<rows.dimension { sums[i] += scale * Double(code[i]) }
    }
    let taken = Double((count + step - 1) / step)
    return sums.map { Float($0 / taken) }
  }

  func reserve(rows: Int) throws(IndexError) { try array.ensure(count: rows * stride) }

  /// Encodes a row that no walk meets yet. IEEE operations in a fixed order: the same everywhere.
  func write(_ row: UInt32, from rows: Rows) {
    let code = rows.code(row)
    let own = rows.factors[Int(row)]
    let dimension = centre.count
    let fields = array.base + Int(row) &* stride
    fields.update(repeating: 0, count: fieldBytes)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { rest in
      var squares = 0.0
      var product = 0.0
      for i in 0..<dimension {
        rest[i] = own.scale * Float(code[i]) - centre[i]
        squares += Double(rest[i]) * Double(rest[i])
        product += Double(centre[i]) * Double(own.scale * Float(code[i]))
      }
      let deviation = (squares / Double(dimension)).squareRoot()
      let steps = deviation > 0 ? Float(1 / (step * deviation)) : 0
      let levels = 1 << bits
      var matched = 0.0
      for i in 0..<dimension {
        // Not clamped but compared, for a damaged snapshot's scale may have made it no number.
        let level = rest[i] * steps + Float(levels / 2)
        let field = level >= Float(levels) ? levels - 1 : level >= 0 ? Int(level) : 0
        matched += Double(rest[i]) * Double(2 * field + 1 - levels)
        let (byte, shift) = place(of: i)
        fields[byte] |= UInt8(field) << shift
      }
      let scale = matched > 0 ? Float(squares / matched) : 0
      let factors =
        metric == .squaredL2
        ? Factors(scale: scale, bias: 0, offset: Float(squares))
        : Factors(scale: scale, bias: own.bias, offset: Float(-product))
      UnsafeMutableRawPointer(fields + fieldBytes).storeBytes(of: factors, as: Factors.self)
    }
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

  /// Where the kernels look for a component's field: byte, and bits to the right of it.
  private func place(of component: Int) -> (byte: Int, shift: UInt8) {
    let perBlock = 64 * 8 / bits
    let block = component / perBlock
    let width = min(64, fieldBytes - 64 * block)
    let within = component - block * perBlock
    return (64 * block + within % width, UInt8(within / width * bits))
  }
}

/// What a walk looks for, coded as the left side of its distances.
struct WalkQuery {
  let fields: engram_field_query

  /// - Parameters:
  ///   - vector: rotated, of length 1 under cosine; overwritten.
  ///   - rowBias: of a row among rows; nil for a query.
  ///   - code: takes the code, which is needed as long as the query is.
  init(
    _ vector: UnsafeMutablePointer<Float>, rowBias: Float?, _ codes: WalkCodes,
    code: UnsafeMutablePointer<Int8>
  ) {
    let dimension = codes.centre.count
    var squares: Float = 0
    var product: Float = 0
    codes.centre.withUnsafeBufferPointer { centre in
      for i in 0..<dimension {
        vector[i] -= centre[i]
        squares += vector[i] * vector[i]
        product += vector[i] * centre[i]
      }
    }
    let (scale, sum) = Quantiser.encodeCoarsely(vector, dimension: dimension, into: code)
    let isL2 = codes.metric == .squaredL2
    fields = engram_field_query(
      code: code, factor: isL2 ? 2 * scale : scale, weight: isL2 ? 0 : -(rowBias ?? 0),
      bias: isL2 ? squares : -product,
      // What twice the product with fields exceeds the product with what they stand for by.
      excess: ((1 &<< Int32(codes.bits)) &- 1) &* sum)
  }
}
