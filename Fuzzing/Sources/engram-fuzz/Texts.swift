import Foundation

@testable import EngramStore

enum JSONTarget: Target {
  static let name = "json"
  static let seeds = [
    "null", "[true,false,null]", #"{"a":{"b":[1,-2.5e-3,1e400]},"ü":"\u00fc\ud83d\ude42\n"}"#,
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "[[[[[[[[]]]]]]]]",
    #""\"\\\/\b\f\n\r\t""#, "0.1", "-0", "-0.0", "1E+2",
  ].map { Array($0.utf8) }

  /// What was read is written as a text that reads as the same, and is the only one for it.
  static func run(_ input: [UInt8]) {
    guard let value = try? JSONValue(parsing: input) else { return }
    guard let text = try? value.canonicalText else { finding("read and not writable") }
    guard let again = try? JSONValue(parsing: text) else { finding("not readable: \(text)") }
    demand(again == value, "read again it is another: \(text)")
    demand((try? again.canonicalText) == text, "two texts for one value: \(text)")
    _ = value.hashValue
  }
}

enum FilterTarget: Target {
  static let name = "filter"
  static let seeds = [
    #"{"topic": "drinks"}"#, #"{"a.b.c": "*"}"#, #"{"n": {"gte": 1, "lt": 2.5}}"#,
    #"{"OR": [{"k": {"in": ["a", 1, true]}}, {"NOT": [{"k": {"nin": [null]}}]}]}"#,
    #"{"AND": [{"d": {"gt": "2024-01-01T00:00:00Z"}}, {"NOT": {"t": {"icontains": "É"}}}]}"#,
    #"{"a": {"ne": 1}, "b": {"eq": null}, "c": {"contains": "x"}, "d": {"lte": -1e300}}"#, "{}",
  ].map { Array($0.utf8) }

  private static let metadata: [JSONValue] = [
    #"{}"#, #"{"topic":"drinks","n":2,"a":{"b":{"c":[1,2]}},"k":"a","d":"2024-06-01"}"#,
    #"{"a":1,"b":null,"c":["x","xyz"],"d":-1.0e300,"t":"école","k":[true,1.5]}"#,
  ].map { (try? JSONValue(parsing: $0)) ?? .null }

  /// Written out and read again it is the same filter, and matches the same.
  static func run(_ input: [UInt8]) {
    guard let filter = try? Filter(parsing: text(input)) else { return }
    guard let written = try? filter.canonicalJSON.canonicalText else { finding("not writable") }
    guard let again = try? Filter(parsing: written) else { finding("not readable: \(written)") }
    for value in metadata {
      demand(filter.matches(value) == again.matches(value), "it matches otherwise: \(written)")
    }
  }
}

enum DateTarget: Target {
  static let name = "date"
  static let seeds = [
    "2026-01-01", "1999-12-31T23:59:59.999999Z", "2024-02-29 12:30", "0000-01-01T00:00+23:59",
    "9999-12-31T23:59:59-2359", "2000-01-01T00:00:00.1234567890123456789+01",
  ].map { Array($0.utf8) }

  static func run(_ input: [UInt8]) {
    if let time = ISO8601.parse(text(input)) {
      let written = ISO8601.format(time)
      // Of the years before 0 and after 9999, which a zone may lead to, no text is read.
      let isRead = !written.hasPrefix("-") && !written.hasPrefix("+")
      demand(!isRead || ISO8601.parse(written) == time, "\(written) is another time")
    }
    guard input.count >= 8 else { return }
    let time = input.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
    _ = ISO8601.format(time)
    _ = Timestamp.date(time)
  }
}

enum HeadTarget: Target {
  static let name = "head"
  static let seeds = [
    Array("0:\(String(repeating: "0", count: 64))".utf8), Array(World.shared.head.description.utf8),
  ]

  static func run(_ input: [UInt8]) {
    guard let head = HistoryHead(text(input)) else { return }
    demand(HistoryHead(head.description) == head, "\(head) is another head")
  }
}

enum CursorTarget: Target {
  static let name = "cursor"
  static let seeds = ["", "1", "1a", "zz", "1y2p0ij32e8e7", "-1", "+1"].map { Array($0.utf8) }

  static func run(_ input: [UInt8]) {
    do throws(StoreError) {
      let page = try World.shared.store.list(after: text(input), limit: 10)
      demand(page.memories.count <= 10, "too long a page")
    } catch {
      guard case .badCursor = error else { finding("\(error)") }
    }
  }
}
