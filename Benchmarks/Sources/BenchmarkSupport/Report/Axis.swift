import Foundation

/// An axis of a plot: its range, its marks, and where a value lies on it.
struct Axis {
  enum Scale { case linear, logarithmic }

  let scale: Scale
  let ticks: [Double]
  private let low: Double
  private let high: Double

  /// Values that the axis cannot show (not finite, or not positive on a logarithmic one) are left
  /// out.
  init(values: [Double], scale: Scale) {
    self.scale = scale
    let shown = values.filter { Axis.canShow($0, scale) }
    let smallest = shown.min() ?? (scale == .linear ? 0 : 1)
    let largest = shown.max() ?? (scale == .linear ? 1 : 10)
    switch scale {
    case .linear:
      let step = Axis.niceStep(Axis.span(smallest, largest) / 5)
      low = (smallest / step).rounded(.down) * step
      let top = (largest / step).rounded(.up) * step
      high = top > low ? top : low + step
      let count = Int(((high - low) / step).rounded())
      let base = low
      ticks = (0...max(1, min(count, 20))).map { base + Double($0) * step }
    case .logarithmic:
      let first = log10(smallest).rounded(.down)
      let last = max(log10(largest).rounded(.up), first + 1)
      (low, high) = (first, last)
      // Decades alone leave a short axis almost bare.
      let marks: [Double] = last - first <= 3 ? [1, 2, 5] : [1]
      var ticks: [Double] = []
      for power in Int(first)..<Int(last) {
        for mark in marks { ticks.append(mark * pow(10, Double(power))) }
      }
      self.ticks = ticks + [pow(10, last)]
    }
  }

  /// 0 at the low end, 1 at the high one; nil for what cannot be shown.
  func place(_ value: Double) -> Double? {
    guard Axis.canShow(value, scale) else { return nil }
    return ((scale == .linear ? value : log10(value)) - low) / (high - low)
  }

  func label(_ tick: Double) -> String {
    if tick != 0, tick.magnitude >= 1e6 || tick.magnitude < 1e-4 {
      return String(format: "%.0e", tick)
    }
    if tick.magnitude >= 100 || tick == tick.rounded() { return grouped(tick, decimals: 0) }
    var text = grouped(tick, decimals: 5)
    while text.hasSuffix("0") { text.removeLast() }
    return text
  }

  private static func canShow(_ value: Double, _ scale: Scale) -> Bool {
    value.isFinite && (scale == .linear ? value.magnitude < 1e12 : value > 0)
  }

  private static func span(_ low: Double, _ high: Double) -> Double {
    // One value alone gets an axis as wide as itself.
    high > low ? high - low : max(low.magnitude, 1)
  }

  /// 1, 2 or 5 times a power of ten, not less than `raw`.
  private static func niceStep(_ raw: Double) -> Double {
    let power = pow(10, log10(raw).rounded(.down))
    for factor in [1.0, 2, 5] where factor * power >= raw * 0.999 { return factor * power }
    return 10 * power
  }
}
