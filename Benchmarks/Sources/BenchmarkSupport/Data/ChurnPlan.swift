/// Which of a data set's rows leave and which come in each round of a churn: rows that leave are
/// drawn by chance among those that are in, rows that come are the next of those that are out, and
/// who left last comes back last.
public struct ChurnPlan: Sendable {
  public struct Round: Sendable, Equatable {
    public let leaving: [Int]
    public let arriving: [Int]
  }

  /// The rows that are in at the beginning.
  public let start: [Int]
  public let rounds: [Round]

  /// - Parameters:
  ///   - rows: of the data set; the first `start` are in at the beginning.
  ///   - percent: of the rows that are in, exchanged in each round.
  public init(rows: Int, start: Int, percent: Int, rounds: Int, seed: UInt64 = 0x6368_7572) {
    var random = SplitMix(seed: seed)
    var inside = Array(0..<min(start, rows))
    self.start = inside
    var outside = Array(inside.count..<max(rows, inside.count))
    let exchanged = min(inside.count * percent / 100, outside.count)
    var made: [Round] = []
    for _ in 0..<rounds {
      random.shuffle(&inside)
      let leaving = Array(inside.suffix(exchanged))
      let arriving = Array(outside.prefix(exchanged))
      inside.replaceSubrange((inside.count - exchanged)..., with: arriving)
      outside.removeFirst(exchanged)
      outside += leaving
      made.append(Round(leaving: leaving, arriving: arriving))
    }
    self.rounds = made
  }
}
