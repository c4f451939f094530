import Foundation

/// The answer to `POST /embeddings`, checked.
struct EmbeddingsReply: Decodable {
  private struct Item: Decodable {
    let index: Int?
    let embedding: [Double]
  }

  private struct Usage: Decodable {
    let prompt_tokens: Int?
  }

  private let data: [Item]
  private let usage: Usage?

  init(_ body: [UInt8]) throws(ModelError) {
    do { self = try JSONDecoder().decode(Self.self, from: Data(body)) } catch {
      throw .badReply(reason: "not a list of embeddings: " + explanation(of: error))
    }
  }

  var tokens: TokenUsage? { usage?.prompt_tokens.map { TokenUsage(reportedPrompt: $0) } }

  /// The vectors in the order of the texts, each of length 1.
  /// - Parameter dimension: nil takes any, of one and the same.
  func vectors(count: Int, dimension: Int?) throws(ModelError) -> [[Float]] {
    guard data.count == count else {
      throw .badReply(reason: "\(data.count) vectors for \(count) texts")
    }
    let dimension = dimension ?? data.first?.embedding.count ?? 0
    var vectors = [[Float]?](repeating: nil, count: count)
    for item in data {
      guard let index = item.index else { throw .badReply(reason: "a vector without index") }
      guard vectors.indices.contains(index) else {
        throw .badReply(reason: "a vector of index \(index) for \(count) texts")
      }
      guard vectors[index] == nil else {
        throw .badReply(reason: "two vectors of index \(index)")
      }
      guard item.embedding.count == dimension, dimension > 0 else {
        throw .badReply(
          reason: "a vector of \(item.embedding.count) components where there should be \(dimension)")
      }
      vectors[index] = try normalised(item.embedding)
    }
    // As many as there are places, and no place twice: every place has one.
    return vectors.compactMap { $0 }
  }

  private func normalised(_ vector: [Double]) throws(ModelError) -> [Float] {
    guard vector.allSatisfy({ Float($0).isFinite }) else {
      throw .badReply(reason: "a vector with a number that is not finite")
    }
    let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard length > 0 else { throw .badReply(reason: "a vector without length") }
    return vector.map { Float($0 / length) }
  }
}
