import Testing

@testable import BenchmarkSupport

@Suite struct GeneratedDatasetTests {
  /// Made once: one thread of a slow machine takes a second for it in a debug build.
  private static let sample = GeneratedDataset(rows: 10_000, queries: 200).make()

  private func checksum(_ values: some Sequence<Float>) -> UInt64 {
    values.reduce(0) { Hash.mix($0, UInt64($1.bitPattern)) }
  }

  /// The same bits on every machine, in every build.
  @Test func isDeterministic() {
    let set = Self.sample
    #expect(checksum(set.vectors[..<(16 * 384)]) == 949_545_563_765_426_267)
    #expect(checksum(set.queryVectors[..<(16 * 384)]) == 3_936_746_960_025_345_504)
    let text = "Is there a mild morning fog on the main square for less than 889 dollars?"
    #expect(set.records.texts[0] == text)
    #expect(set.records.ids[0].uuidString == "6C2F23E6-16AE-80DB-B3C3-4E824D96CC87")
    #expect(set.records.createdAt[0] == 1_735_692_514_005_429)
  }

  @Test func hasThePrefixProperty() {
    let large = Self.sample
    let small = GeneratedDataset(rows: 300, queries: 10).make()
    #expect(small.vectors[...] == large.vectors[..<(300 * 384)])
    #expect(small.records.texts[...] == large.records.texts[..<300])
    #expect(small.records.createdAt[...] == large.records.createdAt[..<300])
    #expect(small.queryVectors[...] == large.queryVectors[..<(10 * 384)])
  }

  @Test func hasUnitVectors() {
    let set = Self.sample
    for row in stride(from: 0, to: set.count, by: 97) {
      let square = set.vector(row).reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect(abs(square - 1) < 1e-6)
    }
  }

  /// dialog-100k at 10,000 rows: 0.720, 0.573 and 0.408.
  @Test func hasTheNeighboursOfRealEmbeddings() {
    let set = Self.sample
    var best = (first: 0.0, tenth: 0.0, hundredth: 0.0)
    for query in 0..<set.queries.count {
      let scores = scores(of: query, in: set).sorted(by: >)
      best.first += scores[0]
      best.tenth += scores[9]
      best.hundredth += scores[99]
    }
    let count = Double(set.queries.count)
    #expect(abs(best.first / count - 0.72) < 0.04)
    #expect(abs(best.tenth / count - 0.57) < 0.04)
    #expect(abs(best.hundredth / count - 0.39) < 0.04)
  }

  private func scores(of query: Int, in set: Dataset) -> [Double] {
    let dimension = set.dimension
    return set.vectors.withUnsafeBufferPointer { base in
      set.queryVectors.withUnsafeBufferPointer { queries in
        (0..<set.count).map { row in
          var sum: Float = 0
          for i in 0..<dimension {
            sum += base[row &* dimension &+ i] * queries[query &* dimension &+ i]
          }
          return Double(sum)
        }
      }
    }
  }

  /// Without an eigenvalue solver: the trace of the squared covariance gives the effective number
  /// of dimensions, sum(v)^2 / sum(v^2), which is 77 for dialog-100k and 86 here.
  @Test func hasTheSpectrumOfRealEmbeddings() {
    let set = Self.sample
    let dimension = set.dimension
    let rows = 4_000
    var mean = [Double](repeating: 0, count: dimension)
    for row in 0..<rows {
      for (i, value) in set.vector(row).enumerated() { mean[i] += Double(value) / Double(rows) }
    }
    // The mean square of the inner products of different centred rows estimates the trace of the
    // squared covariance without bias.
    var centred = [Float](repeating: 0, count: rows * dimension)
    var total = 0.0
    for row in 0..<rows {
      for (i, value) in set.vector(row).enumerated() {
        let difference = Double(value) - mean[i]
        centred[row * dimension + i] = Float(difference)
        total += difference * difference / Double(rows)
      }
    }
    var squares = 0.0
    var pairs = 0
    centred.withUnsafeBufferPointer { centred in
      for row in 0..<rows {
        // Far apart in time, so no two are of the same dialogue.
        for step in 1...12 {
          let other = (row &+ step &* 307) % rows
          var sum: Float = 0
          for i in 0..<dimension {
            sum += centred[row &* dimension &+ i] * centred[other &* dimension &+ i]
          }
          squares += Double(sum) * Double(sum)
          pairs += 1
        }
      }
    }
    let effective = total * total / (squares / Double(pairs))
    #expect(abs(total - 0.91) < 0.02)
    #expect(effective > 60 && effective < 95, "\(effective)")
  }

  @Test func hasUsersLikeTheRealOnes() {
    let sizes = UserSizes.make()
    #expect(sizes.count == 1_000 && sizes.reduce(0, +) == 100_000)
    #expect(sizes[0] == 5_642 && sizes[500] == 55 && sizes[999] == 1)
    #expect(sizes == sizes.sorted(by: >))
    let plan = DialoguePlan(epoch: 0)
    var planned = [Int](repeating: 0, count: 1_000)
    for dialogue in plan.dialogues { planned[dialogue.user] += dialogue.turns }
    #expect(planned == sizes)
    #expect(plan.utterances.count == 100_000)
    #expect((9_500...11_000).contains(plan.dialogues.count))
  }

  @Test func fillsEveryField() {
    let records = Self.sample.records
    #expect(Set(records.ids).count == 10_000)
    #expect(Set(records.agentIDs).count == 21)
    #expect(Set(records.roles) == ["user", "assistant"])
    #expect(zip(records.createdAt, records.createdAt.dropFirst()).allSatisfy { $0 < $1 })
    let mean = Double(records.texts.reduce(0) { $0 + $1.count }) / 10_000
    #expect(abs(mean - 74) < 4, "\(mean)")
    #expect(records.metadata[0].hasPrefix("{\"category\":\""))
    let known = Set((0..<1_000).map { "user_" + padded($0, to: 4) })
    #expect(Self.sample.queries.userIDs.allSatisfy(known.contains))
  }

  @Test func goesOnBeyondOneEpoch() {
    let first = DialoguePlan(epoch: 0)
    let second = DialoguePlan(epoch: 1)
    let end = first.utterances.last?.time ?? 0
    #expect(end < second.utterances[0].time)
  }

  @Test func rotatesWithoutChangingLengths() {
    var vector = (0..<384).map { Float($0 % 7) - 3 }
    let before = vector.reduce(0) { $0 + $1 * $1 }
    Rotation(dimension: 384, rounds: 12, seed: 1).apply(to: &vector)
    let after = vector.reduce(0) { $0 + $1 * $1 }
    #expect(abs(after / before - 1) < 1e-4)
  }
}
