import CEngramKernels

/// SplitMix64: the same numbers in every run.
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// What queries and rows are made of, and the number that it stands for.
protocol Element: Equatable {
  static func random(_ generator: inout Generator) -> Self
  var number: Double { get }
}

extension Float: Element {
  static func random(_ generator: inout Generator) -> Float {
    .random(in: -1...1, using: &generator)
  }
  var number: Double { Double(self) }
}

extension Int8: Element {
  static func random(_ generator: inout Generator) -> Int8 {
    .random(in: -127...127, using: &generator)
  }
  var number: Double { Double(self) }
}

/// IEEE binary16, read by its definition.
extension UInt16: Element {
  /// Below two in magnitude, one in eight subnormal.
  static func random(_ generator: inout Generator) -> UInt16 {
    let bits = generator.next()
    let half = UInt16(truncatingIfNeeded: bits) & 0xBFFF
    return bits >> 61 == 0 ? half & 0x83FF : half
  }

  var number: Double {
    let sign: FloatingPointSign = self & 0x8000 == 0 ? .plus : .minus
    let exponent = Int(self >> 10 & 31)
    let fraction = Double(self & 0x3FF) / 1024
    return switch exponent {
    case 0: Double(sign: sign, exponent: -14, significand: fraction)
    case 31: fraction != 0 ? .nan : sign == .plus ? .infinity : -.infinity
    default: Double(sign: sign, exponent: exponent - 15, significand: 1 + fraction)
    }
  }
}

protocol Score: Equatable {
  var number: Double { get }
  /// What fills the place of scores that no kernel may write.
  static var untouched: Self { get }
  /// Allowed error, relative to the sum of the terms' magnitudes.
  static var tolerance: Double { get }
}

extension Float: Score {
  static var untouched: Float { -54321 }
  static var tolerance: Double { 1e-5 }
}

extension Int32: Score {
  var number: Double { Double(self) }
  static var untouched: Int32 { -54321 }
  static var tolerance: Double { 0 }
}

enum Metric {
  case dot, l2

  func reference<Q: Element, R: Element>(
    _ query: UnsafePointer<Q>, _ row: UnsafePointer<R>, _ length: Int
  ) -> (score: Double, magnitude: Double) {
    var score = 0.0
    var magnitude = 0.0
    for i in 0..<length {
      let (q, r) = (query[i].number, row[i].number)
      let term = self == .dot ? q * r : (q - r) * (q - r)
      score += term
      magnitude += abs(term)
    }
    return (score, magnitude)
  }
}

/// One variant's four kernels over one metric and element.
struct Family<Q: Element, R: Element, S: Score> {
  let name: String
  let metric: Metric
  let one: (UnsafePointer<Q>, UnsafePointer<R>, Int) -> S
  let x4: (UnsafePointer<Q>, UnsafePointer<UnsafePointer<R>>, Int, UnsafeMutablePointer<S>) -> Void
  let block: (UnsafePointer<Q>, UnsafePointer<R>, Int, Int, Int, UnsafeMutablePointer<S>) -> Void
  let gather:
    (
      UnsafePointer<Q>, UnsafePointer<R>, Int, UnsafePointer<UInt32>, Int, Int,
      UnsafeMutablePointer<S>
    ) -> Void

  init(
    _ kernels: engram_kernels, _ metric: Metric,
    _ one: @escaping (UnsafePointer<Q>, UnsafePointer<R>, Int) -> S,
    _ x4: @escaping (
      UnsafePointer<Q>, UnsafePointer<UnsafePointer<R>>, Int, UnsafeMutablePointer<S>
    ) -> Void,
    _ block: @escaping (
      UnsafePointer<Q>, UnsafePointer<R>, Int, Int, Int, UnsafeMutablePointer<S>
    ) -> Void,
    _ gather: @escaping (
      UnsafePointer<Q>, UnsafePointer<R>, Int, UnsafePointer<UInt32>, Int, Int,
      UnsafeMutablePointer<S>
    ) -> Void
  ) {
    name = String(cString: kernels.name)
    self.metric = metric
    (self.one, self.x4, self.block, self.gather) = (one, x4, block, gather)
  }

  /// Calls `x4`, `block` and `gather` on rows of known scores. Tells the first
  /// wrong one: all must give the very bits that `one` gives.
  func disagreement(
    query: UnsafePointer<Q>, rows: UnsafePointer<R>, stride: Int, length: Int,
    ids: [UInt32], scores expected: [S]
  ) -> String? {
    let count = ids.count
    func row(_ id: UInt32) -> UnsafePointer<R> {
      UnsafeRawPointer(rows).advanced(by: Int(id) * stride).assumingMemoryBound(to: R.self)
    }
    var scores = [S](repeating: .untouched, count: count + 1)
    block(query, rows, stride, count, length, &scores)
    if scores != expected.prefix(count) + [.untouched] { return "\(name) block \(count)" }

    scores = [S](repeating: .untouched, count: count + 1)
    gather(query, rows, stride, ids, count, length, &scores)
    if scores != ids.map({ expected[Int($0)] }) + [.untouched] { return "\(name) gather \(count)" }

    guard count >= 4 else { return nil }
    scores = [S](repeating: .untouched, count: 5)
    x4(query, ids.prefix(4).map(row), length, &scores)
    if scores != ids.prefix(4).map({ expected[Int($0)] }) + [.untouched] { return "\(name) x4" }
    return nil
  }
}

var variants: [engram_kernels] {
  (0..<engram_kernels_count()).compactMap { engram_kernels_at($0)?.pointee }
}

/// Something that holds of every family; handed all variants of one.
protocol Property {
  func check<Q, R, S>(_ variants: [Family<Q, R, S>]) throws
}

enum Kind: CaseIterable {
  case dotF32, l2F32, dotF16, l2F16, dotI8, l2I8

  func check(_ property: some Property) throws {
    switch self {
    case .dotF32:
      try property.check(
        variants.map {
          Family($0, .dot, $0.dot_f32, $0.dot_f32_x4, $0.dot_f32_block, $0.dot_f32_gather)
        })
    case .l2F32:
      try property.check(
        variants.map {
          Family($0, .l2, $0.l2_f32, $0.l2_f32_x4, $0.l2_f32_block, $0.l2_f32_gather)
        })
    case .dotF16:
      try property.check(
        variants.map {
          Family($0, .dot, $0.dot_f16, $0.dot_f16_x4, $0.dot_f16_block, $0.dot_f16_gather)
        })
    case .l2F16:
      try property.check(
        variants.map {
          Family($0, .l2, $0.l2_f16, $0.l2_f16_x4, $0.l2_f16_block, $0.l2_f16_gather)
        })
    case .dotI8:
      try property.check(
        variants.map {
          Family($0, .dot, $0.dot_i8, $0.dot_i8_x4, $0.dot_i8_block, $0.dot_i8_gather)
        })
    case .l2I8:
      try property.check(
        variants.map {
          Family($0, .l2, $0.l2_i8, $0.l2_i8_x4, $0.l2_i8_block, $0.l2_i8_gather)
        })
    }
  }
}
