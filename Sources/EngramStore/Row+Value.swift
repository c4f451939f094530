import GRDB

extension Row {
  /// A column's value. The subscript would trap where a damaged file has another type there.
  func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: Int
  ) throws(StoreError) -> Value {
    do { return try decode(Value.self, atIndex: column) } catch {
      throw .damaged(file: Catalogue.fileName, reason: "a value has the wrong type; run verify")
    }
  }
}
