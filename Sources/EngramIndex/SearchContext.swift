import Synchronization

/// The scratch memory of one running search, kept for the next one; used by one thread at a time.
struct SearchContext: ~Copyable {
  /// The query, rotated, and its code; zeros behind it for kernels that read whole blocks.
  let rotated: Scratch<Float>
  let code: Scratch<Int8>
  /// The code that steers the walk.
  let walkCode: Scratch<Int8>
  /// Rows to score, and their products with the query.
  let rows = Scratch<UInt32>(count: smallestBatch)
  let products = Scratch<Int32>(count: smallestBatch)
  /// Rows scored on walk codes.
  let scored = Scratch<Candidate>(count: smallestBatch)
  private let seeds = Scratch<Candidate>(count: mostSeeds)
  private var walked = Scratch<Candidate>(count: 256)
  private var accepted = Scratch<Candidate>(count: 256)
  private var refined = Scratch<Candidate>(count: 256)
  private var tags = Scratch<UInt8>(count: 0)
  private var search = UInt8.max
  /// Candidates that a scan could not rule out.
  var scanned: [Candidate] = []

  /// The links of a row fit in, what one step of a walk meets, and a block of a scan.
  static let smallestBatch = 256
  static let mostSeeds = 8

  init(dimension: Int) {
    rotated = Scratch(count: dimension + 8)
    // Kernels read as much of it as of a row.
    code = Scratch(count: Rows.stride(dimension: dimension))
    walkCode = Scratch(count: dimension + 512)
  }

  /// Keeps the nearest of what one walk found for the next to begin from.
  func seeds(_ found: some Collection<Candidate>) -> Seeds {
    var count = 0
    for candidate in found.prefix(Self.mostSeeds) {
      seeds.base[count] = candidate
      count += 1
    }
    return Seeds(start: seeds.base, count: count)
  }

  /// The buffer that steers a walk.
  mutating func walkBuffer(capacity: Int) -> CandidateBuffer {
    walked.ensure(CandidateBuffer.room(capacity: capacity))
    return CandidateBuffer(walked.base, capacity: capacity)
  }

  /// The buffer of what may be a result.
  mutating func resultBuffer(capacity: Int) -> CandidateBuffer {
    accepted.ensure(CandidateBuffer.room(capacity: capacity))
    return CandidateBuffer(accepted.base, capacity: capacity)
  }

  /// The buffer of what a walk found, once it is scored again.
  mutating func refinedBuffer(capacity: Int) -> CandidateBuffer {
    refined.ensure(CandidateBuffer.room(capacity: capacity))
    return CandidateBuffer(refined.base, capacity: capacity)
  }

  /// No row below `rows` visited; row `rows` is, to stand for all that are not to be met.
  mutating func visitNothing(rows: Int) -> VisitedSet {
    if rows >= tags.count { tags.ensure(rows + rows / 4 + 64) }
    if search == .max || tags.isFresh {
      tags.clear()
      search = 0
    }
    search += 1
    tags.base[rows] = search
    return VisitedSet(tags: tags.base, search: search)
  }
}

/// Where a walk begins: at least one candidate, not expanded. Valid until the next ones are kept in
/// the same context.
typealias Seeds = UnsafeBufferPointer<Candidate>

/// Memory of trivial elements that starts as zeros.
struct Scratch<Element: BitwiseCopyable>: ~Copyable {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count: Int
  /// Whether the memory has been exchanged since it was cleared.
  private(set) var isFresh = true

  init(count: Int) {
    self.count = count
    base = .allocate(capacity: max(count, 1))
    clear()
  }

  deinit { base.deallocate() }

  /// Room for `wanted` elements; what was there is lost when it grows.
  mutating func ensure(_ wanted: Int) {
    guard wanted > count else { return }
    base.deallocate()
    base = .allocate(capacity: wanted)
    count = wanted
    isFresh = true
  }

  mutating func clear() {
    UnsafeMutableRawPointer(base).initializeMemory(
      as: UInt8.self, repeating: 0, count: count * MemoryLayout<Element>.stride)
    isFresh = false
  }
}

/// Contexts at rest. As many exist as searches have run at once. Whoever has one is a reader.
final class SearchContextPool: Sendable {
  /// Unchecked, for a holder is either in the list, which has a lock, or lent to one thread: never
  /// do two threads use the same. It is made here only, of a dimension that has been checked.
  final class Holder: @unchecked Sendable {
    var context: SearchContext
    fileprivate init(dimension: Int) { context = SearchContext(dimension: dimension) }
  }

  private let idle = Mutex<[Holder]>([])
  private let dimension: Int
  private let epochs: Epochs

  init(dimension: Int, epochs: Epochs) {
    self.dimension = dimension
    self.epochs = epochs
  }

  func withContext<Result, Failure: Error>(
    _ body: (inout SearchContext) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try epochs.reading { () throws(Failure) in
      let holder = idle.withLock { $0.popLast() } ?? Holder(dimension: dimension)
      defer { idle.withLock { $0.append(holder) } }
      return try body(&holder.context)
    }
  }

  /// Lends several, for queries that take turns on one thread.
  func withContexts<Result>(_ count: Int, _ body: ([Holder]) -> Result) -> Result {
    let epoch = epochs.enter()
    var holders = idle.withLock { idle in
      let taken = Array(idle.suffix(count))
      idle.removeLast(taken.count)
      return taken
    }
    while holders.count < count { holders.append(Holder(dimension: dimension)) }
    defer {
      idle.withLock { $0 += holders }
      epochs.leave(epoch)
    }
    return body(holders)
  }
}
