/// Bytes of a saved index that are put where the index wants them, page by page: mapped from a file,
/// they are read when they are needed, and shared with whoever else has mapped them.
package struct SavedBytes {
  package var count: Int
  private let place: (UnsafeMutableRawPointer) throws(IndexError) -> Void

  /// - Parameter place: makes the bytes readable at an address on a page of its own, and writable
  ///   there without anybody else seeing it; zeros fill up their last page.
  package init(
    count: Int, place: @escaping (UnsafeMutableRawPointer) throws(IndexError) -> Void
  ) {
    self.count = count
    self.place = place
  }

  func place(at address: UnsafeMutableRawPointer) throws(IndexError) {
    if count > 0 { try place(address) }
  }
}
