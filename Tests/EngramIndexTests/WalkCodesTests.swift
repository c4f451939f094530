import Testing

@testable import EngramIndex

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0.0) { $0 + $1.0 * $1.1 }
}

/// What distances on walk codes are off by.
@Suite struct WalkCodesTests {
  /// How vectors lie before they are rotated.
  enum Shape: CaseIterable {
    /// Around the origin; far from it; and along few of the axes.
    case around, beside, sparse

    func vectors(_ rows: Int, _ dimension: Int, _ random: inout Generator) -> [[Float]] {
      let shift = random.normals(dimension).map { self == .beside ? 3 * $0 : 0 }
      return (0..<rows).map { _ in
        switch self {
        case .around, .beside: return zip(shift, random.normals(dimension)).map { $0 + $1 }
        case .sparse:
          var vector = [Float](repeating: 0, count: dimension)
          for _ in 0..<8 { vector[random.below(dimension)] += random.normal() }
          vector[random.below(dimension)] += 1
          return vector
        }
      }
    }
  }

  /// Rows with their codes, and the int8 codes that these are derived from.
  struct Coded {
    let rows: Rows
    let codes: WalkCodes
    /// What a row's int8 code stands for: rotated; of length 1 under cosine.
    let points: [[Double]]
    let centre: [Double]
    private let pinned: PinnedVectors

    init(_ vectors: [[Float]], _ metric: Metric, isCentred: Bool = true) throws {
      let dimension = vectors[0].count
      pinned = PinnedVectors(Vectors(dimension: dimension, flat: vectors.flatMap { $0 }))
      let rows = try Rows(dimension: dimension, metric: metric)
      try rows.reserve(vectors.count)
      for (row, vector) in pinned.addresses.enumerated() { rows.write(vector, to: row) }
      rows.publish(count: vectors.count)
      let centre =
        isCentred
        ? WalkCodes.centre(of: rows, count: vectors.count)
        : [Float](repeating: 0, count: dimension)
      codes = try WalkCodes(centre: centre, ofRows: vectors.count, metric: metric)
      try codes.reserve(rows: vectors.count)
      for row in vectors.indices { codes.write(UInt32(row), from: rows) }
      points = vectors.indices.map { row in
        let code = rows.code(UInt32(row))
        return (0..<dimension).map { Double(rows.factors[row].scale * Float(code[$0])) }
      }
      self.centre = centre.map(Double.init)
      self.rows = rows
    }

    static func point(_ vector: [Float], _ rows: Rows) -> [Float] {
      var rotated = vector
      rows.rotation.apply(&rotated)
      guard rows.metric == .cosine else { return rotated }
      let norm = Float(dot(vector.map(Double.init), vector.map(Double.init)).squareRoot())
      return rotated.map { $0 / norm }
    }

    /// Distances of all rows on walk codes.
    func distances(to query: [Float], rowBias: Float? = nil) -> [Double] {
      var point = Self.point(query, rows)
      point.append(contentsOf: repeatElement(0, count: (8 - point.count % 8) % 8))
      let ids = Array(0..<UInt32(points.count))
      var found = [Candidate](repeating: .farthest, count: ids.count)
      return withUnsafeTemporaryAllocation(of: Int8.self, capacity: point.count + 512) { code in
        code.initialize(repeating: 0)
        guard let base = code.baseAddress else { return [] }
        let walkQuery = WalkQuery(&point, rowBias: rowBias, codes, code: base)
        let count = codes.view.score(walkQuery, ids, ids.count, below: .farthest, into: &found)
        return found.prefix(count).map { Double($0.distance) }
      }
    }

    func truth(_ query: [Double], _ row: Int) -> Double {
      let apart = zip(query, points[row]).map { $0 - $1 }
      return rows.metric == .squaredL2 ? dot(apart, apart) : -dot(query, points[row])
    }
  }

