/// What is wrong with JSON, without the JSON.
func explanation(of error: any Error) -> String {
  func place(_ context: DecodingError.Context) -> String {
    context.codingPath.isEmpty
      ? "it"
      : context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        .joined(separator: ".")
  }
  return switch error as? DecodingError {
  case .keyNotFound(let key, let context): "no \(key.stringValue) in \(place(context))"
  case .typeMismatch(_, let context): "\(place(context)) is of another type"
  case .valueNotFound(_, let context): "\(place(context)) is null"
  default: "not valid JSON"
  }
}
