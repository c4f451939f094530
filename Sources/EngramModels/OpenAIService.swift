import Foundation

/// Calls an endpoint, again where that may help, and makes one error of all that can go wrong.
struct OpenAIService: Sendable {
  /// What passes between two attempts; tests put their own in its place.
  struct Pauses: Sendable {
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// In 0..<1.
    var random: @Sendable () -> Double = { .random(in: 0..<1) }
    var now: @Sendable () -> Date = { Date() }
  }

  let endpoint: OpenAIEndpoint
  let ledger: UsageLedger?
  let pauses: Pauses
  private let client = HTTPClient()

  init(_ endpoint: OpenAIEndpoint, ledger: UsageLedger?, pauses: Pauses) {
    self.endpoint = endpoint
    self.ledger = ledger
    self.pauses = pauses
  }

  /// - Parameter read: makes the value and the tokens of a good reply's body.
  func call<Value: Sendable>(
    _ kind: UsageRecord.Kind, _ path: String, model: String, body: [UInt8],
    read: ([UInt8]) throws(ModelError) -> (Value, TokenUsage?)
  ) async throws(ModelError) -> Value {
    let start = ContinuousClock.now
    func note(_ usage: TokenUsage?, _ failure: ModelError?) {
      ledger?.note(
        time: pauses.now(), model: model, kind: kind, usage: usage,
        duration: ContinuousClock.now - start, failure: failure)
    }
    do throws(ModelError) {
      let reply = try await send(try endpoint.post(path, model: model, body: body))
      let (value, usage) = try read(try reply.readableBody())
      note(usage, nil)
      return value
    } catch {
      let error = error.scrubbed(by: endpoint)
      note(nil, error)
      throw error
    }
  }

  private func send(_ post: HTTPPost) async throws(ModelError) -> HTTPReply {
    let policy = endpoint.retries
    var retry = 0
    while true {
      let failure: ModelError
      var isWorthRetrying = true
      var retryAfter: Duration?
      do throws(HTTPFailure) {
        let reply = try await client.send(post)
        if (200..<300).contains(reply.status) { return reply }
        let message = ServiceMessage(reply)
        retryAfter = reply.headers["retry-after"].flatMap {
          RetryAfter.duration($0, now: pauses.now())
        }
        isWorthRetrying = message.isPassing
        failure =
          reply.status == 429 && message.isPassing
          ? .rateLimited(retryAfter: retryAfter)
          : .service(status: reply.status, message: message.text)
      } catch {
        if case .connection = error {} else { isWorthRetrying = false }
        failure = ModelError(error, endpoint)
      }
      guard isWorthRetrying, retry < policy.retriesMax, retryAfter ?? .zero <= policy.retryAfterMax
      else { throw failure }
      let pause = policy.pause(before: retry, random: pauses.random())
      do { try await pauses.sleep(max(pause, retryAfter ?? .zero)) } catch { throw .cancelled }
      retry += 1
    }
  }
}

extension ModelError {
  fileprivate init(_ failure: HTTPFailure, _ endpoint: OpenAIEndpoint) {
    self =
      switch failure {
      case .connection(let reason), .refused(let reason): .unreachable(reason: reason)
      case .invalidHeader(let name):
        .invalid(field: name, reason: "a header or key holds a control character; remove it")
      case .timedOut: .timedOut(after: endpoint.timeout)
      case .tooLong: .badReply(reason: "it is longer than \(endpoint.replyBytesMax) bytes")
      case .cancelled: .cancelled
      }
  }

  fileprivate func scrubbed(by endpoint: OpenAIEndpoint) -> ModelError {
    switch self {
    case .unreachable(let reason): .unreachable(reason: endpoint.scrubbed(reason))
    case .service(let status, let message):
      .service(status: status, message: endpoint.scrubbed(message))
    case .badReply(let reason): .badReply(reason: endpoint.scrubbed(reason))
    case .invalid(let field, let reason): .invalid(field: field, reason: endpoint.scrubbed(reason))
    case .unreadable, .damaged, .unfetched, .timedOut, .cancelled, .rateLimited: self
    }
  }
}

extension HTTPReply {
  /// The body, where it can be JSON at all.
  fileprivate func readableBody() throws(ModelError) -> [UInt8] {
    guard let first = body.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else {
      throw .badReply(reason: "it is empty")
    }
    if first == UInt8(ascii: "<") { throw .badReply(reason: "it is a page of HTML, not JSON") }
    return body
  }
}
