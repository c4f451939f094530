import Synchronization

/// How often each duration has been recorded, lately and since the beginning, in a few kilobytes.
/// Any number of threads record; none waits for another but once in `windowSeconds`.
///
/// Buckets are log-linear, as in HdrHistogram (Tene): each power of two is cut into 16 equal parts.
/// What is read from them is off by 1/32 at most, or by 32 ns below a microsecond.
///
/// Unchecked, for the counts lie in raw memory: it is allocated and initialised once, freed by
/// `deinit`, and between the two touched by atomic operations alone.
final class LatencyHistogram: @unchecked Sendable {
  /// The counts of two windows, of which one is current and the other the one before.
  private let counts: UnsafeMutablePointer<Atomic<UInt32>>
  /// The number of the current window.
  private let window: Atomic<UInt64>
  private let begin: MonotonicTime
  /// Held while windows are exchanged or read: the counts of windows that are over.
  private let past = Mutex<LatencyCounts>(LatencyCounts())

  /// What is called recent is the current window and the one before.
  static let windowSeconds: UInt64 = 300
  private let windowNanoseconds: UInt64

  init(
    beginning begin: MonotonicTime = .now,
    windowNanoseconds: UInt64 = windowSeconds * 1_000_000_000
  ) {
    self.begin = begin
    self.windowNanoseconds = windowNanoseconds
    window = Atomic(begin.nanoseconds / windowNanoseconds)
    counts = .allocate(capacity: 2 * LatencyCounts.buckets)
    for index in 0..<2 * LatencyCounts.buckets { (counts + index).initialize(to: Atomic(0)) }
  }

  deinit {
    counts.deinitialize(count: 2 * LatencyCounts.buckets)
    counts.deallocate()
  }

  func record(_ nanoseconds: UInt64, at now: MonotonicTime) {
    let number = now.nanoseconds / windowNanoseconds
    if number > window.load(ordering: .relaxed) { past.withLock { turn(to: number, &$0) } }
    let bucket = Int(number & 1) * LatencyCounts.buckets + LatencyCounts.bucket(of: nanoseconds)
    counts[bucket].add(1, ordering: .relaxed)
  }

  /// Moves what is no longer recent to the past. A thread that comes late may still count in a
  /// window that is over; its count stays where it is until the next turn.
  private func turn(to number: UInt64, _ past: inout LatencyCounts) {
    let current = window.load(ordering: .relaxed)
    guard number > current else { return }
    for parity in 0..<2 where number > current + 1 || parity == Int(number & 1) {
      for bucket in 0..<LatencyCounts.buckets {
        let count = counts[parity * LatencyCounts.buckets + bucket]
          .exchange(0, ordering: .relaxed)
        if count > 0 { past.add(UInt64(count), to: bucket) }
      }
    }
    window.store(number, ordering: .relaxed)
  }

  /// What was recorded lately, how many nanoseconds that is, and what was recorded in all.
  func read(
    at now: MonotonicTime = .now
  ) -> (recent: LatencyCounts, recentNanoseconds: UInt64, all: LatencyCounts) {
    let number = now.nanoseconds / windowNanoseconds
    return past.withLock { past in
      turn(to: number, &past)
      var (recent, all) = (LatencyCounts(), past)
      for index in 0..<2 * LatencyCounts.buckets {
        let count = UInt64(counts[index].load(ordering: .relaxed))
        guard count > 0 else { continue }
        recent.add(count, to: index % LatencyCounts.buckets)
        all.add(count, to: index % LatencyCounts.buckets)
      }
      let start = MonotonicTime(
        nanoseconds: max(begin.nanoseconds, (max(number, 1) - 1) * windowNanoseconds))
      return (recent, now.since(start), all)
    }
  }
}

/// Durations by bucket.
struct LatencyCounts: Sendable {
  private(set) var total: UInt64 = 0
  /// Empty, or one for each bucket.
  private var counts: [UInt64] = []

  private static let parts = 16
  /// Nanoseconds are told apart in this many.
  private static let unitBits = 6
  /// Longer than this, 275 seconds, counts as this.
  private static let longest: UInt64 = 1 << 38 - 1
  static let buckets = bucket(of: longest) + 1

  static func bucket(of nanoseconds: UInt64) -> Int {
    let value = Int(min(nanoseconds, longest) >> unitBits)
    guard value >= parts else { return value }
    let power = Int.bitWidth - 1 - value.leadingZeroBitCount
    return (power - 3) * parts + (value >> (power - 4)) & (parts - 1)
  }

  /// The nanoseconds of a bucket: from the first to below the second.
  static func bounds(of bucket: Int) -> Range<UInt64> {
    guard bucket >= parts else {
      return UInt64(bucket) << unitBits..<UInt64(bucket + 1) << unitBits
    }
    let shift = bucket / parts - 1 + unitBits
    let begin = UInt64(parts + bucket % parts)
    return begin << shift..<(begin + 1) << shift
  }

  mutating func add(_ count: UInt64, to bucket: Int) {
    if counts.isEmpty { counts = Array(repeating: 0, count: Self.buckets) }
    counts[bucket] += count
    total += count
  }

  mutating func record(_ nanoseconds: UInt64) { add(1, to: Self.bucket(of: nanoseconds)) }

  /// The nanoseconds that this share of all durations does not exceed, by nearest rank: the middle of
  /// its bucket; nil where there are none.
  func quantile(_ share: Double) -> UInt64? {
    guard total > 0 else { return nil }
    let rank = min(max(UInt64((share * Double(total)).rounded(.up)), 1), total)
    var seen: UInt64 = 0
    for (bucket, count) in counts.enumerated() {
      seen += count
      guard seen >= rank else { continue }
      let bounds = Self.bounds(of: bucket)
      return (bounds.lowerBound + bounds.upperBound) / 2
    }
    return nil
  }
}
