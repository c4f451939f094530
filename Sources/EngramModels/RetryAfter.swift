import CCurl
import Foundation

/// How long a service asks to be left alone: the header `Retry-After`, in seconds or as a date.
enum RetryAfter {
  static func duration(_ header: String, now: Date) -> Duration? {
    if let seconds = Double(header) {
      return seconds >= 0 ? .seconds(min(seconds, maximum)) : nil
    }
    // An HTTP date starts with the day of the week; curl reads much that is none.
    guard header.first?.isLetter == true else { return nil }
    let time = curl_getdate(header, nil)
    guard time >= 0 else { return nil }
    return .seconds((Double(time) - now.timeIntervalSince1970).clamped(to: 0...maximum))
  }

  /// A year, which no policy waits.
  private static let maximum = 31_536_000.0
}
