import EngramStore
import Foundation
import Testing

@Suite struct ISO8601Tests {
  // Seconds from date(1).
  @Test(arguments: [
    ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1),
    ("0000-01-01", -62_167_219_200), ("9999-12-31T23:59:59", 253_402_300_799),
    ("1900-03-01", -2_203_891_200), ("2024-02-29T12:30", 1_709_209_800),
    ("2024-02-29t12:30z", 1_709_209_800), ("2026-01-01 01:00:00+01:00", 1_767_225_600),
    ("2026-01-01T05:30+0530", 1_767_225_600), ("2025-12-31T16:00:00-08", 1_767_225_600),
  ])
  func secondsAreThoseOfTheCalendar(text: String, seconds: Int64) {
    #expect(ISO8601.parse(text) == seconds * 1_000_000)
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00.1", 100_000), ("1970-01-01T00:00:00.000001Z", 1),
    ("1970-01-01T00:00:00.1234569", 123_456), ("1969-12-31T23:59:59.999999Z", -1),
    ("1970-01-01T00:00:00.00000000000000000000000000000000000001", 0),
  ])
  func fractionsCountMicroseconds(text: String, microseconds: Int64) {
    #expect(ISO8601.parse(text) == microseconds)
  }

  @Test(arguments: [
    "", "2026", "2026-01", "2026-1-1", "20260101", "2026-13-01", "2026-00-01", "2026-01-00",
    "2026-01-32", "2026-02-29", "1900-02-29", "2026-04-31", "26-01-01", "+2026-01-01",
    " 2026-01-01", "2026-01-01 ", "2026-01-01T", "2026-01-01Z", "2026-01-01T1:00",
    "2026-01-01T10", "2026-01-01T24:00", "2026-01-01T10:60", "2026-01-01T10:00:60",
    "2026-01-01T10:00:00.", "2026-01-01T10:00:00.Z", "2026-01-01T10:00+", "2026-01-01T10:00+1",
    "2026-01-01T10:00+24:00", "2026-01-01T10:00+01:60", "2026-01-01T10:00+01:",
    "2026-01-01T10:00ZZ", "2026-01-01T10:00:00 Z", "2026-01-01\0", "\u{ff12}026-01-01",
    "2026/01/01",
  ])
  func whatIsNotADateIsNil(text: String) {
    #expect(ISO8601.parse(text) == nil)
  }

  @Test func formatAndParseAreInverse() {
    var random = RandomJSON(seed: 21)
    for _ in 0..<20_000 {
      let microseconds = Int64.random(
        in: -62_167_219_200_000_000...253_402_300_799_999_999, using: &random)
      #expect(ISO8601.parse(ISO8601.format(microseconds)) == microseconds)
    }
  }

  /// Foundation is the second opinion on the calendar.
  @Test func everyDayOfFourCenturiesIsFoundations() {
    let style = Date.ISO8601FormatStyle()
    for day in Int64(0)..<146_097 {
      let date = Date(timeIntervalSince1970: Double(day) * 86_400)
      #expect(ISO8601.parse(date.formatted(style)) == day * 86_400_000_000)
    }
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000000+00:00"), (-1, "1969-12-31T23:59:59.999999+00:00"),
      (1_767_225_600_000_001, "2026-01-01T00:00:00.000001+00:00"),
      (-62_167_219_200_000_001, "-0001-12-31T23:59:59.999999+00:00"),
      (253_402_300_800_000_000, "+10000-01-01T00:00:00.000000+00:00"),
      (.max, "+294247-01-10T04:00:54.775807+00:00"),
      (.min, "-290308-12-21T19:59:05.224192+00:00"),
    ] as [(Int64, String)])
  func formatIsUTCWithMicroseconds(microseconds: Int64, text: String) {
    #expect(ISO8601.format(microseconds) == text)
  }

  @Test func damagedDatesNeverTrap() {
    var random = RandomJSON(seed: 22)
    for _ in 0..<50_000 {
      let bytes = random.damaged(Array("2026-01-01T10:20:30.123456+01:00".utf8))
      let text = String(decoding: bytes, as: UTF8.self)
      if let microseconds = ISO8601.parse(text) {
        #expect(ISO8601.parse(ISO8601.format(microseconds)) == microseconds)
      }
    }
  }
}
