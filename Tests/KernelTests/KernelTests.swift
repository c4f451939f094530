import CEngramKernels
import Testing

@Suite struct KernelTests {
  /// Every length, alignment and row count, within the tolerance of a reference
  /// in double precision; int8 exactly.
  struct MatchesReference: Property {
    let rowsInMemory = 11

    func check<Q, R, S>(_ variants: [Family<Q, R, S>]) throws {
      var random = Generator(state: 1)
      let longest = 16_383
      let slack = 64  // elements to shift and to space by
      let queries = (0..<longest + slack).map { _ in Q.random(&random) }
      let elements = (0..<rowsInMemory * (longest + slack) + slack).map { _ in R.random(&random) }

      for length in Array(1...1024) + [1536, 3072, longest] {
        let query = Array(queries[0..<length + slack])
        let shift = Int.random(in: 0..<slack, using: &random)
        let spacing = length + Int.random(in: 0..<slack, using: &random)
        let problem = query.withUnsafeBufferPointer { query in
          elements.withUnsafeBufferPointer { elements -> String? in
            guard let query = query.baseAddress, let rows = elements.baseAddress else { return nil }
            return compare(
              variants, query + (7 * length + shift) % slack, rows + shift, spacing, length,
              &random)
          }
        }
        if let problem {
          Issue.record("\(problem), length \(length), shift \(shift), spacing \(spacing)")
          return
        }
      }
    }

    func compare<Q, R, S>(
      _ variants: [Family<Q, R, S>], _ query: UnsafePointer<Q>, _ rows: UnsafePointer<R>,
      _ spacing: Int, _ length: Int, _ random: inout Generator
    ) -> String? {
      let references = (0..<rowsInMemory).map {
        variants[0].metric.reference(query, rows + $0 * spacing, length)
      }
      for variant in variants {
        let scores = (0..<rowsInMemory).map { variant.one(query, rows + $0 * spacing, length) }
        for (score, reference) in zip(scores, references)
        where !(abs(score.number - reference.score) <= S.tolerance * reference.magnitude) {
          return "\(variant.name) gives \(score) for \(reference.score)"
        }
        // All counts on short rows, one on each long row; ids in any order, repeated.
        for count in length <= 200 ? Array(0...9) : [length % 10, 4 + length % 5] {
          let ids = (0..<count).map { _ in UInt32.random(in: 0..<11, using: &random) }
          if let problem = variant.disagreement(
            query: query, rows: rows, stride: spacing * MemoryLayout<R>.stride, length: length,
            ids: ids, scores: scores)
          {
            return problem
          }
        }
      }
      return nil
    }
  }

  @Test(arguments: Kind.allCases) func matchesReference(_ kind: Kind) throws {
    try kind.check(MatchesReference())
  }

  /// Nothing is read outside query and rows: both lie against a page that faults,
  /// at their end and then at their beginning.
  struct StaysInside: Property {
    func check<Q, R, S>(_ variants: [Family<Q, R, S>]) throws {
      var random = Generator(state: 2)
      let count = 5
      let queryPages = try GuardedPages(bytes: 1536 * MemoryLayout<Q>.stride)
      let rowPages = try GuardedPages(bytes: 1536 * count * MemoryLayout<R>.stride)
      for length in Array(1...260) + [384, 1000, 1023, 1536] {
        let query = (0..<length).map { _ in Q.random(&random) }
        let rows = (0..<count * length).map { _ in R.random(&random) }
        for atEnd in [true, false] {
          let guardedQuery = queryPages.place(query, atEnd: atEnd)
          let guardedRows = rowPages.place(rows, atEnd: atEnd)
          for variant in variants {
            let scores = (0..<count).map { i in
              rows.withUnsafeBufferPointer { rows in
                rows.baseAddress.map { variant.one(query, $0 + i * length, length) } ?? .untouched
              }
            }
            let guarded = (0..<count).map {
              variant.one(guardedQuery, guardedRows + $0 * length, length)
            }
            let problem = variant.disagreement(
              query: guardedQuery, rows: guardedRows, stride: length * MemoryLayout<R>.stride,
              length: length, ids: [4, 3, 0, 1, 4], scores: scores)
            if guarded != scores || problem != nil {
              Issue.record("\(problem ?? "\(variant.name) one"), length \(length)")
              return
            }
          }
        }
      }
    }
  }

  @Test(arguments: Kind.allCases) func staysInside(_ kind: Kind) throws {
    try kind.check(StaysInside())
  }

  /// The largest magnitudes at the greatest length that the interface promises,
  /// and -128, which it does not.
  @Test func int8IsExactAtTheExtremes() {
    let values: [Int8] = [-128, -127, -1, 0, 1, 127]
    for kernels in variants {
      for length in [1, 31, 63, 64, 65, 128, 384, 1536, 16_383] {
        for a in values {
          for b in values {
            let query = [Int8](repeating: a, count: length)
            let row = [Int8](repeating: b, count: length)
            let difference = Int(a) - Int(b)
            let name = String(cString: kernels.name)
            #expect(
              Int(kernels.dot_i8(query, row, length)) == length * Int(a) * Int(b),
              "\(name) \(a) \(b) \(length)")
            #expect(
              Int(kernels.l2_i8(query, row, length)) == length * difference * difference,
              "\(name) \(a) \(b) \(length)")
          }
        }
      }
    }
  }

  /// Each of the 65,536 bit patterns, in full steps and in the tail.
  @Test func everyFloat16() {
    let query = [Float](repeating: 1, count: 67)
    for kernels in variants {
      var row = [UInt16](repeating: 0, count: 67)
      for half in 0...UInt16.max {
        let place = Int(half) % 67
        row[place] = half
        let score = Double(kernels.dot_f16(query, row, 67))
        row[place] = 0
        if score != half.number && !(score.isNaN && half.number.isNaN) {
          Issue.record("\(String(cString: kernels.name)) reads \(half) as \(score)")
          return
        }
      }
    }
  }
}
