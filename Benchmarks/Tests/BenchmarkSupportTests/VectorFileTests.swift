import Testing

@testable import BenchmarkSupport

@Suite struct VectorFileTests {
  private let folder: TemporaryFolder
  private let values: [Float] = [1, -2.5, 3e-8, 4, 5, 6.25]

  init() throws { folder = try TemporaryFolder() }

  private var whole: [UInt8] { littleEndian([UInt32(2), 3]) + floats(values) }

  @Test func readsFloat32() throws {
    let file = try VectorFile(try folder.write(whole, to: "a.fbin"))
    #expect(file.values == values)
    #expect(file.rows == 2 && file.dimension == 3 && file.rowsInFile == 2)
  }

  @Test func readsFirstRows() throws {
    let path = try folder.write(whole, to: "a.fbin")
    #expect(try VectorFile(path, limit: 1).values == Array(values[..<3]))
    #expect(try VectorFile(path, limit: 1).rowsInFile == 2)
    #expect(try VectorFile(path, limit: 9).rows == 2)
    #expect(throws: DataFileError.invalidLimit(file: path, limit: 0)) {
      try VectorFile(path, limit: 0)
    }
  }

  @Test func readsBytes() throws {
    let path = try folder.write(littleEndian([UInt32(1), 3]) + [0, 7, 255], to: "a.u8bin")
    #expect(try VectorFile(path).values == [0, 7, 255])
  }

  @Test func readsFloat16() throws {
    // 1, -2, the largest, the smallest normal and subnormal, zeros and infinity.
    let halves: [UInt16] = [0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x8000, 0x7C00, 0xFC00]
    let bytes = littleEndian([UInt32(2), 4]) + littleEndian(halves)
    let file = try VectorFile(try folder.write(bytes, to: "a.f16bin"))
    #expect(
      file.values == [1, -2, 65_504, 0x1p-14, 0x1p-24, -0.0, .infinity, -.infinity])
    #expect(file.values[5].sign == .minus)
    #expect(widenHalf(0x7E00).isNaN)
  }

  #if arch(arm64) || os(Linux)
    @Test func widensEveryHalfExactly() {
      for bits in UInt16.min...UInt16.max {
        let expected = Float(Float16(bitPattern: bits))
        let got = widenHalf(bits)
        if expected.isNaN {
          #expect(got.isNaN)
        } else if got.bitPattern != expected.bitPattern {
          Issue.record("\(bits): \(got) is not \(expected)")
        }
      }
    }
  #endif

  @Test func readsArchives() throws {
    let packed = try folder.pack(try folder.write(whole, to: "a.fbin"))
    #expect(try VectorFile(packed).values == values)
    // The limit leaves gzip with bytes that nobody reads.
    #expect(try VectorFile(packed, limit: 1).values == Array(values[..<3]))
  }

  @Test func readsManyChunks() throws {
    let many = (0..<700_001).map { Float($0) }
    let bytes = littleEndian([UInt32(700_001), 1]) + floats(many)
    let path = try folder.write(bytes, to: "a.fbin")
    #expect(try VectorFile(path).values == many)
    #expect(try VectorFile(try folder.pack(path)).values == many)
  }

  @Test func refusesTruncationAtEveryByte() throws {
    for count in 0..<whole.count {
      let path = try folder.write(Array(whole[..<count]), to: "cut.fbin")
      let expected: DataFileError =
        count < 8
        ? .headerTruncated(file: path, foundBytes: count)
        : .truncated(file: path, rows: 2, dimension: 3, expectedBytes: 32, foundBytes: count)
      #expect(throws: expected) { try VectorFile(path) }
    }
  }

  @Test func refusesTruncatedContentInArchives() throws {
    for count in [0, 1, 7, 8, 9, 31] {
      let packed = try folder.pack(try folder.write(Array(whole[..<count]), to: "cut.fbin"))
      let expected: DataFileError =
        count < 8
        ? .headerTruncated(file: packed, foundBytes: count)
        : .truncated(file: packed, rows: 2, dimension: 3, expectedBytes: 32, foundBytes: count)
      #expect(throws: expected) { try VectorFile(packed) }
    }
  }

  @Test func refusesDamagedArchives() throws {
    let path = try folder.write([UInt8]("no archive".utf8), to: "a.fbin.gz")
    #expect(throws: DataFileError.gzipFailed(file: path, status: 1)) { try VectorFile(path) }
  }

  @Test func refusesHeadersThatAreWrong() throws {
    func check(_ header: [UInt32], _ error: (String) -> DataFileError) throws {
      let path = try folder.write(littleEndian(header) + floats(values), to: "a.fbin")
      #expect(throws: error(path)) { try VectorFile(path) }
      let packed = try folder.pack(path)
      #expect(throws: error(packed)) { try VectorFile(packed) }
    }
    try check([0, 3]) { .emptyShape(file: $0, rows: 0, dimension: 3) }
    try check([2, 0]) { .emptyShape(file: $0, rows: 2, dimension: 0) }
    try check([1, 16_384]) { .dimensionTooLarge(file: $0, dimension: 16_384, limit: 16_383) }
    try check([3, 3]) {
      .truncated(file: $0, rows: 3, dimension: 3, expectedBytes: 44, foundBytes: 32)
    }
    try check([1, 3]) { .trailingBytes(file: $0, rows: 1, dimension: 3, expectedBytes: 20) }
    try check([.max, 16_383]) {
      .truncated(
        file: $0, rows: Int(UInt32.max), dimension: 16_383,
        expectedBytes: 8 + Int(UInt32.max) * 16_383 * 4, foundBytes: 32)
    }
  }

  @Test func refusesOtherFiles() throws {
    for name in ["a.bin", "fbin", "a.fbin.zip", "a.f16bin.d/x"] {
      #expect(throws: DataFileError.self) { try VectorFile(folder.path + "/" + name) }
    }
    let absent = folder.path + "/absent.fbin"
    let missing = #expect(throws: DataFileError.self) { try VectorFile(absent) }
    #expect(missing?.description.contains(absent) == true)
    #expect(throws: DataFileError.cannotOpen(file: folder.path, reason: "it is a folder")) {
      _ = try ByteReader(folder.path)
    }
  }
}

