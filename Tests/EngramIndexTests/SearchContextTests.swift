import Testing

@testable import EngramIndex

@Suite struct SearchContextTests {
  /// Where rows are a cache line longer, so as not to be whole pages, a query's code is too.
  @Test func theCodeIsAsLongAsARow() {
    for dimension in IndexLimits.dimensions {
      let context = SearchContext(dimension: dimension)
      let (room, read) = (context.code.count, Rows.stride(dimension: dimension))
      #expect(room >= read, "dimension \(dimension)")
    }
  }
}
