import Foundation
import Synchronization
import Testing

@testable import EngramStore

/// The histogram against the samples themselves.
@Suite struct LatencyHistogramTests {
  private static let second: UInt64 = 1_000_000_000

  /// From nanoseconds to minutes, each power of two as often.
  private static func sample(_ generator: inout Generator) -> UInt64 {
    UInt64.random(in: 0...(1 << UInt64.random(in: 1...37, using: &generator)), using: &generator)
  }

  @Test func bucketsLieSideBySide() {
    var generator = Generator(seed: 71)
    var end: UInt64 = 0
    for bucket in 0..<LatencyCounts.buckets {
      let bounds = LatencyCounts.bounds(of: bucket)
      #expect(bounds.lowerBound == end)
      #expect(LatencyCounts.bucket(of: bounds.lowerBound) == bucket)
      #expect(LatencyCounts.bucket(of: bounds.upperBound - 1) == bucket)
      #expect(UInt64(bounds.count) <= max(64, bounds.lowerBound / 16))
      end = bounds.upperBound
    }
    #expect(end == 1 << 38)
    for value in [end, end * 2, .max] {
      #expect(LatencyCounts.bucket(of: value) == LatencyCounts.buckets - 1)
    }
    for _ in 0..<10_000 {
      let value = Self.sample(&generator)
      #expect(LatencyCounts.bounds(of: LatencyCounts.bucket(of: value)).contains(value))
    }
  }

  @Test func quantilesAreNearTheTruth() {
    var generator = Generator(seed: 72)
    for round in 0..<200 {
      var counts = LatencyCounts()
      var samples: [UInt64] = []
      let median = Double.random(in: 500...5e9, using: &generator)
      for _ in 0..<Int.random(in: 1...2_000, using: &generator) {
        let value: UInt64 =
          switch round % 3 {
          case 0: Self.sample(&generator)
          // Around a median, with a tail.
          case 1: UInt64(median * exp(Double.random(in: -1...1, using: &generator) * 1.5))
          default: UInt64(median)
          }
        samples.append(value)
        counts.record(value)
      }
      samples.sort()
      #expect(counts.total == UInt64(samples.count))
      for share in [0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1] {
        let rank = max(1, Int((share * Double(samples.count)).rounded(.up)))
        let exact = samples[rank - 1]
        guard let found = counts.quantile(share) else {
          Issue.record("no quantile of \(samples.count)")
          continue
        }
        let error = found > exact ? found - exact : exact - found
        #expect(error <= max(exact / 32, 32), "\(share) of \(samples.count): \(found), not \(exact)")
      }
    }
    #expect(LatencyCounts().quantile(0.95) == nil)
  }

  /// One thread, at times that go on: what is recent is exactly what this window and the one before
  /// have seen.
  @Test func windowsSlide() {
    var generator = Generator(seed: 73)
    for _ in 0..<50 {
      var now = UInt64.random(in: 0...100 * Self.second, using: &generator)
      let begin = MonotonicTime(nanoseconds: now)
      let histogram = LatencyHistogram(beginning: begin, windowNanoseconds: Self.second)
      var recorded: [(window: UInt64, value: UInt64)] = []
      for _ in 0..<400 {
        now += generator.oneIn(20)
          ? UInt64.random(in: 0...5 * Self.second, using: &generator)
          : UInt64.random(in: 0...Self.second / 10, using: &generator)
        let time = MonotonicTime(nanoseconds: now)
        if generator.oneIn(5) {
          let window = now / Self.second
          let recent = recorded.filter { $0.window + 1 >= window }
          let read = histogram.read(at: time)
          #expect(read.all.total == UInt64(recorded.count))
          #expect(read.recent.total == UInt64(recent.count))
          let longest = recent.map(\.value).max().map(LatencyCounts.bucket)
          #expect(read.recent.quantile(1).map(LatencyCounts.bucket) == longest)
          let start = max(begin.nanoseconds, (max(window, 1) - 1) * Self.second)
          #expect(read.recentNanoseconds == now - start)
        } else {
          let value = Self.sample(&generator)
          histogram.record(value, at: time)
          recorded.append((now / Self.second, value))
        }
      }
    }
  }

  /// Four threads record, each at its own pace through many windows, while a fifth reads.
  @Test(.timeLimit(.minutes(10))) func nothingIsLost() {
    let histogram = LatencyHistogram(
      beginning: MonotonicTime(nanoseconds: 0), windowNanoseconds: 10_000)
    let (threads, count) = (4, 100_000)
    let group = DispatchGroup()
    let isOver = Atomic(false)
    let faults = Atomic(0)
    for thread in 0..<threads {
      group.enter()
      Thread.detachNewThread {
        var generator = Generator(seed: UInt64(74 + thread))
        for number in 0..<count {
          histogram.record(
            Self.sample(&generator), at: MonotonicTime(nanoseconds: UInt64(number)))
        }
        group.leave()
      }
    }
    let reader = DispatchGroup()
    reader.enter()
    Thread.detachNewThread {
      var last: UInt64 = 0
      var now: UInt64 = 0
      while !isOver.load(ordering: .relaxed) {
        let total = histogram.read(at: MonotonicTime(nanoseconds: now)).all.total
        if total < last { faults.add(1, ordering: .relaxed) }
        last = total
        now += 17
      }
      reader.leave()
    }
    group.wait()
    isOver.store(true, ordering: .relaxed)
    reader.wait()
    #expect(faults.load(ordering: .relaxed) == 0)
    let all = histogram.read(at: MonotonicTime(nanoseconds: UInt64(count))).all
    #expect(all.total == UInt64(threads * count))
    // Every sample in its bucket.
    var expected = LatencyCounts()
    for thread in 0..<threads {
      var generator = Generator(seed: UInt64(74 + thread))
      for _ in 0..<count { expected.record(Self.sample(&generator)) }
    }
    for share in stride(from: 0.0, through: 1, by: 0.01) {
      #expect(all.quantile(share) == expected.quantile(share))
    }
  }
}
