import CEngramKernels
import Testing

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The encoder's kernels against double precision.
@Suite struct TransformerTests {
  static let widths = [48, 96, 384]
  static let depths = [1, 31, 48, 384, 1_536]
  static let ends = [engram_linear_store, engram_linear_gelu, engram_linear_add]

  static func floats(_ count: Int, _ random: inout Generator, _ scale: Float = 1) -> [Float] {
    (0..<count).map { _ in scale * Float.random(&random) }
  }

  static func packed(_ weights: [Float], width: Int, depth: Int) -> [UInt16] {
    var panels = [UInt16](repeating: 0, count: width * depth)
    engram_pack_panels(weights, width, depth, &panels)
    return panels
  }

  static func gelu(_ x: Double) -> Double { x * erfc(-x / 2.0.squareRoot()) / 2 }

  static func name(_ kernels: engram_kernels) -> String { String(cString: kernels.name) }

  // MARK: Linear layers

  /// Sums of products and the magnitudes of what was summed, of weights as they were packed: panels of
  /// 48 outputs, input after input.
  static func products(
    _ x: [Float], _ panels: [UInt16], _ bias: [Float], rows: Int, depth: Int
  ) -> [(sum: Double, magnitude: Double)] {
    let width = bias.count
    let weights = panels.map(\.number)
    return (0..<rows * width).map { place in
      let (row, output) = (place / width, place % width)
      let panel = output / 48 * 48 * depth + output % 48
      var sum = Double(bias[output])
      var magnitude = abs(sum)
      for k in 0..<depth {
        let product = Double(x[row * depth + k]) * weights[panel + k * 48]
        sum += product
        magnitude += abs(product)
      }
      return (sum, magnitude)
    }
  }

  /// What is wrong with an output, or nil.
  static func wrong(
    _ y: Float, _ product: (sum: Double, magnitude: Double), _ before: Float,
    _ end: engram_linear_end
  ) -> String? {
    let (expected, tolerance): (Double, Double) =
      switch end {
      case engram_linear_gelu: (gelu(product.sum), 1e-5 * product.magnitude + 2e-7)
      case engram_linear_add:
        (product.sum + Double(before), 1e-5 * (product.magnitude + abs(Double(before))))
      default: (product.sum, 1e-5 * product.magnitude)
      }
    return abs(Double(y) - expected) <= tolerance ? nil : "\(y) in place of \(expected)"
  }

  @Test(arguments: depths) func linear(depth: Int) {
    var random = Generator(state: UInt64(depth))
    for width in Self.widths {
      let x = Self.floats(20 * depth, &random)
      let panels = Self.packed(Self.floats(width * depth, &random), width: width, depth: depth)
      let bias = Self.floats(width, &random)
      let before = Self.floats(20 * width, &random)
      let products = Self.products(x, panels, bias, rows: 20, depth: depth)
      for kernels in variants {
        for end in Self.ends {
          for rows in 1...20 {
            var y = before
            kernels.linear(x, rows, depth, panels, bias, &y, width, end)
            let problem = (0..<rows * width).lazy.compactMap {
              Self.wrong(y[$0], products[$0], before[$0], end)
            }.first
            #expect(problem == nil, "\(Self.name(kernels)), \(rows) x \(width), end \(end.rawValue)")
            #expect(y[(rows * width)...] == before[(rows * width)...], "rows behind")
          }
        }
      }
    }
  }

  /// A row's bits do not depend on which rows are beside it: a batch equals one by one.
  @Test func rowsAreIndependent() {
    var random = Generator(state: 40)
    let (depth, width) = (96, 96)
    let x = Self.floats(40 * depth, &random)
    let panels = Self.packed(Self.floats(width * depth, &random), width: width, depth: depth)
    let bias = Self.floats(width, &random)
    for kernels in variants {
      var alone = [Float](repeating: 0, count: 40 * width)
      for row in 0..<40 {
        x.withUnsafeBufferPointer { x in
          alone.withUnsafeMutableBufferPointer { y in
            guard let x = x.baseAddress, let y = y.baseAddress else { return }
            kernels.linear(
              x + row * depth, 1, depth, panels, bias, y + row * width, width, engram_linear_gelu)
          }
        }
      }
      for rows in 1...40 {
        var y = [Float](repeating: 0, count: rows * width)
        kernels.linear(x, rows, depth, panels, bias, &y, width, engram_linear_gelu)
        #expect(y.map(\.bitPattern) == alone.prefix(rows * width).map(\.bitPattern))
      }
    }
  }

  // MARK: GELU

