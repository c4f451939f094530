import CEngramKernels
import Testing

/// Run also with ENGRAM_KERNELS=portable, which takes the instruction away.
@Suite struct CRC32CTests {
  @Test(arguments: [
    (Array("123456789".utf8), 0xE306_9283),
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    (Array(0..<32), 0x46DD_794E),
    (Array((0..<32).reversed()), 0x113F_DB5C),
    ([], 0),
  ] as [([UInt8], UInt32)])
  func knownVectors(bytes: [UInt8], crc: UInt32) {
    #expect(engram_crc32c(0, bytes, bytes.count) == crc)
  }

  /// One bit at a time; element `i` is the checksum of the first `i` bytes.
  func prefixChecksums(_ bytes: ArraySlice<UInt8>) -> [UInt32] {
    var state = UInt32.max
    return [0]
      + bytes.map { byte in
        state ^= UInt32(byte)
        for _ in 0..<8 { state = state >> 1 ^ (state & 1 == 1 ? 0x82F6_3B78 : 0) }
        return ~state
      }
  }

  @Test func matchesTheDefinitionAtEveryAlignment() {
    var random = Generator(state: 3)
    let bytes = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    // Around the three streams of 4,096 bytes, once and twice.
    let lengths = Array(0...300) + Array(12_280...12_300) + Array(24_570...24_590) + [39_980]
    for offset in 0..<16 {
      let expected = prefixChecksums(bytes[offset...])
      let wrong = bytes.withUnsafeBytes { bytes in
        lengths.filter { length in
          bytes.baseAddress.map { engram_crc32c(0, $0 + offset, length) } != expected[length]
        }
      }
      #expect(wrong.isEmpty, "offset \(offset)")
    }
  }

  @Test func partsGiveTheWhole() {
    var random = Generator(state: 4)
    let bytes = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let whole = engram_crc32c(0, bytes, bytes.count)
    for _ in 0..<200 {
      let cuts = [0, bytes.count] + (0..<3).map { _ in Int.random(in: 0...40_000, using: &random) }
      let ends = cuts.sorted()
      var crc: UInt32 = 0
      for (start, end) in zip(ends, ends.dropFirst()) {
        crc = engram_crc32c(crc, Array(bytes[start..<end]), end - start)
      }
      #expect(crc == whole, "\(ends)")
    }
  }
}
