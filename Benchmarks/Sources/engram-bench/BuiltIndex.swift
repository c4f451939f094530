import BenchmarkSupport
import EngramIndex

/// An index and what building it took.
struct BuiltIndex {
  let index: HNSWIndex
  let seconds: Double

  init(
    _ vectors: [Float], dimension: Int, metric: Metric,
    parameters: HNSWParameters = HNSWParameters(), threads: Int, _ progress: ProgressWriter
  ) throws {
    let rows = vectors.count / dimension
    progress.begin("building, \(grouped(rows)) rows")
    let start = MonotonicClock.now()
    index = try HNSWIndex.build(
      vectors, dimension: dimension, metric: metric, parameters: parameters, threads: threads
    ) { progress.update($0, of: rows) }
    seconds = MonotonicClock.seconds(since: start)
    progress.end()
  }
}
