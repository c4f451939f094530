import Dispatch
import Foundation
import Synchronization
import Testing

@testable import EngramIndex

@Suite struct LeftRightTests {
  /// A pair that is changed in two steps is never read between them, and never older than before.
  @Test func readersSeeWholeChangesInOrder() {
    let pair = LeftRight((first: 0, second: 0))
    let isOver = Atomic(false)
    let faults = Atomic(0)
    let group = DispatchGroup()
    for _ in 0..<3 {
      group.enter()
      Thread.detachNewThread {
        var last = 0
        while !isOver.load(ordering: .relaxed) {
          let (first, second) = pair.read { ($0.first, $0.second) }
          if first != second || first < last { faults.add(1, ordering: .relaxed) }
          last = first
        }
        group.leave()
      }
    }
    for number in 1...20_000 {
      pair.write {
        $0.first = number
        $0.second = number
      }
    }
    isOver.store(true, ordering: .relaxed)
    group.wait()
    #expect(faults.load(ordering: .relaxed) == 0)
    #expect(pair.read { $0.first } == 20_000)
  }

  /// Readers go on while the writer stands between its two changes.
  @Test(.timeLimit(.minutes(1))) func readersDoNotWait() {
    let value = LeftRight(0)
    let reached = DispatchSemaphore(value: 0)
    let go = DispatchSemaphore(value: 0)
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      value.write {
        reached.signal()
        go.wait()
        $0 += 1
      }
      done.signal()
    }
    for stop in 0..<2 {
      reached.wait()
      for _ in 0..<1_000 { #expect(value.read { $0 } == stop) }
      go.signal()
    }
    done.wait()
    #expect(value.read { $0 } == 1)
  }
}

@Suite struct EpochsTests {
  /// An epoch is over once those are gone who were reading in it, whatever others do.
  @Test func readersHoldTheirEpoch() {
    let epochs = Epochs()
    let first = epochs.enter()
    let epoch = epochs.current
    #expect(!epochs.isOver(epoch))
    // Who comes later does not matter.
    var later = (0..<3).map { _ in epochs.enter() }
    epochs.leave(first)
    later.append(epochs.enter())
    #expect(epochs.isOver(epoch))
    #expect(!epochs.isOver(epochs.current))
    for epoch in later { epochs.leave(epoch) }
    #expect(epochs.isOver(epochs.current))
  }
}
