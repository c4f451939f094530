import CEngramKernels
import Testing

/// Rows of packed fields against their layout and their formula, read the plain way.
@Suite struct FieldTests {
  enum Width: Int, CaseIterable {
    case one = 1
    case two = 2
    case four = 4

    func keys(
      _ kernels: engram_kernels
    ) -> @convention(c) (
      UnsafePointer<engram_field_query>, UnsafePointer<UInt8>, Int, Int, UnsafePointer<UInt32>,
      Int, UInt64, UnsafeMutablePointer<UInt64>
    ) -> Int {
      switch self {
      case .one: kernels.keys_b1
      case .two: kernels.keys_b2
      case .four: kernels.keys_b4
      }
    }

    /// Field k of byte j of a block of w bytes is component k * w + j of the block.
    func components(_ row: some RandomAccessCollection<UInt8>) -> [Int] {
      let bytes = Array(row)
      var components: [Int] = []
      for begin in stride(from: 0, to: bytes.count, by: 64) {
        let block = bytes[begin..<min(begin + 64, bytes.count)]
        for shift in stride(from: 0, to: 8, by: rawValue) {
          components += block.map { Int($0) >> shift & ((1 << rawValue) - 1) }
        }
      }
      return components
    }
  }

  /// Rows in memory, the query they meet, and the keys that must come of them.
  struct Case {
    let stride: Int
    let rows: [UInt8]
    let code: [Int8]
    let factor, weight, bias: Float
    let excess: Int32
    private(set) var expected: [UInt64] = []

    static let trailer = 3 * MemoryLayout<Float>.stride

    init(_ width: Width, length: Int, stride: Int, count: Int, _ random: inout Generator) {
      self.stride = stride
      var rows = (0..<(count - 1) * stride + length + Self.trailer).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      let code = (0..<length * 8 / width.rawValue).map { _ in Int8.random(&random) }
      let sum = code.reduce(0) { $0 + Int32($1) }
      let factor = Float.random(in: 0...0.01, using: &random)
      let (weight, bias) = (Float.random(&random), Float.random(&random))
      let excess = ((1 << Int32(width.rawValue)) - 1) * sum
      for row in 0..<count {
        let begin = row * stride
        let factors = [Float.random(in: 0...1, using: &random), .random(&random), .random(&random)]
        factors.withUnsafeBytes {
          rows.replaceSubrange(begin + length..<begin + length + Self.trailer, with: $0)
        }
        let components = width.components(rows[begin..<begin + length])
        let product = zip(components, code).reduce(0) { $0 + $1.0 * Int($1.1) }
        let apart = factors[1] * weight + factors[2] + bias
        let distance = apart - factor * factors[0] * Float(2 * product - Int(excess))
        expected.append(Self.key(distance, UInt32(row)))
      }
      (self.rows, self.code) = (rows, code)
      (self.factor, self.weight, self.bias, self.excess) = (factor, weight, bias, excess)
    }

    func query(_ code: UnsafePointer<Int8>) -> engram_field_query {
      engram_field_query(code: code, factor: factor, weight: weight, bias: bias, excess: excess)
    }

    /// Distance and then row, as the order of one integer.
    static func key(_ distance: Float, _ row: UInt32) -> UInt64 {
      let bits = (distance == 0 ? 0 : distance).bitPattern
      let ordered = distance < 0 ? ~bits : bits + 0x8000_0000
      return UInt64(ordered) << 32 + UInt64(row) * 2
    }

    func keys(of ids: [UInt32], below bar: UInt64) -> [UInt64] {
      ids.map { expected[Int($0)] }.filter { $0 < bar }
    }

    /// None of these rows, all of them, some of them, and all but the farthest.
    func bars(of ids: [UInt32], _ random: inout Generator) -> [UInt64] {
      let keys = ids.map { expected[Int($0)] }
      return [0, .max] + [keys.randomElement(using: &random), keys.max()].compactMap { $0 }
    }
  }

  static let rowsInMemory = 60

  /// Every count and so every remainder of four, rows in any order and repeated, spaced in any way.
  @Test(arguments: Width.allCases) func matchesReference(_ width: Width) {
    var random = Generator(state: 10)
    let lengths = Array(stride(from: 32, through: 544, by: 32)) + [1_024, 1_056]
    for length in lengths {
      let gap = length % 64 == 0 ? Int.random(in: 0...70, using: &random) : 0
      let rows = Case(
        width, length: length, stride: length + Case.trailer + gap, count: Self.rowsInMemory,
        &random)
      for count in length <= 96 ? Array(0...256) : Array(0...13) + [63, 64, 255, 256] {
        let ids = (0..<count).map { _ in
          UInt32.random(in: 0..<UInt32(Self.rowsInMemory), using: &random)
        }
        for bar in rows.bars(of: ids, &random) {
          let expected = rows.keys(of: ids, below: bar)
          for kernels in variants {
            let name = String(cString: kernels.name)
            // As much room as promised; what lies behind stays.
            var keys = [UInt64](repeating: 1, count: count + 8)
            let kept = rows.code.withUnsafeBufferPointer { code -> Int in
              guard let base = code.baseAddress else { return 0 }
              var query = rows.query(base)
              return width.keys(kernels)(
                &query, rows.rows, rows.stride, length, ids, count, bar, &keys)
            }
            guard kept == expected.count, keys.prefix(kept).elementsEqual(expected),
              keys.suffix(8).allSatisfy({ $0 == 1 })
            else {
              Issue.record("\(name), length \(length), count \(count), bar \(bar)")
              return
            }
          }
        }
      }
    }
  }

