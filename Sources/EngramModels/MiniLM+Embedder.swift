import Foundation

extension MiniLM: Embedder {
  public var model: String { Self.name }

  public func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] {
    try await embed(texts, threads: ProcessInfo.processInfo.activeProcessorCount)
  }
}
