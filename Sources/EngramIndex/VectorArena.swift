/// Full vectors of an index that owns them, one after the other; addresses never change.
final class VectorArena: Sendable {
  private let floats: ReservedArray<Float>
  let dimension: Int

  init(dimension: Int) throws(IndexError) {
    self.dimension = dimension
    floats = try ReservedArray(limit: IndexLimits.rows * dimension)
  }

  var base: UnsafePointer<Float> { UnsafePointer(floats.base) }

  func reserve(rows: Int) throws(IndexError) { try floats.ensure(count: rows * dimension) }

  /// Copies vectors to the rows from `row` on; room has been reserved.
  func write(_ vectors: UnsafeBufferPointer<Float>, at row: Int) -> UnsafePointer<Float> {
    let place = floats.base + row * dimension
    if let source = vectors.baseAddress { place.update(from: source, count: vectors.count) }
    return UnsafePointer(place)
  }
}
