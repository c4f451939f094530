import CEngramKernels
import Synchronization

extension HNSWIndex {
  /// Measures recall and cost of walks on a sample of the index's own rows, so that searches may
  /// ask for a recall in place of a width; what it finds is kept as `calibration`.
  ///
  /// Each row of the sample is searched for as if the graph did not hold it, and the result compared
  /// with an exact scan. Searches go on meanwhile. The result depends on the rows and the graph
  /// only. Indexes that searches scan anyway are left as they are.
  ///
  /// - Parameter threads: at least 1.
  public func calibrate(threads: Int = 1) {
    reading { measureAll(threads: threads) }
  }

  private func measureAll(threads: Int) {
    guard count > Self.scanLimit, let entry = graph.entryPoint else { return }
    arrived.store(0, ordering: .relaxed)
    // What walks can find: the others come and go meanwhile.
    let there = RowSet(
      (0..<graph.count).filter {
        content.rows.isLive(UInt32($0)) && !content.rows.isAbsent(UInt32($0))
      })
    let sample = sample(of: there)
    let all = there.rows.map(UInt32.init)
    let bars = Graph.parallel(sample.count, threads: threads, contexts: content.writerContexts) {
      index, context in [self.bar(of: sample[index], among: all, &context)]
    }.map { $0[0] }
    var settings: [Calibration.Setting] = []
    var width = 2 * Self.results
    while width <= Self.greatestWidth, !sample.isEmpty {
      let setting = measure(
        width: width, sample, bars, entry: entry, there: there, threads: threads)
      settings.append(setting)
      if setting.recall >= Self.highestRecall { break }
      // A walk costs about as much as it is wide: smaller steps would multiply that.
      width += width * 2 / 5
    }
    let calibration = Calibration(rows: there.count, settings: settings)
    currentCalibration.write { $0 = calibration }
    revisions.add(1, ordering: .releasing)
  }

  /// The last calibration; nil before the first.
  public var calibration: Calibration? { currentCalibration.read { copy $0 } }

  /// Whether there is none that fits the rows that there are now.
  package var needsCalibration: Bool {
    guard count > Self.scanLimit else { return false }
    return calibration?.isStale(live: count, arrived: arrived.load(ordering: .relaxed)) ?? true
  }

  /// Results that recall is measured on.
  private static var results: Int { 10 }
  private static var sampleSize: Int { 384 }
  private static var greatestWidth: Int { 1_500 }
  private static var highestRecall: Double { 0.9995 }

  /// Rows that only level 0 holds: no descent meets them.
  private func sample(of there: RowSet) -> [UInt32] {
    let rows = there.rows
    var sample: [UInt32] = []
    var draw: UInt64 = 0
    while sample.count < Self.sampleSize, draw < 16 * UInt64(Self.sampleSize), !rows.isEmpty {
      let row = rows[Int(Graph.hash(draw, seed: parameters.seed) % UInt64(rows.count))]
      if graph.level(UInt32(row)) == 0 { sample.append(UInt32(row)) }
      draw += 1
    }
    return sample
  }

  /// The distance on int8 codes of the last of the nearest of all other rows.
  private func bar(
    of row: UInt32, among others: [UInt32], _ context: inout SearchContext
  ) -> Float {
    let rows = content.rows
    let query = rows.search(row: row)
    var nearest = context.resultBuffer(capacity: Self.results)
    others.withUnsafeBufferPointer { others in
      for begin in stride(from: 0, to: others.count, by: SearchContext.smallestBatch) {
        let batch = UnsafeBufferPointer(
          rebasing: others[begin..<min(begin + SearchContext.smallestBatch, others.count)])
        guard let base = batch.baseAddress else { continue }
        Kernels.active.dot_i8_gather(
          query.code, rows.codes, rows.stride, base, batch.count, rows.stride,
          context.products.base)
        for (index, other) in batch.enumerated() where other != row {
          let found = Candidate(
            distance: query.distance(
              product: context.products.base[index], rows.factors[Int(other)]), row: other)
          if found < nearest.bar { nearest.insert(found) }
        }
      }
    }
    return nearest.count == 0 ? .infinity : nearest[nearest.count - 1].distance
  }

  private func measure(
    width: Int, _ sample: [UInt32], _ bars: [Float], entry: Graph.Entry, there: RowSet, threads: Int
  ) -> Calibration.Setting {
    let found = Graph.parallel(sample.count, threads: threads, contexts: content.writerContexts) {
      index, context in
      var statistics = SearchStatistics()
      let hits = self.walk(
        for: sample[index], width: width, bar: bars[index], entry: entry, there: there, &context,
        &statistics)
      return [(hits: hits, distances: statistics.distances)]
    }
    let hits = found.reduce(0) { $0 + $1[0].hits }
    let distances = found.reduce(0) { $0 + $1[0].distances }
    return Calibration.Setting(
      width: width,
      recall: Double(hits) / Double(Self.results * sample.count),
      distances: Double(distances) / Double(sample.count))
  }

  /// How many of the nearest a walk finds that does not know the row it looks for.
  private func walk(
    for row: UInt32, width: Int, bar: Float, entry: Graph.Entry, there: RowSet,
    _ context: inout SearchContext, _ statistics: inout SearchStatistics
  ) -> Int {
    let rows = content.rows
    let count = graph.count
    let codes = graph.codes
    let query = rows.search(row: row)
    rows.decode(row, into: context.rotated.base)
    let steering = WalkQuery(
      context.rotated.base, rowBias: nil, codes, code: context.walkCode.base)
    let seeds = graph.descend(
      to: 0, from: entry, query: steering, codes: codes, limit: count, context: &context,
      statistics: &statistics)
    var (found, _) = graph.walk(
      from: seeds, level: 0, query: steering, codes: codes, filter: TheseRows(chosen: there),
      width: width, limit: count, excluding: row, context: &context, statistics: &statistics)
    graph.refine(&found, below: count, query, rows, &context, &statistics)
    statistics.distances += found.count
    return min(found.candidates.prefix { $0.distance <= bar }.count, Self.results)
  }
}
