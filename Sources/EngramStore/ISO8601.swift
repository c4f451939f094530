// Dates as text: the one place that turns ISO 8601 into microseconds since 1970 and back.

/// ISO 8601 dates and times as microseconds since 1970-01-01T00:00:00Z.
///
/// What is understood: `YYYY-MM-DD`, alone or followed by `T` or a space and `HH:MM`, `HH:MM:SS` or
/// `HH:MM:SS.fraction`, followed by nothing (UTC), `Z`, `+HH`, `+HHMM` or `+HH:MM`. The calendar is
/// the proleptic Gregorian one, without leap seconds; digits behind the microsecond are cut off.
public enum ISO8601 {
  private static let microsecondsPerSecond: Int64 = 1_000_000
  private static let secondsPerDay: Int64 = 86_400

  /// The instant that the text names, or nil where the text as a whole is not a date.
  public static func parse(_ text: String) -> Int64? {
    text.utf8.withContiguousBytes(parse)
  }

  private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
    var reader = Reader(bytes: bytes)
    guard let year = reader.number(digits: 4), reader.take("-"),
      let month = reader.number(digits: 2), reader.take("-"),
      let day = reader.number(digits: 2),
      (1...12).contains(month), (1...daysInMonth(month, year: year)).contains(day)
    else { return nil }
    var seconds = daysSince1970(year: year, month: month, day: day) * secondsPerDay
    if reader.isAtEnd { return seconds * microsecondsPerSecond }

    guard reader.take("T") || reader.take("t") || reader.take(" "),
      let hour = reader.number(digits: 2), hour < 24, reader.take(":"),
      let minute = reader.number(digits: 2), minute < 60
    else { return nil }
    seconds += hour * 3_600 + minute * 60
    var fraction: Int64 = 0
    if reader.take(":") {
      guard let second = reader.number(digits: 2), second < 60 else { return nil }
      seconds += second
      if reader.take(".") {
        guard let microseconds = reader.fraction() else { return nil }
        fraction = microseconds
      }
    }
    guard let offset = reader.offset(), reader.isAtEnd else { return nil }
    return (seconds - offset) * microsecondsPerSecond + fraction
  }

  /// The text of an instant in UTC, as `2026-01-01T00:00:00.000000+00:00`.
  ///
  /// A year outside 0...9999 is written with its sign and is not understood by ``parse(_:)``.
  public static func format(_ microseconds: Int64) -> String {
    let (seconds, fraction) = floorDivide(microseconds, by: microsecondsPerSecond)
    let (days, secondOfDay) = floorDivide(seconds, by: secondsPerDay)
    let (year, month, day) = date(daysSince1970: days)
    let sign = year < 0 ? "-" : year > 9_999 ? "+" : ""
    let time = [secondOfDay / 3_600, secondOfDay / 60 % 60, secondOfDay % 60]
      .map { padded($0, to: 2) }.joined(separator: ":")
    return "\(sign)\(padded(abs(year), to: 4))-\(padded(month, to: 2))-\(padded(day, to: 2))"
      + "T\(time).\(padded(fraction, to: 6))+00:00"
  }

  private static func padded(_ number: Int64, to width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func floorDivide(
    _ value: Int64, by divisor: Int64
  ) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  // The calendar is counted in eras of 400 years (146,097 days) that start on 1 March, so that
  // the leap day is the last day of its year: Howard Hinnant, "chrono-compatible low-level date
  // algorithms", days_from_civil and civil_from_days.

  private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let (era, yearOfEra) = floorDivide(month > 2 ? year : year - 1, by: 400)
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func date(
    daysSince1970 days: Int64
  ) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivide(days + 719_468, by: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = (monthFromMarch + 2) % 12 + 1
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
  }

  private static func daysInMonth(_ month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Reads the parts of a date from left to right.
  private struct Reader {
    let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    /// The byte at the position, and 0, which no date holds, at the end.
    /// SAFETY: the one place that reads the buffer.
    private var current: UInt8 { isAtEnd ? 0 : bytes[position] }

    private var digit: Int64? {
      guard case UInt8(ascii: "0")...UInt8(ascii: "9") = current else { return nil }
      return Int64(current - UInt8(ascii: "0"))
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard current == UInt8(ascii: character) else { return false }
      position += 1
      return true
    }

    mutating func number(digits: Int) -> Int64? {
      var number: Int64 = 0
      for _ in 0..<digits {
        guard let digit else { return nil }
        number = number * 10 + digit
        position += 1
      }
      return number
    }

    /// The digits behind the point, one or more, as microseconds.
    mutating func fraction() -> Int64? {
      guard digit != nil else { return nil }
      var fraction: Int64 = 0
      var unit = microsecondsPerSecond / 10
      while let digit {
        fraction += digit * unit
        unit /= 10
        position += 1
      }
      return fraction
    }

    /// The seconds that local time is ahead of UTC; 0 where the text names no zone.
    mutating func offset() -> Int64? {
      if isAtEnd || take("Z") || take("z") { return 0 }
      let isAhead = take("+")
      guard isAhead || take("-"), let hours = number(digits: 2), hours < 24 else { return nil }
      var offset = hours * 3_600
      if !isAtEnd {
        _ = take(":")
        guard let minutes = number(digits: 2), minutes < 60 else { return nil }
        offset += minutes * 60
      }
      return isAhead ? offset : -offset
    }
  }
}
