import EngramModels
import EngramStore
import Foundation

@testable import Engram

/// Runs `body` with a directory of its own, removed afterwards.
func withTemporaryDirectory<Result>(
  isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> Result
) async throws -> Result {
  let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("engram-layer-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  return try await body(directory.path)
}

/// Runs `body` with an engine on a store of its own.
func withEngine(
  _ embedder: any Embedder = WordEmbedder(), isolation: isolated (any Actor)? = #isolation,
  _ body: (MemoryEngine) async throws -> Void
) async throws {
  try await withTemporaryDirectory { directory in
    let engine = try MemoryEngine(path: directory, embedder: embedder, durability: .process)
    try await body(engine)
    try await engine.close()
  }
}

/// Texts that share words are near each other: each word has its place among 32.
struct WordEmbedder: Embedder {
  var model = "words"
  var dimension = 32

  func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] { texts.map(vector) }

  private func vector(of text: String) -> [Float] {
    var vector = [Float](repeating: 0.05, count: dimension)
    for word in text.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
      // FNV-1a.
      let hash = word.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
        ($0 ^ UInt64($1)) &* 0x100_0000_01b3
      }
      vector[Int(hash >> 32) % dimension] += hash & 1 == 0 ? 1 : -1
    }
    let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return vector.map { $0 / length }
  }
}

/// One that cannot do what it is asked.
struct BrokenEmbedder: Embedder {
  enum Fault: CaseIterable { case throwing, tooFew, tooShort, notANumber }

  var model = "words"
  var dimension = 32
  var fault: Fault

  func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] {
    switch fault {
    case .throwing: throw .cancelled
    case .tooFew: []
    case .tooShort: texts.map { _ in [1] }
    case .notANumber: texts.map { _ in [Float](repeating: .nan, count: dimension) }
    }
  }
}

/// What an engine says when it refuses, in few words; nil where it does not refuse.
func refusal(
  isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
) async -> String? {
  do {
    try await body()
    return nil
  } catch let error as EngramError {
    return error.kind
  } catch let error as StoreError {
    return EngramError.store(error).kind
  } catch let error as FilterError {
    return EngramError.store(.filter(error)).kind
  } catch {
    return "untyped \(error)"
  }
}

extension EngramError {
  fileprivate var kind: String {
    switch self {
    case .invalid(let field, _): "invalid \(field)"
    case .noScope: "noScope"
    case .otherModel: "otherModel"
    case .markdown(_, let line, _): "markdown \(line)"
    case .store(.exists): "store: exists"
    case .store(.cancelled): "store: cancelled"
    case .model: "model"
    case .store(.invalid(let field, _)): "invalid \(field)"
    case .store(.unknownMemory): "unknownMemory"
    case .store(.filter): "filter"
    case .store(.badCursor): "badCursor"
    case .store(.conflictingKey): "conflictingKey"
    case .store(.closed): "closed"
    case .store(.index): "index"
    case .store(let error): "store: \(error)"
    default: "\(self)"
    }
  }
}

/// SplitMix64: the same numbers in every run.
struct Generator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}
