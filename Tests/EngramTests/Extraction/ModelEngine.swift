import EngramModels
import EngramStore
import Foundation
import ModelService

@testable import Engram

/// An engine whose chat model is a service on loopback. It is asked once for each call.
func engine(
  _ path: String, _ server: TestServer, worksQueue: Bool = false, timeout: Duration = .seconds(30)
) throws -> MemoryEngine {
  try engine(path, server.baseURL, worksQueue: worksQueue, timeout: timeout)
}

func engine(
  _ path: String, _ baseURL: String, worksQueue: Bool = false, timeout: Duration = .seconds(30)
) throws -> MemoryEngine {
  var endpoint = try OpenAIEndpoint(baseURL: baseURL)
  endpoint.retries.retriesMax = 0
  endpoint.timeout = timeout
  return try MemoryEngine(
    path: path, embedder: HashingEmbedder(), chat: OpenAIChat(endpoint, model: "m"),
    worksQueue: worksQueue, durability: .process)
}

/// Runs `body` with an engine on a store of its own, while a model answers.
func withModel(
  worksQueue: Bool = false, _ answer: @escaping @Sendable (MemoryQuestion) async -> TestServer.Answer,
  _ body: (MemoryEngine, TestServer) async throws -> Void
) async throws {
  try await withTemporaryDirectory { path in
    try await TestServer.memories(answer) { server in
      let engine = try engine(path, server, worksQueue: worksQueue)
      try await body(engine, server)
      try await engine.close()
    }
  }
}

extension AddOptions {
  static func waiting(_ mode: Consolidation = .supersede) -> AddOptions {
    AddOptions(mode: mode, waits: true)
  }
}

extension MemoryEngine {
  /// The texts of the memories of a scope.
  func texts(_ scope: Scope) throws -> [String] {
    try getAll(scope: scope, limit: 1_000).memories.map(\.text)
  }
}
