import Foundation

/// SplitMix64: the same numbers in every run.
struct Generator: RandomNumberGenerator {
  private var state: UInt64

  /// - Parameter seed: the test's own; `ENGRAM_SEED` overrides it.
  init(seed: UInt64) { state = Self.override ?? seed }

  /// What `ENGRAM_SEED` says; a failure prints it.
  static let override = ProcessInfo.processInfo.environment["ENGRAM_SEED"].flatMap { UInt64($0) }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// True once in `count` times.
  mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

  mutating func vector(_ dimension: Int) -> [Float] {
    (0..<dimension).map { _ in Float.random(in: -1...1, using: &self) }
  }
}
