import Dispatch
import Synchronization

/// Calls `body` on one block of `0..<count` after the other, on up to `threads` threads.
func forEachBlock(of count: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Void) {
  let size = 256
  let blocks = (count + size - 1) / size
  let workers = min(threads, blocks)
  guard workers > 1 else { return body(0..<count) }
  let next = Atomic<Int>(0)
  DispatchQueue.concurrentPerform(iterations: workers) { _ in
    while true {
      let block = next.add(1, ordering: .relaxed).oldValue
      guard block < blocks else { return }
      body(block * size..<min((block + 1) * size, count))
    }
  }
}
