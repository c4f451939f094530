import EngramStore

/// What a memory is that this layer has made by itself: under `_engram.kind` in its metadata, nothing of
/// a plain memory.
enum MemoryKind: String {
  /// Says in short what others of its scope say.
  case summary

  static func read(_ metadata: Metadata) -> MemoryKind? {
    guard case .object(let own)? = metadata[FactSlot.key], case .string(let kind)? = own["kind"] else {
      return nil
    }
    return MemoryKind(rawValue: kind)
  }
}
