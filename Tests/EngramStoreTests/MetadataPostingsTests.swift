import Foundation
import Testing

@testable import EngramStore

/// Postings answer as the filter itself does, whatever rows hold, in whatever order they change.
@Suite struct MetadataPostingsTests {
  /// A table of rows as the catalogue would have it, and what postings make of it.
  private struct Bench {
    var postings: MetadataPostings
    var rows: [UInt32: JSONValue] = [:]
    var random: RandomJSON

    init(seed: UInt64, changed: Int = 512, bytes: Int = 64 << 20, keys: Int = 64) {
      var limits = MetadataPostings.Limits()
      limits.changed = changed
      limits.bytes = bytes
      limits.keys = keys
      postings = MetadataPostings(limits: limits)
      random = RandomJSON(seed: seed)
    }

    /// A row gets a memory, another one's number after that one is gone, new metadata, or is gone.
    mutating func change(rows count: Int) throws {
      let changes = try (0..<Int.random(in: 1...20, using: &random)).map {
        _ -> (row: UInt32, metadata: String?) in
        let row = UInt32.random(in: 0..<UInt32(count), using: &random)
        let isGone = Int.random(in: 0..<3, using: &random) == 0
        let metadata: JSONValue? = isGone ? .none : random.metadata()
        rows[row] = metadata
        return (row: row, metadata: try metadata?.canonicalText)
      }
      postings.record(changes)
    }

    func build(for filter: Filter) {
      postings.build(for: filter) { file in for (row, metadata) in rows { file(row, metadata) } }
    }

    func problem(_ filter: Filter) -> String? {
      guard let selection = postings.rows(passing: filter) else { return "no postings" }
      for (row, metadata) in rows where selection.contains(row) != filter.matches(metadata) {
        return "row \(row), \(metadata): \(selection.contains(row))"
      }
      let expected = rows.values.count { filter.matches($0) }
      let count = selection.count(of: rows.count)
      return count == expected ? nil : "\(count) rows, not \(expected)"
    }
  }

  @Test func agreeWithTheFilter() throws {
    var bench = Bench(seed: 81)
    for row in 0..<1_000 { bench.rows[UInt32(row)] = bench.random.metadata() }
    for _ in 0..<3_000 {
      let json = bench.random.filter(depth: 3)
      let filter = try Filter(json: json)
      if bench.postings.rows(passing: filter) == nil { bench.build(for: filter) }
      let problem = bench.problem(filter)
      #expect(problem == nil, "\(json)")
    }
  }

  /// Few changes at a time beside the postings, and postings made anew again and again.
  @Test(arguments: [1, 16, 100_000], [false, true])
  func followChanges(changed: Int, isMergedMeanwhile: Bool) throws {
    var bench = Bench(seed: 82, changed: changed)
    for step in 0..<3_000 {
      try bench.change(rows: 300)
      if isMergedMeanwhile { bench.postings.mergeSoonIfDue() } else { bench.postings.mergeIfDue() }
      guard step % 3 == 0 else { continue }
      let json = bench.random.filter(depth: 2)
      let filter = try Filter(json: json)
      if bench.postings.rows(passing: filter) == nil { bench.build(for: filter) }
      let problem = bench.problem(filter)
      #expect(problem == nil, "step \(step), \(json)")
    }
  }

  /// What changes while the catalogue is read is in the postings, whether the reading saw it or not.
  @Test func changesDuringABuild() throws {
    var bench = Bench(seed: 83, changed: 4)
    let filters = try ["a", "b", "x", "a.b", "a.b.c"].map {
      try Filter(parsing: #"{"\#($0)": "*"}"#)
    }
    for round in 0..<200 {
      let filter = filters[round % filters.count]
      var limits = MetadataPostings.Limits()
      limits.changed = 4
      let postings = MetadataPostings(limits: limits)
      bench.postings = postings
      try postings.build(for: filter) { file in
        try bench.change(rows: 100)
        // The moment that the reading sees.
        for (index, (row, metadata)) in bench.rows.enumerated() {
          file(row, metadata)
          guard index % 10 == 0 else { continue }
          try bench.change(rows: 100)
          postings.mergeIfDue()
        }
      }
      for _ in 0..<3 {
        let problem = bench.problem(filter)
        #expect(problem == nil, "round \(round)")
        try bench.change(rows: 100)
        postings.mergeIfDue()
      }
    }
  }

  /// Beyond the limits the keys go that were not used for longest; what was recorded for them does
  /// not come back.
  @Test func forgetUnusedKeys() throws {
    var bench = Bench(seed: 84, changed: 8, keys: 2)
    let filters = try ["a", "b", "x"].map { try Filter(parsing: #"{"\#($0)": {"ne": 1}}"#) }
    for step in 0..<600 {
      try bench.change(rows: 200)
      bench.postings.mergeIfDue()
      let filter = filters[step % 3]
      if bench.postings.rows(passing: filter) == nil { bench.build(for: filter) }
      let problem = bench.problem(filter)
      #expect(problem == nil, "step \(step)")
      #expect(bench.postings.size.keys <= 2)
    }
    // The one used last stays.
    #expect(bench.postings.rows(passing: filters[599 % 3]) != nil)
  }

  @Test func refuseAKeyThatIsTooLarge() throws {
    var bench = Bench(seed: 85, bytes: 100_000)
    for row in 0..<2_000 {
      bench.rows[UInt32(row)] = ["unique": .string("value \(row)"), "small": .int(Int64(row % 3))]
    }
    let (unique, small) = (
      try Filter(parsing: #"{"unique": "value 7"}"#), try Filter(parsing: #"{"small": 1}"#)
    )
    bench.build(for: unique)
    #expect(bench.postings.rows(passing: unique) == nil)
    bench.build(for: small)
    #expect(bench.problem(small) == nil)
    #expect(bench.postings.size.bytes <= 100_000)
  }

  /// A filter on two keys of which either fits alone is answered without postings for both, and
  /// costs those that are there nothing.
  @Test(arguments: [(bytes: 300_000, keys: 64), (bytes: 64 << 20, keys: 1)])
  func keysOfOneFilterThatDoNotFitTogether(bytes: Int, keys: Int) throws {
    var bench = Bench(seed: 86, bytes: bytes, keys: keys)
    for row in 0..<600 {
      bench.rows[UInt32(row)] = ["a": .string("one \(row)"), "b": .string("another \(row)")]
    }
    let filter = try Filter(parsing: #"{"a": "one 7", "b": "another 7"}"#)
    var scans = 0
    for _ in 0..<20 where bench.postings.rows(passing: filter) == nil {
      let isWorth = bench.postings.isWorthBuilding(for: filter, reading: 600, of: 600)
      guard isWorth else { continue }
      scans += 1
      bench.build(for: filter)
      #expect(bench.postings.size.keys == 1)
    }
    #expect(scans == (keys == 1 ? 0 : 1))
    #expect(bench.postings.size.bytes <= bytes)
    let either = try Filter(parsing: #"{"a": "one 7"}"#)
    if bench.postings.isWorthBuilding(for: either, reading: 600, of: 600) {
      bench.build(for: either)
    }
    #expect(bench.problem(either) == nil)
  }
}
