import CEngramKernels

/// A candidate of a search, packed so that one integer comparison orders by distance and then by
/// row: distance in the upper 32 bits, the row in 31, the lowest bit for "already expanded".
struct Candidate: Comparable {
  var bits: UInt64

  @inline(__always)
  init(distance: Float, row: UInt32) {
    bits = engram_key(distance, row)
  }

  @inline(__always) init(bits: UInt64) { self.bits = bits }

  @inline(__always) var row: UInt32 { UInt32(truncatingIfNeeded: bits) &>> 1 }
  @inline(__always) var isExpanded: Bool { bits & 1 != 0 }
  @inline(__always) var distance: Float {
    let ordered = UInt32(truncatingIfNeeded: bits &>> 32)
    let raw = ordered & 0x8000_0000 != 0 ? ordered ^ 0x8000_0000 : ~ordered
    return Float(bitPattern: raw)
  }

  /// The same candidate, not expanded.
  @inline(__always) var unmarked: Candidate { Candidate(bits: bits & ~1) }

  @inline(__always)
  static func < (a: Candidate, b: Candidate) -> Bool { a.bits < b.bits }

  static let farthest = Candidate(bits: .max)
}

/// The best candidates so far: one array sorted by distance, of a fixed capacity, with a cursor at
/// the first one not yet expanded (the buffer of NSG, arXiv 1707.00143). At the widths of a search
/// moving a few hundred bytes is cheaper than two heaps.
///
/// A view of memory that a `SearchContext` owns: a copy in local variables stays in registers.
struct CandidateBuffer {
  private var storage: UnsafeMutablePointer<Candidate>
  /// Where the next insertion writes.
  private var spare: UnsafeMutablePointer<Candidate>
  let capacity: Int
  private(set) var count = 0
  private var cursor = 0
  private let mergeKeys = Kernels.active.merge

  /// An empty buffer in memory for `room(capacity:)` candidates.
  init(_ storage: UnsafeMutablePointer<Candidate>, capacity: Int) {
    self.storage = storage
    spare = storage + Self.room(capacity: capacity) / 2
    self.capacity = capacity
  }

  @inline(__always)
  subscript(_ index: Int) -> Candidate { storage[index] }

  /// What a candidate must beat to enter.
  @inline(__always)
  var bar: Candidate { count < capacity ? .farthest : storage[count &- 1] }

  /// Inserts at most `mostAtOnce` candidates that are not in the buffer yet: those good enough.
  @inline(__always)
  mutating func insert(_ found: UnsafePointer<Candidate>, count foundCount: Int) {
    guard foundCount > 0 else { return }
    count = mergeKeys(
      UnsafeRawPointer(storage).assumingMemoryBound(to: UInt64.self), count, capacity,
      UnsafeRawPointer(found).assumingMemoryBound(to: UInt64.self), foundCount,
      UnsafeMutableRawPointer(spare).assumingMemoryBound(to: UInt64.self), &cursor)
    (storage, spare) = (spare, storage)
  }

  static let mostAtOnce = 256

  /// Memory that a buffer of some capacity needs.
  static func room(capacity: Int) -> Int { 2 * (capacity + mostAtOnce + 8) }

  @inline(__always)
  mutating func insert(_ candidate: Candidate) {
    withUnsafePointer(to: candidate) { insert($0, count: 1) }
  }

  /// The nearest candidate not yet expanded, marked as expanded; nil when there is none among the
  /// first `window`.
  @inline(__always)
  mutating func nextToExpand(within window: Int) -> Candidate? {
    let end = min(count, window)
    while cursor < end {
      let candidate = storage[cursor]
      if !candidate.isExpanded {
        storage[cursor].bits |= 1
        cursor &+= 1
        return candidate
      }
      cursor &+= 1
    }
    return nil
  }

  /// The rows that `nextToExpand` would give, for prefetching.
  @inline(__always)
  func forEachToExpand(atMost limit: Int, within window: Int, _ body: (UInt32) -> Void) {
    let end = min(count, window)
    var index = cursor
    var left = limit
    while index < end, left > 0 {
      if !storage[index].isExpanded {
        body(storage[index].row)
        left &-= 1
      }
      index &+= 1
    }
  }

  /// Takes out what nobody wants; at the end of a walk.
  mutating func removeAll(where isUnwanted: (Candidate) -> Bool) {
    var kept = 0
    for index in 0..<count where !isUnwanted(storage[index]) {
      storage[kept] = storage[index]
      kept += 1
    }
    count = kept
  }

  func contains(where isWanted: (Candidate) -> Bool) -> Bool {
    (0..<count).contains { isWanted(storage[$0]) }
  }

  /// The candidates, nearest first, without the marks of the walk.
  var candidates: UnsafeMutableBufferPointer<Candidate> {
    for index in 0..<count { storage[index].bits &= ~1 }
    return UnsafeMutableBufferPointer(start: storage, count: count)
  }
}
