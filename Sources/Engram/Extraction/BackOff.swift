import EngramModels
import Foundation

/// When making memories of an episode is tried again after it has failed.
///
/// The pauses double from 5 seconds to an hour, each between half of that and the whole, at random. A
/// service that asks for a longer one gets it. After 16 attempts, which take about seven hours, it is
/// given up; after 5 where the answer was no answer or the service refused the call for what was in it,
/// since others wait behind it.
struct BackOff: Sendable {
  var firstPause: TimeInterval = 5
  var pauseMax: TimeInterval = 3_600
  static let attemptsMax = 16
  static let refusalsMax = 5

  /// - Parameters:
  ///   - attempts: how many have failed, this one included.
  ///   - random: in 0..<1.
  /// - Returns: nil to give it up.
  func retryAt(
    after error: EngramError, attempts: Int, now: Date = Date(), random: Double = .random(in: 0..<1)
  ) -> Date? {
    guard attempts < (Self.isRefusal(error) ? Self.refusalsMax : Self.attemptsMax) else { return nil }
    var bound = firstPause
    for _ in 1..<max(attempts, 1) where bound < pauseMax { bound *= 2 }
    var pause = min(bound, pauseMax) * (0.5 + random / 2)
    if case .model(.rateLimited(let asked?)) = error {
      // A day at most, whatever the service says.
      pause = max(pause, min(Double(asked.components.seconds) + 1, 86_400))
    }
    return now.addingTimeInterval(pause)
  }

  /// Whether the error is about this very message.
  private static func isRefusal(_ error: EngramError) -> Bool {
    switch error {
    case .model(.badReply), .model(.invalid), .invalid: true
    case .model(.service(let status, _)):
      (400..<500).contains(status) && ![401, 403, 404, 408].contains(status)
    default: false
    }
  }
}
