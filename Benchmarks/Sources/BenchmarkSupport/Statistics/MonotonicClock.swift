import Foundation

/// Nanoseconds of a clock that never goes back; one system call without a kernel entry on Linux.
public enum MonotonicClock {
  @inline(__always)
  public static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// Nanoseconds that `body` took, with what it returned.
  @inline(__always)
  public static func measure<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> (result: Result, nanoseconds: UInt64) {
    let start = now()
    let result = try body()
    return (result, now() &- start)
  }

  public static func seconds(since start: UInt64) -> Double {
    Double(now() &- start) / 1e9
  }
}
