import Foundation

/// Times as the catalogue keeps them: microseconds since 1970, UTC.
package enum Timestamp {
  /// Years 1 to 9999: what ISO 8601 writes with four digits.
  package static let range: ClosedRange<Int64> = -62_135_596_800_000_000...253_402_300_799_999_999

  package static func microseconds(_ date: Date, field: String) throws(StoreError) -> Int64 {
    let value = (date.timeIntervalSince1970 * 1e6).rounded()
    guard let result = Int64(exactly: value), range.contains(result) else {
      throw .invalid(field: field, reason: "the year must lie in 1...9999")
    }
    return result
  }

  package static func date(_ microseconds: Int64) -> Date {
    Date(timeIntervalSince1970: Double(microseconds) / 1e6)
  }

  /// As ISO 8601.
  static func text(_ date: Date) -> String {
    ISO8601.format(Int64(clamping: Int((date.timeIntervalSince1970 * 1e6).rounded())))
  }

  static var now: Int64 { Int64((Date().timeIntervalSince1970 * 1e6).rounded()) }
}
