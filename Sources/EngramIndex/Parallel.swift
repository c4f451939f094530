import Dispatch
import Synchronization

/// Runs `body` on so many threads, each of which takes one number below `count` after the other from
/// `next` until it gives nil.
package func share(
  _ count: Int, among threads: Int, _ body: @Sendable (_ next: () -> Int?) -> Void
) {
  let taken = Atomic<Int>(0)
  DispatchQueue.concurrentPerform(iterations: max(threads, 1)) { _ in
    body {
      let index = taken.add(1, ordering: .relaxed).oldValue
      return index < count ? index : nil
    }
  }
}

/// Calls `body` on one block of `0..<count` after the other, on up to `threads` threads.
func forEachBlock(of count: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Void) {
  let size = 256
  let blocks = (count + size - 1) / size
  share(blocks, among: min(threads, blocks)) { next in
    while let block = next() { body(block * size..<min((block + 1) * size, count)) }
  }
}