  /// GELU of each value alone: a weight of 1, no bias.
  static func gelu(_ values: [Float], _ kernels: engram_kernels) -> [Float] {
    let panels = packed([Float](repeating: 1, count: 48), width: 48, depth: 1)
    var y = [Float](repeating: 0, count: values.count * 48)
    kernels.linear(
      values, values.count, 1, panels, [Float](repeating: 0, count: 48), &y, 48,
      engram_linear_gelu)
    return values.indices.map { y[$0 * 48 + $0 % 48] }
  }

  @Test func geluWithinItsBound() {
    var random = Generator(state: 41)
    var values = (-20 * 1_024...20 * 1_024).map { Float($0) / 1_024 }
    values += (0..<20_000).map { _ in Float.random(in: -20...20, using: &random) }
    values += [0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude]
    values += [1e3, 1e19, 1e20, .greatestFiniteMagnitude].flatMap { [$0, -$0] }
    for kernels in variants {
      let worst = zip(values, Self.gelu(values, kernels)).map { x, y in
        abs(Double(y) - Self.gelu(Double(x))) / max(1, abs(Double(x)))
      }.max { !($1 <= $0) }
      #expect(worst.map { $0 <= 2e-7 } == true, "\(Self.name(kernels)): \(worst ?? .nan)")
    }
  }

  @Test func geluOfWhatIsNoNumber() {
    for kernels in variants {
      let y = Self.gelu([.infinity, .nan, -.nan, -.infinity], kernels)
      #expect(y[0] == .infinity, "\(Self.name(kernels))")
      // As the formula has it: infinity times zero.
      #expect(y[1].isNaN && y[2].isNaN && y[3].isNaN, "\(Self.name(kernels)): \(y)")
    }
  }

  // MARK: Attention

  static func attention(
    _ qkv: [Float], tokens: Int, heads: Int, _ kernels: engram_kernels
  ) -> [Float] {
    var scratch = [Float](repeating: .nan, count: 40 * (tokens + 16))
    var out = [Float](repeating: .nan, count: tokens * heads * 32)
    kernels.attention(qkv, tokens, heads, &scratch, &out)
    return out
  }

  /// By the definition, and how far rounding may take each output: a score's error is relative to the
  /// magnitudes that it sums, and its exponential's share changes by twice as much.
  static func reference(
    _ qkv: [Float], tokens: Int, heads: Int
  ) -> [(value: Double, tolerance: Double)] {
    let width = heads * 32
    var out = [(value: Double, tolerance: Double)](repeating: (0, 0), count: tokens * width)
    for head in 0..<heads {
      func component(_ token: Int, _ part: Int, _ i: Int) -> Double {
        Double(qkv[token * 3 * width + part * width + head * 32 + i])
      }
      for token in 0..<tokens {
        var scores: [Double] = []
        var error = 1e-6
        for other in 0..<tokens {
          let terms = (0..<32).map { component(token, 0, $0) * component(other, 1, $0) / 32.0.squareRoot() }
          scores.append(terms.reduce(0, +))
          error = max(error, 1e-6 * terms.reduce(0) { $0 + abs($1) })
        }
        let greatest = scores.max() ?? 0
        let shares = scores.map { exp($0 - greatest) }
        let sum = shares.reduce(0, +)
        for i in 0..<32 {
          var (value, most) = (0.0, 0.0)
          for other in 0..<tokens {
            value += shares[other] / sum * component(other, 2, i)
            most = max(most, abs(component(other, 2, i)))
          }
          out[token * width + head * 32 + i] = (value, 2 * error * most)
        }
      }
    }
    return out
  }

  @Test(arguments: 1...70) func attention(tokens: Int) {
    var random = Generator(state: UInt64(50 + tokens))
    for heads in tokens % 10 == 3 ? Array(1...12) : [1 + tokens % 12] {
      // Queries of magnitude 4: scores that the exponential tells apart.
      var qkv = Self.floats(tokens * heads * 96, &random)
      for token in 0..<tokens {
        for i in 0..<heads * 32 { qkv[token * heads * 96 + i] *= 4 }
      }
      let reference = Self.reference(qkv, tokens: tokens, heads: heads)
      for kernels in variants {
        let out = Self.attention(qkv, tokens: tokens, heads: heads, kernels)
        let fits = zip(out, reference).allSatisfy { abs(Double($0) - $1.value) <= $1.tolerance }
        #expect(fits, "\(Self.name(kernels)), \(heads) heads")
      }
    }
  }

  /// Queries and keys whose components are all alike, so that a score is what one asks for.
  private func text(scores: [Float], values: [Float]) -> [Float] {
    var qkv: [Float] = []
    for (score, value) in zip(scores, values) {
      let key = score / 32 * Float(32).squareRoot()
      for component in [1, key, value] { qkv += [Float](repeating: component, count: 32) }
    }
    return qkv
  }

