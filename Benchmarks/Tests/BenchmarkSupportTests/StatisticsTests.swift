import Testing

@testable import BenchmarkSupport

@Suite struct StatisticsTests {
  @Test func percentilesAgreeWithTheDefinition() {
    var random = SplitMix(seed: 7)
    for count in [1, 2, 3, 19, 20, 21, 99, 100, 101, 1_000] {
      let values = (0..<count).map { _ in UInt64(random.below(500)) }
      let sorted = values.sorted()
      for percent in [0.0, 1, 50, 95, 99, 99.9, 100] {
        // The smallest value that at least so many percent do not exceed.
        let expected = sorted.first { value in
          let below = sorted.filter { $0 <= value }.count
          return Double(below) * 100 >= percent * Double(count)
        }
        #expect(nearestRank(percent, of: sorted) == expected)
      }
    }
  }

  @Test func summarises() throws {
    var samples = Samples((1...50).map { UInt64($0) })
    samples.append(contentsOf: Samples((51...100).reversed().map { UInt64($0) }))
    let summary = try #require(samples.summary)
    #expect(summary.count == 100 && summary.mean == 50.5 && summary.min == 1)
    #expect(summary.p50 == 50 && summary.p95 == 95 && summary.p99 == 99 && summary.max == 100)
    let many = try #require(Samples((1...10_000).map { UInt64($0) }).summary)
    #expect(many.p99 == 9_900 && many.p999 == 9_990)
    #expect(Samples().summary == nil)
  }

  @Test func timesOperations() {
    var samples = Samples(capacity: 1)
    let result = samples.time { 6 * 7 }
    #expect(result == 42 && samples.count == 1)
    #expect(MonotonicClock.now() <= MonotonicClock.now())
  }

  @Test func recallCountsByScore() {
    func recall(_ results: [Double], _ kth: Double, k: Int = 3, existing: Int = 100) -> Double {
      Recall.ofQuery(
        results: results, kthTrue: kth, .higherIsBetter, k: k, existing: existing)
    }
    #expect(recall([0.9, 0.8, 0.7], 0.7) == 1)
    #expect(recall([0.9, 0.8, 0.7 - 0.9e-6], 0.7) == 1)
    #expect(recall([0.9, 0.8, 0.7 - 1.1e-6], 0.7) == 2.0 / 3)
    #expect(recall([0.9], 0.7) == 1.0 / 3)
    #expect(recall([], 0.7) == 0)
    #expect(recall([0.9, .nan, 0.8], 0.7) == 2.0 / 3)
    // The tolerance grows with scores beyond 1.
    #expect(recall([2_000, 1_999.9981, 1_999], 2_000) == 2.0 / 3)
    // Fewer rows than k exist, or none.
    #expect(recall([0.9, 0.8], 0.8, existing: 2) == 1)
    #expect(recall([], .nan, existing: 0) == 1)
    // More results than asked for do not help.
    #expect(recall([0.1, 0.1, 0.1, 0.9], 0.7) == 0)
  }

  @Test func recallOfDistances() {
    let recall = Recall.ofQuery(
      results: [1.0, 2.0, 3.00001], kthTrue: 3, .lowerIsBetter, k: 3, existing: 9)
    #expect(recall == 2.0 / 3)
    #expect(Recall.isRight(3.000002, against: 3, .lowerIsBetter))
  }

  @Test func findsTheSmallest() {
    for bound in 10...300 {
      var asked: [Int] = []
      let found = smallest(in: 10...300) { number in
        asked.append(number)
        return number >= bound
      }
      #expect(found == bound)
      #expect(asked.count <= 15 && Set(asked).count == asked.count, "\(asked)")
    }
    #expect(smallest(in: 10...300) { _ in false } == nil)
    #expect(smallest(in: 4...4) { _ in true } == 4)
  }
}