  /// The tangent of the angle between normal numbers and their fields' levels: with the least
  /// square error e of uniform levels (Max 1960, table II), the levels are 1 - e of the variance.
  static func tangent(bits: Int) -> Double {
    let lost: Double = bits == 1 ? 0.3634 : bits == 2 ? 0.1188 : 0.01154
    return (lost / (1 - lost)).squareRoot()
  }

  struct Shaped: CustomTestStringConvertible {
    let dimension: Int
    let bits: Int
    let metric: Metric
    let shape: Shape
    var testDescription: String { "\(bits) bits, \(dimension), \(metric), \(shape)" }
  }

  static let all = [(64, 4), (200, 4), (256, 2), (384, 2), (1_000, 2), (1_024, 1), (1_536, 1)]
    .flatMap { dimension, bits in
      Metric.allCases.flatMap { metric in
        Shape.allCases.map {
          Shaped(dimension: dimension, bits: bits, metric: metric, shape: $0)
        }
      }
    }

  /// The estimate of a product with what lies beside the row's own direction is off by
  /// tangent / sqrt(dimension) of both lengths, on average by nothing, however near the query.
  @Test(arguments: all) func estimatesAreUnbiased(_ shaped: Shaped) throws {
    let (dimension, metric) = (shaped.dimension, shaped.metric)
    var random = Generator(UInt64(120 + dimension))
    let all = shaped.shape.vectors(424, dimension, &random)
    let (vectors, strangers) = (Array(all[..<400]), all[400...])
    let coded = try Coded(vectors, metric)
    #expect(coded.codes.bits == shaped.bits)

    // In units of the error that is to be expected.
    var (sum, squares, count) = (0.0, 0.0, 0.0)
    // Of the product of directions, where the query lies near to the row or opposite of it.
    var (matched, expected) = (0.0, 0.0)
    let tangent = Self.tangent(bits: shaped.bits)
    for (index, other) in strangers.enumerated() {
      // A query between a row and a stranger, or away from that row.
      let share = Float(index % 4 - 1) / 3
      let middle = (0..<dimension).map { i in
        vectors.reduce(0) { $0 + $1[i] } / Float(vectors.count)
      }
      let query = (0..<dimension).map { i in
        let (row, stranger) = (vectors[index][i] - middle[i], other[i] - middle[i])
        return middle[i] + share * row + (1 - share * share).squareRoot() * stranger
      }
      let point = Coded.point(query, coded.rows).map(Double.init)
      let fromCentre = zip(point, coded.centre).map { $0 - $1 }
      let length = dot(fromCentre, fromCentre).squareRoot()
      for (row, distance) in coded.distances(to: query).enumerated() {
        let own = zip(coded.points[row], coded.centre).map { $0 - $1 }
        let ownLength = dot(own, own).squareRoot()
        let cosine = dot(own, fromCentre) / (length * ownLength)
        let unit = (metric == .squaredL2 ? 2 : 1) * length * ownLength
        let error = (coded.truth(point, row) - distance) / unit
        let beside = max(1 - cosine * cosine, 0.01).squareRoot()
        let z = error / (beside * tangent / Double(dimension - 1).squareRoot())
        sum += z
        squares += z * z
        count += 1
        matched += error * cosine
        expected += cosine * cosine
      }
    }
    let spread = (squares / count).squareRoot()
    let sigma = tangent / Double(dimension).squareRoot()
    let slope = matched / expected
    let figures = "mean \(sum / count), spread \(spread), slope \(slope)"
    #expect(abs(sum / count) < 5 * spread / count.squareRoot(), note(figures))
    #expect(abs(slope) < 5 * sigma / expected.squareRoot(), note(figures))
    #expect(spread > 0.9 && spread < 1.1, note(figures))
  }

