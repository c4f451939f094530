import CoreMetrics
import Synchronization

/// A metrics backend that keeps everything it is told. Handles of one label and dimensions share a
/// series, as those of Prometheus do.
final class Collector: MetricsFactory {
  /// A label with its dimensions.
  struct Series: Hashable {
    var label: String
    var dimensions: [String: String]

    init(_ label: String, _ dimensions: [String: String] = [:]) {
      self.label = label
      self.dimensions = dimensions
    }
  }

  private struct State {
    var made: Set<Series> = []
    var counts: [Series: Int64] = [:]
    var values: [Series: [Double]] = [:]
    var levels: [Series: Double] = [:]
    var isBelowZero = false
  }

  private let state = Mutex(State())

  /// All series that handles were made for.
  var series: Set<Series> { state.withLock { $0.made } }

  func count(_ label: String, _ dimensions: [String: String] = [:]) -> Int {
    state.withLock { Int($0.counts[Series(label, dimensions)] ?? 0) }
  }

  /// What recorders and timers were told.
  func values(_ label: String, _ dimensions: [String: String] = [:]) -> [Double] {
    state.withLock { $0.values[Series(label, dimensions)] ?? [] }
  }

  func level(_ label: String, _ dimensions: [String: String] = [:]) -> Double {
    state.withLock { $0.levels[Series(label, dimensions)] ?? 0 }
  }

  /// Whether a level has ever been below zero.
  var isBelowZero: Bool { state.withLock { $0.isBelowZero } }

  private final class Handler: CounterHandler, RecorderHandler, TimerHandler, MeterHandler {
    let series: Series
    let collector: Collector

    init(_ series: Series, _ collector: Collector) {
      self.series = series
      self.collector = collector
      collector.state.withLock { _ = $0.made.insert(series) }
    }

    func increment(by amount: Int64) {
      collector.state.withLock { $0.counts[series, default: 0] += amount }
    }

    func reset() { collector.state.withLock { $0.counts[series] = 0 } }
    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration)) }

    func record(_ value: Double) {
      collector.state.withLock { $0.values[series, default: []].append(value) }
    }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { change { $0 = value } }
    func increment(by amount: Double) { change { $0 += amount } }
    func decrement(by amount: Double) { change { $0 -= amount } }

    private func change(_ body: (inout Double) -> Void) {
      collector.state.withLock { state in
        body(&state.levels[series, default: 0])
        if state.levels[series, default: 0] < 0 { state.isBelowZero = true }
      }
    }
  }

  private func handler(_ label: String, _ dimensions: [(String, String)]) -> Handler {
    Handler(Series(label, Dictionary(dimensions) { $1 }), self)
  }

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    handler(label, dimensions)
  }

  func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler { handler(label, dimensions) }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    handler(label, dimensions)
  }

  func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    handler(label, dimensions)
  }

  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
  func destroyMeter(_ handler: any MeterHandler) {}
}
