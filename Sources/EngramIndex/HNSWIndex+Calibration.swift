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
    guard count > Self.scanLimit, let entry = graph.entryPoint else { return }
    let (count, live) = (graph.count, count)
    arrived.store(0, ordering: .relaxed)
    let sample = Self.sample(of: count, in: graph, content.rows)
    let bars = Graph.parallel(sample.count, threads: threads, contexts: content.writerContexts) {
      index, context in [self.bar(of: sample[index], count: count, &context)]
    }.map { $0[0] }
    var settings: [Calibration.Setting] = []
    var width = 2 * Self.results
    while width <= Self.greatestWidth, !sample.isEmpty {
      let setting = measure(
        width: width, sample, bars, entry: entry, count: count, threads: threads)
      settings.append(setting)
      if setting.recall >= Self.highestRecall { break }
      width += max(width / 8, 4)
    }
    let calibration = Calibration(rows: live, settings: settings)
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

  /// Live rows that only level 0 holds: no descent meets them.
  private static func sample(of count: Int, in graph: Graph, _ rows: Rows) -> [UInt32] {
    var sample: [UInt32] = []
    var draw: UInt64 = 0
    while sample.count < sampleSize, draw < 16 * UInt64(sampleSize) {
      let row = UInt32(Graph.hash(draw, seed: graph.parameters.seed) % UInt64(count))
      if graph.level(row) == 0, rows.isLive(row) { sample.append(row) }
      draw += 1
    }
    return sample
  }

  /// The distance on int8 codes of the last of the nearest of all other rows.
  private func bar(of row: UInt32, count: Int, _ context: inout SearchContext) -> Float {
    let rows = content.rows
    let query = rows.search(row: row)
    var nearest = context.resultBuffer(capacity: Self.results)
    let batch = SearchContext.smallestBatch
    for begin in stride(from: 0, to: count, by: batch) {
      let others = UInt32(begin)..<UInt32(min(begin + batch, count))
      let size = rows.filterLive(others, into: context.rows.base)
      Kernels.active.dot_i8_gather(
        query.code, rows.codes, rows.stride, context.rows.base, size, rows.stride,
        context.products.base)
      for index in 0..<size {
        let other = context.rows.base[index]
        let found = Candidate(
          distance: query.distance(
            product: context.products.base[index], rows.factors[Int(other)]), row: other)
        if found < nearest.bar, other != row { nearest.insert(found) }
      }
    }
    return nearest.count == 0 ? .infinity : nearest[nearest.count - 1].distance
  }

  private func measure(
    width: Int, _ sample: [UInt32], _ bars: [Float], entry: Graph.Entry, count: Int, threads: Int
  ) -> Calibration.Setting {
    let found = Graph.parallel(sample.count, threads: threads, contexts: content.writerContexts) {
      index, context in
      var statistics = SearchStatistics()
      let hits = self.walk(
        for: sample[index], width: width, bar: bars[index], entry: entry, count: count, &context,
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
    for row: UInt32, width: Int, bar: Float, entry: Graph.Entry, count: Int,
    _ context: inout SearchContext, _ statistics: inout SearchStatistics
  ) -> Int {
    let rows = content.rows
    let codes = graph.codes
    let query = rows.search(row: row)
    rows.decode(row, into: context.rotated.base)
    let steering = WalkQuery(
      context.rotated.base, rowBias: nil, codes, code: context.walkCode.base)
    let start = graph.descend(
      to: 0, from: entry, query: steering, codes: codes, limit: count, context: &context,
      statistics: &statistics)
    var (found, _) = graph.walk(
      from: start, level: 0, query: steering, codes: codes, filter: LiveRows(rows: rows),
      width: width, limit: count, excluding: row, context: &context, statistics: &statistics)
    graph.refine(&found, below: count, query, rows, &context, &statistics)
    statistics.distances += found.count
    return min(found.candidates.prefix { $0.distance <= bar }.count, Self.results)
  }
}
