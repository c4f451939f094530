import FlyingFox
import Foundation
import Synchronization

/// A model service on loopback that can be made to fail. (The one file that sees FlyingFox.)
final class LoopbackService: Sendable {
  struct Answer: Sendable {
    var status = 200
    var body: String
  }

  let baseURL: String
  private let log: Log

  private final class Log: Sendable {
    let bodies = Mutex<[Data]>([])
  }

  private init(baseURL: String, log: Log) {
    self.baseURL = baseURL
    self.log = log
  }

  /// The bodies of the requests so far.
  var bodies: [Data] { log.bodies.withLock { $0 } }

  /// Runs `body` while a server answers.
  static func run<Value: Sendable>(
    _ answer: @escaping @Sendable (Data) -> Answer, while body: (LoopbackService) async throws -> Value
  ) async throws -> Value {
    let log = Log()
    let server = HTTPServer(
      address: try .inet(ip4: "127.0.0.1", port: 0), timeout: 60, logger: .disabled)
    await server.appendRoute("*") { request in
      let body = try await request.bodyData
      log.bodies.withLock { $0.append(body) }
      let answer = answer(body)
      return HTTPResponse(
        statusCode: HTTPStatusCode(answer.status, phrase: "Status"), body: Data(answer.body.utf8))
    }
    let running = Task { try await server.run() }
    defer { running.cancel() }
    try await server.waitUntilListening()
    guard case .ip4(_, let port) = await server.listeningAddress else {
      throw CocoaError(.featureUnsupported)
    }
    return try await body(LoopbackService(baseURL: "http://127.0.0.1:\(port)", log: log))
  }
}
