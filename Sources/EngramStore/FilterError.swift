// What can be wrong with a filter, in words that say how to right it.

/// Why a filter is refused. Nothing is searched, deleted or written with such a filter.
public enum FilterError: Error, Hashable, CustomStringConvertible {
  /// The text is not JSON.
  case notJSON(JSONError)
  /// A filter, or an element of the list of this logical operator, is not a JSON object.
  case notAnObject(in: String)
  /// `AND` or `OR` has something else than a list of filters.
  case notAList(operator: String)
  /// Filters are nested deeper than ``Filter/maximumDepth``.
  case tooDeep
  /// A key is the empty string.
  case emptyKey
  /// `AND`, `OR` or `NOT` is used as the key of a comparison.
  case reservedKey(String)
  /// A key has an operator object without operators.
  case noOperator(key: String)
  /// A key has an operator that the language does not know.
  case unknownOperator(key: String, operator: String)
  /// An operator has an operand that it cannot take.
  case wrongOperand(key: String, operator: String, needs: String)
  /// An operand is null, which nothing compares to.
  case nullOperand(key: String, operator: String)

  /// What is wrong and what to write instead, in one sentence.
  public var description: String {
    switch self {
    case .notJSON(let error):
      "the filter is \(error)"
    case .notAnObject(let place):
      "\(place) takes filters, and each of them is an object such as {\"key\": \"value\"}"
    case .notAList(let name):
      "\"\(name)\" takes a list of filters: {\"\(name)\": [{\"key\": \"value\"}]}"
    case .tooDeep:
      "the filter is nested deeper than \(Filter.maximumDepth) levels: flatten its AND and OR"
    case .emptyKey:
      "a filter key is empty: name the metadata key to compare"
    case .reservedKey(let key):
      "\"\(key)\" joins filters and cannot be compared: name the metadata key differently"
    case .noOperator(let key):
      "key \"\(key)\" has an empty operator object: write {\"\(key)\": {\"eq\": \"value\"}}, "
        + "or {\"\(key)\": \"*\"} for present"
    case .unknownOperator(let key, let name):
      "key \"\(key)\" has the unknown operator \"\(name)\": use one of "
        + Filter.Operator.allCases.filter { $0 != .exists }.map(\.rawValue).joined(separator: ", ")
        + "; dots reach into nested objects ({\"a.b\": 1})"
    case .wrongOperand(let key, let name, let needs):
      "operator \"\(name)\" of key \"\(key)\" takes \(needs)"
    case .nullOperand(let key, let name):
      "operator \"\(name)\" of key \"\(key)\" cannot take null: write "
        + "{\"NOT\": [{\"\(key)\": \"*\"}]} for missing or null, {\"\(key)\": \"*\"} for present"
    }
  }
}
