/// What the index refuses, and what to do about it. Nothing has been changed when one is thrown.
public enum IndexError: Error, Sendable, Equatable {
  case dimensionOutOfRange(Int)
  case dimensionMismatch(expected: Int, got: Int)
  case notFinite(position: Int)
  case zeroVector
  case normTooLarge
  case kOutOfRange(Int)
  case efOutOfRange(Int)
  case recallOutOfRange(Double)
  case parameterOutOfRange(name: String, value: Int, allowed: ClosedRange<Int>)
  case unknownRow(Int)
  case full(rows: Int)
  case outOfMemory(bytes: Int)
  case damagedSnapshot(String)
}

extension IndexError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .dimensionOutOfRange(let dimension):
      "A vector has \(IndexLimits.dimensions.lowerBound) to "
        + "\(IndexLimits.dimensions.upperBound) dimensions, not \(dimension)."
    case .dimensionMismatch(let expected, let got):
      "This index holds vectors of \(expected) dimensions; got \(got). "
        + "Use the model that the index was made for."
    case .notFinite(let position):
      "Component \(position) of the vector is NaN or infinite; every component must be finite."
    case .zeroVector:
      "The vector has no length, so it has no cosine. Leave it out, or use another metric."
    case .normTooLarge:
      "The vector's norm exceeds \(IndexLimits.norm); scale the vectors down."
    case .kOutOfRange(let k):
      "k must lie in \(IndexLimits.k.lowerBound)...\(IndexLimits.k.upperBound), not \(k)."
    case .efOutOfRange(let ef):
      "ef must lie in \(IndexLimits.ef.lowerBound)...\(IndexLimits.ef.upperBound), not \(ef)."
    case .recallOutOfRange(let recall):
      "A recall must be above 0 and at most 1, not \(recall)."
    case .parameterOutOfRange(let name, let value, let allowed):
      "\(name) must lie in \(allowed.lowerBound)...\(allowed.upperBound), not \(value)."
    case .unknownRow(let row):
      "There is no live row \(row) in this index."
    case .full(let rows):
      "The index holds its limit of \(rows) rows; split the data over several indexes."
    case .outOfMemory(let bytes):
      "The system refused \(bytes) bytes of memory; free some or use a smaller index."
    case .damagedSnapshot(let what):
      "The index snapshot is damaged (\(what)); rebuild the index from its vectors."
    }
  }
}
