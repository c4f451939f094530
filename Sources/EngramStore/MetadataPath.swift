/// A key of a filter, made ready to be looked up: as it stands first, then part by part.
struct MetadataPath: Sendable, Hashable {
  private let key: String
  private let parts: [String]

  init(_ key: String) {
    self.key = key
    parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
  }

  /// The value there; nil where there is none, or null.
  func value(in metadata: JSONValue) -> JSONValue? {
    let value = find(in: metadata)
    return value == .null ? nil : value
  }

  private func find(in metadata: JSONValue) -> JSONValue? {
    guard case .object(let members) = metadata else { return nil }
    if let value = members[key] { return value }
    if parts.count == 1 { return nil }
    return parts.reduce(.some(metadata)) { value, part in
      guard case .object(let members) = value else { return nil }
      return members[part]
    }
  }
}
