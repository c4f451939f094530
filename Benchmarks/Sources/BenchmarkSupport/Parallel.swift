import Dispatch
import Foundation
import Synchronization

/// Runs `body` for consecutive ranges of 0..<count on all cores and returns when all are done.
public func forEachRange(
  of count: Int, atMost size: Int, _ body: @Sendable (Range<Int>) -> Void
) {
  guard count > 0 else { return }
  let step = max(1, size)
  let ranges = (count - 1) / step + 1
  DispatchQueue.concurrentPerform(iterations: ranges) { part in
    let start = part * step
    body(start..<min(count, start + step))
  }
}

/// The same with bodies that fail: the error of the lowest range is thrown, so that a damaged file
/// gives the same message on every run.
func forEachRange<Failure: Error>(
  of count: Int, atMost size: Int,
  throwing body: @Sendable (Range<Int>) throws(Failure) -> Void
) throws(Failure) {
  let first = Mutex<(start: Int, error: Failure)?>(nil)
  forEachRange(of: count, atMost: size) { range in
    if let found = first.withLock({ $0?.start }), found < range.lowerBound { return }
    do throws(Failure) {
      try body(range)
    } catch {
      first.withLock { held in
        if held.map({ range.lowerBound < $0.start }) ?? true { held = (range.lowerBound, error) }
      }
    }
  }
  if let failure = first.withLock({ $0?.error }) { throw failure }
}

/// Lends memory to several threads; each must keep to its own elements.
struct SharedBuffer<Element>: @unchecked Sendable {
  let base: UnsafeMutablePointer<Element>
}
