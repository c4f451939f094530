/// Latencies of single operations in nanoseconds, all of them kept: tails are taken from raw
/// samples, never from averages of parts.
public struct Samples: Sendable {
  public private(set) var nanoseconds: [UInt64] = []

  public init(capacity: Int = 0) { nanoseconds.reserveCapacity(capacity) }

  public init(_ nanoseconds: [UInt64]) { self.nanoseconds = nanoseconds }

  public var count: Int { nanoseconds.count }

  @inline(__always)
  public mutating func append(_ value: UInt64) { nanoseconds.append(value) }

  /// Joins what several threads measured.
  public mutating func append(contentsOf other: Samples) {
    nanoseconds.append(contentsOf: other.nanoseconds)
  }

  /// Times one operation.
  @inline(__always)
  public mutating func time<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let (result, nanoseconds) = try MonotonicClock.measure(body)
    append(nanoseconds)
    return result
  }

  /// Nil when there are none.
  public var summary: LatencySummary? { LatencySummary(self) }
}

/// The figures of a report, in nanoseconds.
public struct LatencySummary: Codable, Equatable, Sendable {
  public var count: Int
  public var mean: Double
  public var min: UInt64
  public var p50: UInt64
  public var p95: UInt64
  public var p99: UInt64
  public var p999: UInt64
  public var max: UInt64

  public init?(_ samples: Samples) {
    let sorted = samples.nanoseconds.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    count = sorted.count
    var total = 0.0
    for value in sorted { total += Double(value) }
    mean = total / Double(sorted.count)
    min = first
    p50 = nearestRank(50, of: sorted)
    p95 = nearestRank(95, of: sorted)
    p99 = nearestRank(99, of: sorted)
    p999 = nearestRank(99.9, of: sorted)
    max = last
  }

  public static func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e3 }

  public static func milliseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e6 }
}

/// The nearest-rank percentile: the smallest value that at least `percent` % do not exceed.
/// `sorted` must hold at least one value.
public func nearestRank<Value: Comparable>(_ percent: Double, of sorted: [Value]) -> Value {
  let rank = Int((percent * Double(sorted.count) / 100).rounded(.up))
  return sorted[Swift.min(Swift.max(rank, 1), sorted.count) - 1]
}
