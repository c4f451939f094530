/// The random vector of one node of the topic tree, a function of the node's number.
enum NodeVector {
  /// Of a value before scaling: the sum of two 16-bit numbers, about its mean. Such triangles of
  /// ten levels, rotated together, are as good as normal and need no logarithm.
  static let deviation = ((65_536.0 * 65_536.0 - 1) / 6).squareRoot()

  /// Adds `weight` times the vector of `node`, shaped by the amplitudes, to `out`.
  static func add(
    _ node: UInt64, weight: Float, amplitudes: UnsafePointer<Float>,
    to out: UnsafeMutablePointer<Float>, dimension: Int
  ) {
    let start = Hash.mix(node)
    var component = 0
    while component < dimension {
      let bits = Hash.mix(start &+ UInt64(truncatingIfNeeded: component))
      out[component] += value(bits) * (amplitudes[component] * weight)
      if component + 1 < dimension {
        out[component + 1] += value(bits >> 32) * (amplitudes[component + 1] * weight)
      }
      component += 2
    }
  }

  @inline(__always)
  private static func value(_ bits: UInt64) -> Float {
    Float(Int32(truncatingIfNeeded: (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF)) - 65_535)
  }
}
