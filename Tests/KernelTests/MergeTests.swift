import CEngramKernels
import Testing

/// Merging against sorting, with the memory that is promised and no more.
@Suite struct MergeTests {
  /// What a caller has room for beyond the capacity.
  static let surplus = 264

  /// Where the new keys lie among the old ones.
  enum Order: CaseIterable {
    case anywhere, inFront, behind, together

    func found(_ count: Int, among keys: inout [UInt64], _ random: inout Generator) -> [UInt64] {
      // All different: the upper bits number them.
      var all = (0..<UInt64(count + keys.count)).map { $0 << 40 | random.next() >> 25 }
      let spread = random.next() >> 60
      if spread == 0 { all = all.indices.map { UInt64($0) } }
      if spread == 1 { all = all.indices.map { .max - UInt64($0) }.reversed() }
      let chosen: Set<Int>
      switch self {
      case .anywhere: chosen = Set(all.indices.shuffled(using: &random).prefix(count))
      case .inFront: chosen = Set(0..<count)
      case .behind: chosen = Set(keys.count..<all.count)
      case .together:
        let begin = Int.random(in: 0...keys.count, using: &random)
        chosen = Set(begin..<begin + count)
      }
      keys = all.indices.filter { !chosen.contains($0) }.map { all[$0] }
      return chosen.sorted().map { all[$0] }.shuffled(using: &random)
    }
  }

  static let sizes = [0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 255, 256, 257, 511, 512, 513, 600, 1_025]
  static let foundCounts = [1, 2, 3, 7, 8, 9, 16, 31, 64, 128, 255, 256]

  @Test(arguments: Order.allCases) func matchesSorting(_ order: Order) throws {
    var random = Generator(state: 20)
    let largest = (1_025 + Self.surplus) * MemoryLayout<UInt64>.stride
    let keyPages = try GuardedPages(bytes: largest)
    let mergedPages = try GuardedPages(bytes: largest)
    let foundPages = try GuardedPages(bytes: 256 * MemoryLayout<UInt64>.stride)
    for capacity in Self.sizes where capacity > 0 {
      for count in Set(Self.sizes + [capacity, capacity - 1]).sorted() where count <= capacity {
        for foundCount in Self.foundCounts + [Int.random(in: 1...256, using: &random)] {
          var keys = [UInt64](repeating: 0, count: count)
          let found = order.found(foundCount, among: &keys, &random)
          let expected = Array((keys + found).sorted().prefix(capacity))
          let least = found.min() ?? 0
          let place = keys.count { $0 < least }
          let before = [0, count, place, place + 1, .random(in: 0...count, using: &random)]
            .randomElement(using: &random) ?? 0
          // What lies behind the keys may be read, and must not matter.
          let padding = (0..<capacity - count + Self.surplus).map { _ in random.next() }
          let atEnd = Bool.random(using: &random)
          let guardedFound = foundPages.place(found, atEnd: atEnd)
          for kernels in variants {
            let guardedKeys = keyPages.place(keys + padding, atEnd: atEnd)
            let merged = mergedPages.placeMutable(
              [UInt64](repeating: 0, count: capacity + Self.surplus), atEnd: atEnd)
            var lowest = before
            let total = kernels.merge(
              guardedKeys, count, capacity, guardedFound, foundCount, merged, &lowest)
            guard total == expected.count,
              UnsafeBufferPointer(start: merged, count: total).elementsEqual(expected),
              lowest == min(before, place),
              UnsafeBufferPointer(start: guardedKeys, count: count + padding.count)
                .elementsEqual(keys + padding),
              UnsafeBufferPointer(start: guardedFound, count: foundCount).elementsEqual(found)
            else {
              Issue.record(
                """
                \(String(cString: kernels.name)), capacity \(capacity), count \(count), \
                found \(foundCount): \(total) merged, lowest \(before) -> \(lowest)
                """)
              return
            }
          }
        }
      }
    }
  }

  /// Each count of new keys, into a buffer as wide as a search's.
  @Test func everyFoundCount() {
    var random = Generator(state: 21)
    let capacity = 64
    for foundCount in 1...256 {
      for count in [0, 1, 63, 64, Int.random(in: 0...64, using: &random)] {
        var keys = [UInt64](repeating: 0, count: count)
        let found = Order.anywhere.found(foundCount, among: &keys, &random)
        let expected = Array((keys + found).sorted().prefix(capacity))
        keys += [UInt64](repeating: 0, count: capacity - count + Self.surplus)
        for kernels in variants {
          var merged = [UInt64](repeating: 0, count: capacity + Self.surplus)
          var lowest = Int.max
          let total = kernels.merge(keys, count, capacity, found, foundCount, &merged, &lowest)
          #expect(
            Array(merged.prefix(total)) == expected,
            "\(String(cString: kernels.name)), count \(count), found \(foundCount)")
        }
      }
    }
  }
}