  /// Nothing is touched outside of query, rows, ids and keys, each against a page that faults.
  @Test(arguments: Width.allCases) func staysInside(_ width: Width) throws {
    var random = Generator(state: 11)
    let lengths = Array(stride(from: 32, through: 544, by: 32))
    let most = 13
    let codePages = try GuardedPages(bytes: 544 * 8)
    let rowPages = try GuardedPages(bytes: most * (544 + Case.trailer))
    let idPages = try GuardedPages(bytes: most * 4)
    let keyPages = try GuardedPages(bytes: most * 8)
    for length in lengths {
      for count in 1...most {
        let rows = Case(
          width, length: length, stride: length + Case.trailer, count: count, &random)
        let ids = (0..<UInt32(count)).shuffled(using: &random)
        for atEnd in [true, false] {
          var query = rows.query(codePages.place(rows.code, atEnd: atEnd))
          let base = rowPages.place(rows.rows, atEnd: atEnd)
          let guardedIDs = idPages.place(ids, atEnd: atEnd)
          for bar in rows.bars(of: ids, &random) {
            let expected = rows.keys(of: ids, below: bar)
            for kernels in variants {
              let keys = keyPages.placeMutable([UInt64](repeating: 1, count: count), atEnd: atEnd)
              let kept = width.keys(kernels)(
                &query, base, rows.stride, length, guardedIDs, count, bar, keys)
              if kept != expected.count
                || !UnsafeBufferPointer(start: keys, count: kept).elementsEqual(expected)
              {
                Issue.record("\(String(cString: kernels.name)), length \(length), count \(count)")
                return
              }
            }
          }
        }
      }
    }
  }

  /// The largest fields and queries at the greatest length that an index has: sums are exact.
  @Test(arguments: Width.allCases) func exactAtTheExtremes(_ width: Width) {
    let length = 16_384 * width.rawValue / 8
    let components = length * 8 / width.rawValue
    let largest = (1 << width.rawValue) - 1
    for value: Int8 in [-127, -1, 1, 127] {
      let code = [Int8](repeating: value, count: components)
      let sum = components * Int(value)
      for full in [true, false] {
        var row = [UInt8](repeating: full ? 255 : 0, count: length)
        withUnsafeBytes(of: (Float(1), Float(0), Float(0))) { row += $0 }
        let product = full ? largest * sum : 0
        let distance = -Float(2 * product - largest * sum)
        for kernels in variants {
          var key: UInt64 = 0
          let kept = code.withUnsafeBufferPointer { code -> Int in
            guard let base = code.baseAddress else { return 0 }
            var query = engram_field_query(
              code: base, factor: 1, weight: 0, bias: 0, excess: Int32(largest * sum))
            return width.keys(kernels)(&query, row, row.count, length, [0], 1, .max, &key)
          }
          #expect(
            kept == 1 && key == Case.key(distance, 0),
            "\(String(cString: kernels.name)) \(value) \(full)")
        }
      }
    }
  }

  /// A row's number times the stride is more than 32 bits hold.
  @Test func rowsFarAway() throws {
    let stride = 1 << 31
    let far = try GuardedPages(bytes: 3 * stride + 64)
    var random = Generator(state: 12)
    let near = Case(.four, length: 32, stride: 44, count: 2, &random)
    let base = far.placeMutable(Array(near.rows.prefix(44)), atEnd: false)
    for offset in 0..<44 { base[3 * stride + offset] = near.rows[44 + offset] }
    for kernels in variants {
      var keys: [UInt64] = [0, 0]
      let kept = near.code.withUnsafeBufferPointer { code -> Int in
        guard let code = code.baseAddress else { return 0 }
        var query = near.query(code)
        return kernels.keys_b4(&query, base, stride, 32, [3, 0], 2, .max, &keys)
      }
      #expect(kept == 2 && keys == [near.expected[1] + 4, near.expected[0]])
    }
  }

  /// Keys order as distances do, then as rows; zero has one sign; the lowest bit is free.
  @Test func keysOrderLikeDistances() {
    var random = Generator(state: 13)
    let distances: [Float] =
      [
        -.infinity, -.greatestFiniteMagnitude, -1, -.leastNormalMagnitude, -.leastNonzeroMagnitude,
        0, .leastNonzeroMagnitude, .leastNormalMagnitude, 1, .greatestFiniteMagnitude, .infinity,
      ] + (0..<200).map { _ in Float.random(&random) }
    let rows: [UInt32] = [0, 1, 77, 1 << 24, 1 << 31 - 1]
    #expect(engram_key(-0.0, 5) == engram_key(0, 5))
    for a in distances {
      for b in distances {
        for row in rows {
          let other = rows.randomElement(using: &random) ?? 0
          let (first, second) = (engram_key(a, row), engram_key(b, other))
          #expect(first & 1 == 0 && UInt32(truncatingIfNeeded: first) / 2 == row)
          #expect((first < second) == ((a, row) < (b, other)), "\(a) \(row), \(b) \(other)")
        }
      }
    }
  }
}
