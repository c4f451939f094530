/// When a call that failed is made again: after 429, after 5xx but 501, and where there was no
/// connection or it broke. What the service refuses otherwise is refused again, so it is not.
public struct RetryPolicy: Sendable, Hashable {
  /// Calls after the first one; 0 for none.
  public var retriesMax = 3
  /// The first pause lasts up to this, at random; each further one up to twice the one before, so that
  /// clients that failed together do not come back together.
  public var firstPause: Duration = .milliseconds(500)
  public var pauseMax: Duration = .seconds(20)
  /// A service that asks for a longer pause (`Retry-After`) is not waited for: the call fails with
  /// ``ModelError/rateLimited(retryAfter:)`` or ``ModelError/service(status:message:)``.
  public var retryAfterMax: Duration = .seconds(60)

  public init() {}

  /// The pause before the retry of this number, from 0.
  /// - Parameter random: in 0..<1.
  func pause(before retry: Int, random: Double) -> Duration {
    // Doubled 60 times, any pause is longer than the longest.
    var bound = firstPause
    for _ in 0..<min(retry, 60) where bound < pauseMax { bound *= 2 }
    return min(bound, pauseMax) * random
  }
}