  /// Only the greatest score counts where the others are far below, however great or small they are.
  @Test func scoresFarApart() {
    var random = Generator(state: 42)
    for tokens in [1, 2, 7, 16, 17, 40] {
      let values = Self.floats(tokens, &random)
      for (high, low) in [(1e30, -1e30), (0, -1e30), (1e30, 0), (-1e20, -1e30), (1_000, 0), (-500, -900)]
        as [(Float, Float)]
      {
        let best = Int.random(in: 0..<tokens, using: &random)
        let scores = (0..<tokens).map { $0 == best ? high : low }
        for kernels in variants {
          let out = Self.attention(text(scores: scores, values: values), tokens: tokens, heads: 1, kernels)
          #expect(out.allSatisfy { abs($0 - values[best]) <= 1e-6 }, "\(Self.name(kernels)), \(high), \(low)")
        }
      }
    }
  }

  /// Equal scores give the mean of the values.
  @Test func scoresAlike() {
    var random = Generator(state: 43)
    for tokens in [1, 2, 7, 16, 17, 40] {
      let values = Self.floats(tokens, &random)
      let mean = values.reduce(0) { $0 + Double($1) } / Double(tokens)
      for score in [-1e30, -1e4, 0, 1e4, 1e30] as [Float] {
        let qkv = text(scores: [Float](repeating: score, count: tokens), values: values)
        for kernels in variants {
          let out = Self.attention(qkv, tokens: tokens, heads: 1, kernels)
          #expect(out.allSatisfy { abs(Double($0) - mean) <= 1e-6 }, "\(Self.name(kernels)), \(score)")
        }
      }
    }
  }

  /// A query that is no number spoils its own token and no other.
  @Test func attentionKeepsNaN() {
    var random = Generator(state: 44)
    let (tokens, heads) = (19, 2)
    var qkv = Self.floats(tokens * heads * 96, &random)
    qkv[5 * heads * 96 + 3] = .nan
    for kernels in variants {
      let out = Self.attention(qkv, tokens: tokens, heads: heads, kernels)
      for token in 0..<tokens {
        let row = out[token * 64..<token * 64 + 32]
        let fits = token == 5 ? row.allSatisfy(\.isNaN) : row.allSatisfy(\.isFinite)
        #expect(fits, "\(Self.name(kernels)), token \(token)")
      }
    }
  }

  // MARK: Layer normalisation

  @Test(arguments: [16, 48, 384, 1_536]) func layerNorm(width: Int) {
    var random = Generator(state: UInt64(60 + width))
    let (gain, bias) = (Self.floats(width, &random), Self.floats(width, &random))
    let epsilon: Float = 1e-12
    var kinds = (0..<6).map { _ in Self.floats(width, &random) }
    kinds.append(Self.floats(width, &random, 1e-3))
    kinds.append(Self.floats(width, &random).map { $0 + 1e4 })  // Little apart, far from 0.
    kinds.append([1e6] + Self.floats(width - 1, &random))  // One far from the others.
    let spread = kinds.count
    kinds += [0, 1, -1_000.1, 3e-5, 1e30].map { [Float](repeating: $0, count: width) }
    for kernels in variants {
      var y = kinds.flatMap { $0 }
      kernels.layer_norm(&y, kinds.count, width, gain, bias, epsilon)
      for (number, row) in kinds.enumerated() {
        let result = y[number * width..<(number + 1) * width]
        guard number < spread else {
          // What is the same everywhere is apart from its mean nowhere.
          #expect(Array(result) == bias, "\(Self.name(kernels)), constant \(row[0])")
          continue
        }
        let mean = row.reduce(0) { $0 + Double($1) } / Double(width)
        let variance = row.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(width)
        let scale = 1 / (variance + Double(epsilon)).squareRoot()
        let fits = result.indices.allSatisfy { place in
          let i = place - result.startIndex
          let normal = (Double(row[i]) - mean) * scale
          let expected = normal * Double(gain[i]) + Double(bias[i])
          return abs(Double(result[place]) - expected) <= 4e-6 * (1 + abs(normal))
        }
        #expect(fits, "\(Self.name(kernels)), row \(number)")
      }
    }
  }

  // MARK: Packing

