import FlyingFox
import FlyingSocks
import Foundation
import Synchronization

/// A service on loopback, over real HTTP.
public final class TestServer: Sendable {
  public struct Received: Sendable {
    public let path: String
    public let query: [String: String]
    /// By names in lower case.
    public let headers: [String: String]
    public let body: Data
    /// The client's port: one for each connection.
    public let port: UInt16

    /// The body as JSON.
    public var json: NSDictionary {
      get throws { try JSONSerialization.jsonObject(with: body) as? NSDictionary ?? [:] }
    }
  }

  public struct Answer: Sendable {
    public var status: Int
    public var headers: [String: String]
    public var body: String

    public init(status: Int = 200, headers: [String: String] = [:], body: String) {
      self.status = status
      self.headers = headers
      self.body = body
    }
  }

  public let baseURL: String
  private let log: Log

  private final class Log: Sendable {
    let received = Mutex<[Received]>([])
  }

  private init(baseURL: String, log: Log) {
    self.baseURL = baseURL
    self.log = log
  }

  /// What came so far, in the order of arrival.
  public var received: [Received] { log.received.withLock { $0 } }
  public var connections: Int { Set(received.map(\.port)).count }

  /// Runs `body` while a server answers.
  public static func run<Value: Sendable>(
    _ answer: @escaping @Sendable (Received) async -> Answer,
    while body: (TestServer) async throws -> Value
  ) async throws -> Value {
    let log = Log()
    let server = HTTPServer(
      address: try .inet(ip4: "127.0.0.1", port: 0), timeout: 60, logger: .disabled)
    await server.appendRoute("*") { request in
      let received = try await Received(request)
      log.received.withLock { $0.append(received) }
      let answer = await answer(received)
      return HTTPResponse(
        statusCode: HTTPStatusCode(answer.status, phrase: "Status"),
        headers: HTTPHeaders(
          Dictionary(uniqueKeysWithValues: answer.headers.map { (HTTPHeader($0.key), $0.value) })),
        body: Data(answer.body.utf8))
    }
    let running = Task { try await server.run() }
    defer { running.cancel() }
    try await server.waitUntilListening()
    guard case .ip4(_, let port) = await server.listeningAddress else { throw NoPort() }
    return try await body(TestServer(baseURL: "http://127.0.0.1:\(port)", log: log))
  }

  /// A server that gives these answers one after the other, and the last one for good.
  public static func run<Value: Sendable>(
    _ answers: [Answer], while body: (TestServer) async throws -> Value
  ) async throws -> Value {
    let next = Atomic(0)
    return try await run(
      { _ in answers[min(next.add(1, ordering: .relaxed).oldValue, answers.count - 1)] }, while: body)
  }
}

private struct NoPort: Error {}

extension TestServer.Received {
  fileprivate init(_ request: HTTPRequest) async throws {
    path = request.path
    query = Dictionary(request.query.map { ($0.name, $0.value) }) { $1 }
    headers = Dictionary(
      request.headers.map { ($0.key.rawValue.lowercased(), $0.value) }) { $1 }
    body = try await request.bodyData
    port = if case .ip4(_, let port) = request.remoteAddress { port } else { 0 }
  }
}
