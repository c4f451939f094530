import Foundation
import ModelService
import Synchronization
import Testing

@testable import EngramModels

@Suite struct HTTPClientTests {
  private func post(_ url: String, _ body: String = "{}") -> HTTPPost {
    HTTPPost(url: url, body: Array(body.utf8))
  }

  private func failure(_ client: HTTPClient, _ post: HTTPPost) async -> HTTPFailure? {
    do throws(HTTPFailure) {
      _ = try await client.send(post)
      return nil
    } catch { return error }
  }

  @Test func headersAndBodiesGoBothWays() async throws {
    let body = "{\"text\":\"\u{1f600} \u{e9}\"}" + String(repeating: " ", count: 300_000)
    try await TestServer.run { received in
      .init(
        status: 201, headers: ["X-Seen": received.headers["x-given"] ?? ""],
        body: String(decoding: received.body, as: UTF8.self))
    } while: { server in
      var post = post(server.baseURL + "/a/b?c=d%20e", body)
      post.headers = [("X-Given", "yes")]
      let reply = try await HTTPClient().send(post)
      #expect(reply.status == 201)
      #expect(reply.headers["x-seen"] == "yes")
      #expect(String(decoding: reply.body, as: UTF8.self) == body)
      let received = try #require(server.received.first)
      #expect(received.path == "/a/b")
      #expect(received.query == ["c": "d e"])
      #expect(received.headers["content-type"] == "application/json")
      #expect(received.headers["expect"] == nil)
    }
  }

  @Test func oneConnectionServesManyCalls() async throws {
    try await TestServer.run([.init(body: "{}")]) { server in
      let client = HTTPClient()
      for _ in 0..<20 { _ = try await client.send(post(server.baseURL)) }
      #expect(server.received.count == 20)
      #expect(server.connections == 1)
    }
  }

  @Test func callsSideBySideGetTheirOwnReplies() async throws {
    try await TestServer.run { .init(body: String(decoding: $0.body, as: UTF8.self)) } while: { server in
      let client = HTTPClient()
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<64 {
          group.addTask {
            for round in 0..<4 {
              let reply = try await client.send(post(server.baseURL, "\(number) \(round)"))
              guard reply.body == Array("\(number) \(round)".utf8) else { return false }
            }
            return true
          }
        }
        for try await isRight in group { #expect(isRight) }
      }
      #expect(server.received.count == 256)
      #expect(server.connections <= 64)
    }
  }

  @Test func aServerThatNeverAnswersTimesOut() async throws {
    try await RawServer.run { connection in
      _ = connection.readRequest()
      connection.waitForEnd()
    } while: { url in
      var post = post(url)
      post.timeout = .milliseconds(50)
      #expect(await failure(HTTPClient(), post) == .timedOut)
    }
  }

  @Test func nobodyListening() async throws {
    let failure = await failure(HTTPClient(), post(try RawServer.deadURL()))
    guard case .connection = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }

  @Test(arguments: [
    "", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat\r\n",
  ])
  func aReplyThatBreaksOff(start: String) async throws {
    try await RawServer.run { connection in
      if connection.readRequest() { connection.write(start) }
    } while: { url in
      let failure = await failure(HTTPClient(), post(url))
      guard case .connection = failure else {
        Issue.record("\(String(describing: failure))")
        return
      }
    }
  }

  @Test func aReplyThatIsTooLong() async throws {
    try await TestServer.run([.init(body: String(repeating: "x", count: 1_001))]) { server in
      var post = post(server.baseURL)
      post.replyBytesMax = 1_000
      #expect(await failure(HTTPClient(), post) == .tooLong)
      post.replyBytesMax = 1_001
      let reply = try await HTTPClient().send(post)
      #expect(reply.body.count == 1_001)
    }
  }

  @Test func aReplyWithoutEndIsTooLong() async throws {
    let chunk = "1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n"
    try await RawServer.run { connection in
      guard connection.readRequest() else { return }
      connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      while connection.write(chunk) {}
    } while: { url in
      var post = post(url)
      post.replyBytesMax = 1 << 20
      #expect(await failure(HTTPClient(), post) == .tooLong)
    }
  }

  @Test func cancellationEndsTheTransfer() async throws {
    let (arrived, ended) = (Event(), Event())
    try await RawServer.run { connection in
      _ = connection.readRequest()
      arrived.happen()
      connection.waitForEnd()
      ended.happen()
    } while: { url in
      let client = HTTPClient()
      let call = Task { await failure(client, post(url)) }
      await arrived.wait()
      call.cancel()
      #expect(await call.value == .cancelled)
      await ended.wait()
    }
  }

  @Test func whatIsCancelledBeforeIsNotSent() async throws {
    try await TestServer.run([.init(body: "{}")]) { server in
      let client = HTTPClient()
      let call = Task {
        while !Task.isCancelled { await Task.yield() }
        return await failure(client, post(server.baseURL))
      }
      call.cancel()
      #expect(await call.value == .cancelled)
      #expect(server.received.isEmpty)
    }
  }

  @Test func cancellationAtAnyMomentGivesOneOutcome() async throws {
    try await TestServer.run([.init(body: "{}")]) { server in
      let client = HTTPClient()
      await withTaskGroup(of: HTTPFailure?.self) { group in
        for number in 0..<200 {
          let call = Task { await failure(client, post(server.baseURL)) }
          group.addTask {
            for _ in 0..<(number % 40) { await Task.yield() }
            call.cancel()
            return await call.value
          }
        }
        for await outcome in group { #expect(outcome == nil || outcome == .cancelled) }
      }
    }
  }

  @Test func theClientsEndClosesItsConnections() async throws {
    let ended = Event()
    try await RawServer.run { connection in
      _ = connection.readRequest()
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
      connection.waitForEnd()
      ended.happen()
    } while: { url in
      var client: HTTPClient? = HTTPClient()
      _ = try await client?.send(post(url))
      client = nil
      await ended.wait()
    }
  }

  @Test(arguments: [301, 302, 307, 308])
  func redirectsAreNotFollowed(status: Int) async throws {
    try await TestServer.run([.init(body: "{}")]) { other in
      let answer = TestServer.Answer(
        status: status, headers: ["Location": other.baseURL + "/v1"], body: "")
      try await TestServer.run([answer]) { server in
        let reply = try await HTTPClient().send(post(server.baseURL))
        #expect(reply.status == status)
        #expect(other.received.isEmpty)
      }
    }
  }

  @Test func onlyHTTPIsSpoken() async {
    for url in ["file:///etc/hostname", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "", "http://"] {
      let failure = await failure(HTTPClient(), post(url))
      guard case .refused = failure else {
        Issue.record("\(url): \(String(describing: failure))")
        continue
      }
    }
  }

  @Test(arguments: ["a\r\nX-Other: b", "a\nb", "a\0b", "\u{7f}"])
  func headersCannotBeSmuggledIn(value: String) async throws {
    try await TestServer.run([.init(body: "{}")]) { server in
      var post = post(server.baseURL)
      post.headers = [("X-Given", value)]
      #expect(await failure(HTTPClient(), post) == .invalidHeader("X-Given"))
      #expect(server.received.isEmpty)
    }
  }
}
