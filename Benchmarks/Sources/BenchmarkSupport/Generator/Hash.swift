/// Randomness that is a pure function of its arguments, the same on every machine.
public enum Hash {
  /// The finaliser of splitmix64, a bijection.
  @inline(__always)
  public static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  @inline(__always)
  static func mix(_ first: UInt64, _ second: UInt64) -> UInt64 {
    mix(mix(first) &+ second)
  }

  /// In 0..<1, exactly.
  @inline(__always)
  static func unit(_ hash: UInt64) -> Double {
    Double(hash >> 11) * 0x1p-53
  }
}

/// A sequence of hashes, for plans that are made in order.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = Hash.mix(seed) }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Hash.mix(state)
  }

  mutating func unit() -> Double { Hash.unit(next()) }

  /// In 0..<bound. Written out: the standard library may change how it draws.
  mutating func below(_ bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  mutating func shuffle<Element>(_ items: inout [Element]) {
    for i in stride(from: items.count - 1, to: 0, by: -1) { items.swapAt(i, below(i + 1)) }
  }
}
