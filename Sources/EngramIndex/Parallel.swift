import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs `body` on so many threads, each of which takes one number below `count` after the other from
/// `next` until it gives nil.
///
/// On threads of its own: with libdispatch's `concurrentPerform` the heap was damaged in every second
/// process that opened and closed a store sixty times (Swift 6.3.1, Linux). `HNSWIndex.finish` wrote behind
/// its marks at the time and may have been the cause; it has not been tried again.
package func share(
  _ count: Int, among threads: Int, _ body: @Sendable (_ next: () -> Int?) -> Void
) {
  withoutActuallyEscaping(body) { body in
    let job = Job(count: count, body: body)
    let helpers = (1..<max(threads, 1)).compactMap { _ in startThread(job) }
    job.run()
    for helper in helpers { pthread_join(helper, nil) }
  }
}

/// What several threads share. Lives until all of them have been joined.
private final class Job: Sendable {
  private let taken = Atomic<Int>(0)
  private let count: Int
  private let body: @Sendable (() -> Int?) -> Void

  init(count: Int, body: @escaping @Sendable (() -> Int?) -> Void) {
    self.count = count
    self.body = body
  }

  func run() {
    body {
      let index = taken.add(1, ordering: .relaxed).oldValue
      return index < count ? index : nil
    }
  }
}

/// Nil where the system has no more threads: fewer do the same.
private func startThread(_ job: Job) -> pthread_t? {
  let context = Unmanaged.passUnretained(job).toOpaque()
  #if canImport(Darwin)
    var thread: pthread_t?
    let result = pthread_create(&thread, nil, { run($0) }, context)
  #else
    var thread = pthread_t()
    let result = pthread_create(&thread, nil, { $0.flatMap { run($0) } }, context)
  #endif
  return result == 0 ? thread : nil
}

private func run(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
  Unmanaged<Job>.fromOpaque(context).takeUnretainedValue().run()
  return nil
}

/// Calls `body` on one block of `0..<count` after the other, on up to `threads` threads.
func forEachBlock(of count: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Void) {
  let size = 256
  let blocks = (count + size - 1) / size
  share(blocks, among: min(threads, blocks)) { next in
    while let block = next() { body(block * size..<min((block + 1) * size, count)) }
  }
}
