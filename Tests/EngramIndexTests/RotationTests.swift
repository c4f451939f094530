import Foundation
import Testing

@testable import EngramIndex

@Suite struct RotationTests {
  static let dimensions = Array(1...300) + [383, 384, 385, 768, 1_023, 1_025, 1_536, 3_072, 16_383]

  static func rotated(_ vector: [Float]) -> [Float] {
    var result = vector
    Rotation(dimension: vector.count).apply(&result)
    return result
  }

  static func product(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  @Test func keepsLengthsAndProducts() {
    var random = Generator(100)
    for dimension in Self.dimensions {
      let (a, b) = (random.normals(dimension), random.normals(dimension))
      let (turnedA, turnedB) = (Self.rotated(a), Self.rotated(b))
      let norms = (Self.product(a, a) * Self.product(b, b)).squareRoot()
      for (before, after, scale) in [
        (Self.product(a, a), Self.product(turnedA, turnedA), Self.product(a, a)),
        (Self.product(b, b), Self.product(turnedB, turnedB), Self.product(b, b)),
        (Self.product(a, b), Self.product(turnedA, turnedB), norms),
      ] {
        #expect(abs(before - after) <= 2e-6 * scale, note("dimension \(dimension)"))
      }
    }
  }

  /// However unlike a vector's components are, after it they are alike: no more above the average
  /// than those of normal ones. Awkward dimensions, with most outside of the first transform, too.
  @Test func makesComponentsAlike() {
    for dimension in [64, 65, 96, 100, 127, 128, 129, 200, 255, 257, 384, 511, 768, 1_000, 1_536] {
      for one in [0, 1, dimension / 3, dimension / 2, dimension - 1] {
        var vector = [Float](repeating: 0, count: dimension)
        vector[one] = 1
        let turned = Self.rotated(vector)
        let largest = turned.reduce(0) { max($0, abs($1)) } * Float(dimension).squareRoot()
        #expect(largest < 6, note("component \(one) of \(dimension): \(largest)"))
      }
    }
  }

  /// A hash of what comes out, bit by bit.
  static func fingerprint() -> String {
    var random = Generator(101)
    var hash: UInt64 = 0
    for dimension in dimensions {
      for component in rotated(random.normals(dimension)) {
        hash = Graph.hash(hash ^ UInt64(component.bitPattern), seed: 1)
      }
    }
    return String(hash, radix: 16)
  }

  /// The variant is chosen once in a process, so each gets one of its own.
  @Test(arguments: Kernels.available) func anyKernels(variant: String) async throws {
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { [variant] in
      setenv("ENGRAM_KERNELS", variant, 1)
      print("\nfingerprint", Kernels.name, RotationTests.fingerprint())
      fflush(nil)
    }
    let output = String(decoding: result.standardOutputContent, as: UTF8.self)
    let line = output.split(separator: "\n").first { $0.hasPrefix("fingerprint ") }
    #expect(line ?? "" == "fingerprint \(variant) \(Self.fingerprint())", note(variant))
  }
}