  #if !(os(macOS) && arch(x86_64))
    @Test func packsToTheNearest() {
      var random = Generator(state: 45)
      var values: [Float] = [0, -0.0, .infinity, -.infinity, .nan, -.nan, .signalingNaN]
      values += [.greatestFiniteMagnitude, .leastNonzeroMagnitude, .leastNormalMagnitude]
      for half in UInt16.min...UInt16.max {
        // Each binary16, halfway to the next, and one bit to both sides of each.
        let (low, high) = (Float16(bitPattern: half), Float16(bitPattern: half &+ 1))
        let middle = (Float(low) + Float(high)) / 2
        for value in [Float(low), middle] {
          values += [value, value.nextUp, value.nextDown]
        }
      }
      // Halfway from the greatest to what would follow it.
      for value: Float in [65_504, 65_519.996, 65_520, 65_536] { values += [value, -value] }
      values += (0..<200_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next())) }
      values += [Float](repeating: 0, count: (48 - values.count % 48) % 48)
      let depth = values.count / 48
      let panels = Self.packed(values, width: 48, depth: depth)
      let mistaken = values.indices.filter { place in
        let got = Float16(bitPattern: panels[place % depth * 48 + place / depth])
        let expected = Float16(values[place])
        return expected.isNaN ? !got.isNaN : got.bitPattern != expected.bitPattern
      }
      #expect(mistaken.isEmpty, "\(mistaken.prefix(5).map { values[$0] })")
    }
  #endif

  /// Output by output to its place in its panel.
  @Test func packsInPanels() {
    let (width, depth) = (144, 5)
    let weights = (0..<width * depth).map { Float($0) }
    let panels = Self.packed(weights, width: width, depth: depth)
    for output in 0..<width {
      for k in 0..<depth {
        #expect(panels[output / 48 * 48 * depth + k * 48 + output % 48].number == Double(output * depth + k))
      }
    }
  }

  // MARK: Bounds

  /// Nothing is read or written outside: everything lies against pages that fault, and results are those
  /// of plain memory.
  @Test func staysInside() throws {
    var random = Generator(state: 46)
    let pages = try (0..<5).map { _ in try GuardedPages(bytes: 1 << 18) }
    for kernels in variants {
      for atEnd in [true, false] {
        for rows in 1...20 {
          let (depth, width) = ([1, 31, 96][rows % 3], 48 * (1 + rows % 2))
          let x = Self.floats(rows * depth, &random)
          let panels = Self.packed(Self.floats(width * depth, &random), width: width, depth: depth)
          let bias = Self.floats(width, &random)
          let before = Self.floats(rows * width, &random)
          for end in Self.ends {
            var expected = before
            kernels.linear(x, rows, depth, panels, bias, &expected, width, end)
            let y = pages[3].placeMutable(before, atEnd: atEnd)
            kernels.linear(
              pages[0].place(x, atEnd: atEnd), rows, depth, pages[1].place(panels, atEnd: atEnd),
              pages[2].place(bias, atEnd: atEnd), y, width, end)
            #expect(UnsafeBufferPointer(start: y, count: before.count).elementsEqual(expected))
          }
        }
        for tokens in 1...70 {
          let heads = 1 + tokens % 3
          let qkv = Self.floats(tokens * heads * 96, &random)
          let expected = Self.attention(qkv, tokens: tokens, heads: heads, kernels)
          let out = pages[1].placeMutable([Float](repeating: 0, count: expected.count), atEnd: atEnd)
          kernels.attention(
            pages[0].place(qkv, atEnd: atEnd), tokens, heads,
            pages[2].placeMutable([Float](repeating: 0, count: 40 * (tokens + 16)), atEnd: atEnd), out)
          #expect(UnsafeBufferPointer(start: out, count: expected.count).elementsEqual(expected))
        }
        for width in stride(from: 16, through: 160, by: 16) {
          let (x, gain) = (Self.floats(3 * width, &random), Self.floats(width, &random))
          var expected = x
          kernels.layer_norm(&expected, 3, width, gain, gain, 1e-12)
          let y = pages[0].placeMutable(x, atEnd: atEnd)
          let gains = pages[1].place(gain, atEnd: atEnd)
          kernels.layer_norm(y, 3, width, gains, pages[2].place(gain, atEnd: atEnd), 1e-12)
          #expect(UnsafeBufferPointer(start: y, count: x.count).elementsEqual(expected))
        }
      }
    }
    let weights = Self.floats(96 * 7, &random)
    for atEnd in [true, false] {
      let panels = pages[1].placeMutable([UInt16](repeating: 0, count: 96 * 7), atEnd: atEnd)
      engram_pack_panels(pages[0].place(weights, atEnd: atEnd), 96, 7, panels)
      #expect(
        UnsafeBufferPointer(start: panels, count: 96 * 7)
          .elementsEqual(Self.packed(weights, width: 96, depth: 7)))
    }
  }
}