@Suite struct TruthFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var whole: [UInt8] { littleEndian([UInt32(2), 2, 7, 3, 1, .max]) }

  @Test func readsNeighboursAndScores() throws {
    let path = try folder.write(whole, to: "public.10.ibin")
    #expect(try TruthFile(path).scores == nil)
    let scores = littleEndian([UInt32(2), 2]) + floats([0.9, 0.8, 0.7, -.infinity])
    _ = try folder.write(scores, to: "public.10.gtd.fbin")
    let truth = try TruthFile(path)
    #expect(truth.queries == 2 && truth.k == 2 && truth.neighbours == [7, 3, 1, .max])
    #expect(truth.scores == [0.9, 0.8, 0.7, -.infinity])
    #expect(Array(truth.neighbours(of: 0)) == [7, 3])
    #expect(Array(truth.neighbours(of: 1)) == [1])
  }

  @Test func refusesDamage() throws {
    for count in 0..<whole.count {
      let path = try folder.write(Array(whole[..<count]), to: "cut.ibin")
      #expect(throws: DataFileError.self) { try TruthFile(path) }
    }
    let path = try folder.write(whole, to: "a.ibin")
    _ = try folder.write(littleEndian([UInt32(1), 1]) + floats([1]), to: "a.gtd.fbin")
    #expect(
      throws: DataFileError.shapeMismatch(
        file: folder.path + "/a.gtd.fbin", expected: "2 x 2 scores as in \(path)", found: "1 x 1")
    ) { try TruthFile(path) }
    #expect(throws: DataFileError.self) { try TruthFile(folder.path + "/a.fbin") }
  }
}
