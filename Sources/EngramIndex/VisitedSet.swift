/// Which rows a search has met: a byte per row that holds the number of the search that met it, so
/// that a new search clears nothing. A view of memory that a `SearchContext` owns.
struct VisitedSet {
  let tags: UnsafeMutablePointer<UInt8>
  let search: UInt8

  /// Marks a row; 1 where this search had not met it, else 0. Without a branch: whether a
  /// neighbour is new cannot be predicted.
  @inline(__always)
  func insert(_ row: UInt32) -> Int {
    let tag = tags + Int(row)
    let isNew = tag.pointee != search
    tag.pointee = search
    return isNew ? 1 : 0
  }
}