  /// Without its centre, data beside the origin would be known by that alone.
  @Test(arguments: Metric.allCases) func centringPays(metric: Metric) throws {
    var random = Generator(130)
    let vectors = Shape.beside.vectors(300, 384, &random)
    var squares: [Double] = []
    for isCentred in [true, false] {
      let coded = try Coded(vectors, metric, isCentred: isCentred)
      var sum = 0.0
      for query in vectors.prefix(20) {
        let point = Coded.point(query, coded.rows).map(Double.init)
        for (row, distance) in coded.distances(to: query).enumerated() {
          sum += (coded.truth(point, row) - distance) * (coded.truth(point, row) - distance)
        }
      }
      squares.append(sum)
    }
    #expect(squares[0] * 9 < squares[1], note("\(squares)"))
  }

  /// Among rows, inner products count the component that lengthens vectors to one norm.
  @Test func rowsAmongRows() throws {
    var random = Generator(131)
    let coded = try Coded(Shape.beside.vectors(300, 384, &random), .innerProduct)
    let vector = Shape.beside.vectors(1, 384, &random)[0]
    let plain = coded.distances(to: vector)
    let lengthened = coded.distances(to: vector, rowBias: 17)
    for row in plain.indices {
      let bias = Double(coded.rows.factors[row].bias)
      let expected = plain[row] - 17 * bias
      #expect(abs(lengthened[row] - expected) <= 1e-5 * (abs(expected) + 17 * bias))
    }
  }

  /// Rows that are the centre have the centre's distance, exactly but for rounding.
  @Test(arguments: Metric.allCases, [1, 2, 3, 31, 64, 300, 1_100])
  func allTheSame(metric: Metric, dimension: Int) throws {
    var random = Generator(132)
    let vector = random.normals(dimension)
    let coded = try Coded([[Float]](repeating: vector, count: 5), metric)
    let query = random.normals(dimension)
    let point = Coded.point(query, coded.rows).map(Double.init)
    for distance in coded.distances(to: query) {
      let scale = dot(point, point) + dot(coded.points[0], coded.points[0])
      #expect(abs(distance - coded.truth(point, 0)) <= 1e-5 * scale, note("\(distance)"))
    }
  }

  /// The longest and the shortest vectors that an index takes have distances that are numbers.
  @Test(arguments: Metric.allCases) func numbersAtTheExtremes(metric: Metric) throws {
    var random = Generator(133)
    for dimension in [1, 7, 64, 300, 1_100, 16_383] {
      let vectors = [Float(9e17), 1e-17, 1, 9e17, 1e-17].map { length in
        let normal = random.normals(dimension)
        let norm = dot(normal.map(Double.init), normal.map(Double.init)).squareRoot()
        return normal.map { Float(Double($0) / norm * Double(length)) }
      }
      for rows in [vectors, Array(vectors.prefix(1)), [vectors[1]]] {
        let coded = try Coded(rows, metric)
        for query in vectors {
          let distances = coded.distances(to: query)
          let areNumbers = distances.count == rows.count && distances.allSatisfy { $0.isFinite }
          #expect(areNumbers, note("\(dimension): \(distances)"))
        }
      }
    }
  }

  /// Codes, their scale and their sum; what lies behind the dimension stays.
  @Test func coarseCodes() {
    var random = Generator(134)
    for dimension in Array(1...70) + [384, 1_000, 16_383] {
      for length: Float in [1, 1e-25, 1e17, 1e-31, 0] {
        let vector = random.normals(dimension).map { $0 * length }
        var code = [Int8](repeating: 77, count: dimension + 9)
        let (scale, sum) = Quantiser.encodeCoarsely(vector, dimension: dimension, into: &code)
        #expect(code.suffix(9) == [Int8](repeating: 77, count: 9)[...])
        #expect(sum == code.prefix(dimension).reduce(0) { $0 + Int32($1) })
        #expect(code.prefix(dimension).allSatisfy { $0 != -128 })
        let half = scale == 0 ? 1e-30 : 0.50001 * scale
        let isNear = zip(vector, code).allSatisfy { abs($0 - scale * Float($1)) <= half }
        #expect(isNear, note("dimension \(dimension), length \(length)"))
      }
    }
  }
}
