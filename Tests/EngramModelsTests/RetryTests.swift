import Foundation
import ModelService
import Testing

@testable import EngramModels

@Suite struct RetryTests {
  /// One call against these answers.
  private func outcome(
    _ answers: [TestServer.Answer], _ pauses: RecordedPauses = .init(), policy: RetryPolicy = .init()
  ) async throws -> (error: ModelError?, calls: Int) {
    try await TestServer.run(answers) { server in
      var endpoint = try endpoint(server.baseURL)
      endpoint.retries = policy
      let embedder = try OpenAIEmbedder(service(endpoint, nil, pauses), model: "m", dimension: 2)
      let error = await modelError { try await embedder.embed(["a"]) }
      return (error, server.received.count)
    }
  }

  @Test(arguments: [429, 500, 502, 503, 504, 529])
  func passingFailuresAreRetried(status: Int) async throws {
    let pauses = RecordedPauses()
    let (error, calls) = try await outcome(
      [.error(status), .error(status), .embeddings(count: 1)], pauses)
    #expect(error == nil)
    #expect(calls == 3)
    #expect(pauses.all == [.milliseconds(250), .milliseconds(500)])
  }

  @Test(arguments: [300, 400, 401, 403, 404, 413, 422, 501])
  func lastingFailuresAreNot(status: Int) async throws {
    let (error, calls) = try await outcome([.error(status, "why"), .embeddings(count: 1)])
    #expect(error == .service(status: status, message: "why"))
    #expect(calls == 1)
  }

  @Test func anAccountWithoutMoneyIsNot() async throws {
    let (error, calls) = try await outcome([.error(429, "pay", code: "insufficient_quota")])
    #expect(error == .service(status: 429, message: "pay"))
    #expect(calls == 1)
  }

  @Test func retriesEnd() async throws {
    let pauses = RecordedPauses()
    var policy = RetryPolicy()
    policy.retriesMax = 7
    policy.pauseMax = .seconds(3)
    let (error, calls) = try await outcome([.error(500, "down")], pauses, policy: policy)
    #expect(error == .service(status: 500, message: "down"))
    #expect(calls == 8)
    #expect(
      pauses.all == [0.25, 0.5, 1, 1.5, 1.5, 1.5, 1.5].map { .seconds($0) })
    policy.retriesMax = 0
    #expect(try await outcome([.error(429)], policy: policy).error == .rateLimited(retryAfter: nil))
  }

  @Test func theServicesOwnPauseIsObeyed() async throws {
    let pauses = RecordedPauses()
    let date = "Tue, 14 Nov 2023 22:13:50 GMT"
    let (error, calls) = try await outcome(
      [
        .error(429, headers: ["Retry-After": "7"]), .error(503, headers: ["Retry-After": date]),
        .error(429, headers: ["Retry-After": "0"]), .embeddings(count: 1),
      ], pauses)
    #expect(error == nil)
    #expect(calls == 4)
    #expect(pauses.all == [.seconds(7), .seconds(30), .seconds(1)])
  }

  @Test func tooLongAPauseIsAnError() async throws {
    let (error, calls) = try await outcome([.error(429, headers: ["Retry-After": "61"])])
    #expect(error == .rateLimited(retryAfter: .seconds(61)))
    #expect(calls == 1)
  }

  @Test(
    arguments: [
      ("0", 0), ("12", 12), ("1.5", 1.5), ("99999999999999999999", 31_536_000), ("-1", nil),
      ("nan", nil), ("", nil), ("soon", nil), ("12:00", nil),
      ("Tue, 14 Nov 2023 22:13:50 GMT", 30), ("Tuesday, 14-Nov-23 22:13:50 GMT", 30),
      ("Tue Nov 14 22:13:50 2023", 30), ("Tue, 14 Nov 2023 22:13:10 GMT", 0),
    ] as [(String, Double?)])
  func pausesAreRead(header: String, seconds: Double?) {
    #expect(
      RetryAfter.duration(header, now: RecordedPauses.now) == seconds.map { .seconds($0) })
  }

  @Test func connectionsThatFailAreRetried() async throws {
    let pauses = RecordedPauses()
    let service = service(try endpoint(try RawServer.deadURL()), nil, pauses)
    let embedder = try OpenAIEmbedder(service, model: "m", dimension: 2)
    let error = await modelError { try await embedder.embed(["a"]) }
    guard case .unreachable = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(pauses.all.count == 3)
  }

  @Test func timeoutsAreNot() async throws {
    let pauses = RecordedPauses()
    try await RawServer.run { connection in
      _ = connection.readRequest()
      connection.waitForEnd()
    } while: { url in
      var endpoint = try endpoint(url)
      endpoint.timeout = .milliseconds(50)
      let embedder = try OpenAIEmbedder(service(endpoint, nil, pauses), model: "m", dimension: 2)
      #expect(await modelError { try await embedder.embed(["a"]) } == .timedOut(after: .milliseconds(50)))
      #expect(pauses.all.isEmpty)
    }
  }

  @Test func aPauseEndsWithItsTask() async throws {
    let paused = Event()
    let pauses = OpenAIService.Pauses(sleep: { _ in
      paused.happen()
      try await Task.sleep(for: .seconds(3_600))
    })
    try await TestServer.run([.error(500)]) { server in
      let embedder = try OpenAIEmbedder(
        OpenAIService(endpoint(server.baseURL), ledger: nil, pauses: pauses), model: "m",
        dimension: 2)
      let call = Task { await modelError { try await embedder.embed(["a"]) } }
      await paused.wait()
      call.cancel()
      #expect(await call.value == .cancelled)
    }
  }

  @Test func pausesGrowUpToABoundAtRandom() {
    let policy = RetryPolicy()
    for retry in 0..<1_000 {
      let longest = policy.pause(before: retry, random: 1)
      #expect(longest == min(.milliseconds(500) * (1 << min(retry, 20)), .seconds(20)))
      #expect(policy.pause(before: retry, random: 0) == .zero)
    }
  }
}
