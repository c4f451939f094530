import Foundation
import Synchronization

@testable import EngramModels

let secret = "sk-0123456789abcdefSECRET/+="

/// Something that happens once and is waited for, by tasks and threads.
final class Event: Sendable {
  private let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func happen() { continuation.finish() }
  func wait() async { for await _ in stream {} }
}

/// Records the pauses between attempts instead of making them.
final class RecordedPauses: Sendable {
  private let record = Mutex<[Duration]>([])
  static let now = Date(timeIntervalSince1970: 1_700_000_000)

  var all: [Duration] { record.withLock { $0 } }

  /// - Parameter random: the same number each time.
  func pauses(random: Double = 0.5) -> OpenAIService.Pauses {
    OpenAIService.Pauses(
      sleep: { [self] pause in record.withLock { $0.append(pause) } }, random: { random },
      now: { Self.now })
  }
}

func endpoint(_ baseURL: String) throws -> OpenAIEndpoint {
  try OpenAIEndpoint(baseURL: baseURL, apiKey: APIKey(secret))
}

func service(
  _ endpoint: OpenAIEndpoint, _ ledger: UsageLedger? = nil, _ pauses: RecordedPauses = .init()
) -> OpenAIService {
  OpenAIService(endpoint, ledger: ledger, pauses: pauses.pauses())
}

/// The error that is thrown, if it is ours.
func modelError<Value>(_ body: () async throws -> Value) async -> ModelError? {
  do {
    _ = try await body()
    return nil
  } catch { return error as? ModelError }
}
