/// Makes vectors of texts.
public protocol Embedder: Sendable {
  /// The name that a vector space records: vectors of two models are never compared.
  var model: String { get }
  /// Components of each vector.
  var dimension: Int { get }
  /// A vector of length 1 for each text, in their order.
  func embed(_ texts: [String]) async throws(ModelError) -> [[Float]]
}
