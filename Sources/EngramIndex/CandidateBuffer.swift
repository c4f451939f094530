/// A candidate of a search, packed so that one integer comparison orders by distance and then by
/// row: distance in the upper 32 bits, the row in 31, the lowest bit for "already expanded".
struct Candidate: Comparable {
  var bits: UInt64

  @inline(__always)
  init(distance: Float, row: UInt32) {
    // The usual trick: IEEE floats order like integers once negatives are flipped.
    let raw = Int32(bitPattern: (distance + 0).bitPattern)
    let ordered = UInt32(bitPattern: raw) ^ (UInt32(bitPattern: raw &>> 31) | 0x8000_0000)
    bits = UInt64(ordered) &<< 32 | UInt64(row) &<< 1
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
  private let storage: UnsafeMutablePointer<Candidate>
  let capacity: Int
  private(set) var count = 0
  private var cursor = 0

  /// An empty buffer in memory for `capacity` candidates.
  init(_ storage: UnsafeMutablePointer<Candidate>, capacity: Int) {
    self.storage = storage
    self.capacity = capacity
  }

  @inline(__always)
  subscript(_ index: Int) -> Candidate { storage[index] }

  /// What a candidate must beat to enter.
  @inline(__always)
  var bar: Candidate { count < capacity ? .farthest : storage[count &- 1] }

  /// Inserts a candidate that is not in the buffer yet, if it is good enough.
  @inline(__always)
  mutating func insert(_ candidate: Candidate) {
    guard candidate < bar else { return }
    // A binary search without branches: where it goes cannot be predicted.
    var place = 0
    var span = count
    while span > 0 {
      let half = (span &+ 1) &>> 1
      place = storage[place &+ half &- 1] < candidate ? place &+ half : place
      span &-= half
    }
    if count < capacity { count &+= 1 }
    (storage + place + 1).update(from: storage + place, count: count &- place &- 1)
    storage[place] = candidate
    cursor = min(cursor, place)
  }

  /// The nearest candidate not yet expanded, marked as expanded; nil when there is none.
  @inline(__always)
  mutating func nextToExpand() -> Candidate? {
    while cursor < count {
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

  /// The row that `nextToExpand` would give, for prefetching.
  @inline(__always)
  func peekToExpand() -> UInt32? {
    var index = cursor
    while index < count {
      if !storage[index].isExpanded { return storage[index].row }
      index &+= 1
    }
    return nil
  }

  /// The candidates, nearest first, without the marks of the walk.
  var candidates: UnsafeMutableBufferPointer<Candidate> {
    for index in 0..<count { storage[index].bits &= ~1 }
    return UnsafeMutableBufferPointer(start: storage, count: count)
  }
}
