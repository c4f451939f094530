import Foundation

/// A moment on a clock that never goes back, in nanoseconds: for durations alone.
struct MonotonicTime: Sendable {
  let nanoseconds: UInt64

  static var now: MonotonicTime {
    MonotonicTime(nanoseconds: DispatchTime.now().uptimeNanoseconds)
  }

  /// Nanoseconds since an earlier moment.
  func since(_ earlier: MonotonicTime) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
  }
}

extension Duration {
  static func nanoseconds(_ count: UInt64) -> Duration { .nanoseconds(Int64(clamping: count)) }

  var seconds: Double { self / .seconds(1) }
}
