import Synchronization

/// Rows that have been given again to new vectors and are not in the graph yet: a queue that any
/// number of searches look at while one writer adds at its end and one takes from its beginning.
final class PendingRows: Sendable {
  private static var capacity: Int { 1 << 16 }

  private let places: ReservedArray<Atomic<UInt32>>
  /// How many rows were ever taken out, and ever added.
  private let taken = Atomic<Int>(0)
  private let added = Atomic<Int>(0)

  init() throws(IndexError) {
    places = try ReservedArray(limit: Self.capacity)
    try places.ensure(count: Self.capacity)
  }

  var count: Int {
    let taken = taken.load(ordering: .acquiring)
    return added.load(ordering: .acquiring) - taken
  }

  /// The rows, in their order. One that is taken out meanwhile may be among them.
  var rows: [UInt32] {
    while true {
      let begin = taken.load(ordering: .acquiring)
      let end = added.load(ordering: .acquiring)
      if begin == end { return [] }
      let rows = (begin..<end).map { place($0).pointee.load(ordering: .acquiring) }
      // Else the places of the first ones may have been used again.
      if added.load(ordering: .acquiring) - begin <= Self.capacity { return rows }
    }
  }

  /// Whether there is a place for one more. The adding writer's.
  var hasRoom: Bool { count < Self.capacity }

  /// Shows a row that is complete to searches. The adding writer's.
  func append(_ row: UInt32) {
    let end = added.load(ordering: .relaxed)
    place(end).pointee.store(row, ordering: .releasing)
    added.store(end + 1, ordering: .releasing)
  }

  /// Takes out rows that searches find in the graph now. The taking writer's.
  func removeFirst(_ count: Int) { taken.add(count, ordering: .acquiringAndReleasing) }

  private func place(_ number: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    places.base + number % Self.capacity
  }
}
