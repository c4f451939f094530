import EngramModels
import EngramStore
import Foundation
import ModelService
import Synchronization
import Testing

@testable import Engram

/// What waits for the chat model, through failures and restarts.
@Suite(.serialized) struct MemoryQueueTests {
  private let scope = Scope(user: "u")

  /// Something that happens once and is waited for.
  private final class Event: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    init() { (stream, continuation) = AsyncStream.makeStream() }
    func happen() { continuation.finish() }
    func wait() async { for await _ in stream {} }
  }

  @Test func anAddReturnsBeforeTheModelAnswers() async throws {
    let asked = Event()
    let mayAnswer = Event()
    try await withModel(
      worksQueue: true,
      { question in
        asked.happen()
        await mayAnswer.wait()
        return .facts(question.messages)
      }
    ) { engine, _ in
      let added = try await engine.add("I live in Berlin", scope: scope)
      let pending = try #require(added.first)
      #expect(added.count == 1 && pending.event == .pending && pending.memory == "I live in Berlin")
      #expect(try pending.mem0.canonicalText.contains(#""event":"PENDING""#))
      await asked.wait()
      #expect(try engine.pending().map(\.id) == [pending.id])
      #expect(try engine.texts(scope).isEmpty)
      mayAnswer.happen()
      #expect(try await engine.drain() == 0)
      #expect(try engine.texts(scope) == ["I live in Berlin"])
      #expect(try engine.store.memories(madeOf: pending.id).count == 1)
    }
  }

  /// With a failure in between, too, the memories of a scope are made in the order of the calls.
  @Test func aScopeIsWorkedOffInOrder() async throws {
    let failures = Mutex(2)
    try await withModel({ question in
      guard question.kind == "facts" else { return .decisions([]) }
      let fails = failures.withLock { left in
        left -= 1
        return left >= 0
      }
      return fails ? .error(500) : .facts(question.messages)
    }) { engine, server in
      let texts = (1...12).map { "I have read book number \($0)" }
      for text in texts {
        #expect(try await engine.add(text, scope: scope).map(\.event) == [.pending])
      }
      _ = try await engine.add("I live in Oslo", scope: Scope(user: "v"))
      #expect(try engine.pending().count == 13)
      // The first attempts fail, in each scope or both in one; nobody overtakes.
      _ = try await engine.drain()
      _ = try await engine.drain()
      #expect(try await engine.drain() == 0)
      #expect(try engine.texts(scope) == texts)
      #expect(try engine.texts(Scope(user: "v")) == ["I live in Oslo"])
      let said = server.questions.filter { $0.kind == "facts" && $0.messages[0].contains("book") }
      #expect(
        said.map { $0.messages[0] }.drop { $0 == texts[0] }.elementsEqual(texts.dropFirst()))
    }
  }

  /// Whatever the service answers instead of an answer: the caller gets the error, nothing is written, and
  /// the message waits.
  @Test(
    arguments: [
      ("facts", TestServer.Answer.error(500, "down")), ("facts", .error(401, "key")),
      ("facts", .error(429, "slowly", headers: ["Retry-After": "1000"])),
      ("facts", .chat("I found no facts, sorry!")), ("facts", .chat("")), ("facts", .chat("[")),
      ("facts", .chat("{}")), ("facts", .chat(#"{"facts":4}"#)), ("facts", .chat("null")),
      ("facts", .init(body: "<html><body>Bad gateway</body></html>")), ("facts", .init(body: "")),
      ("facts", .chat("<html><body>Sorry</body></html>")),
      ("facts", .chat(#"{"facts":[{"text":"I live in Berlin","role":"user"},{"text":"I li"#)),
      ("facts", .chat(#"{"facts":["I live in Berlin"]}"#, finish: "length")),
      ("facts", .facts((0...500).map { "Fact number \($0)" })),
      ("decisions", .error(503, "down")), ("decisions", .chat("no")), ("decisions", .chat("{}")),
      ("decisions", .chat(#"{"decisions":[{"fact":0,"event":"DEL"#)),
      ("decisions", .chat(#"{"decisions":[]}"#, finish: "length")),
    ] as [(String, TestServer.Answer)])
  func failuresLoseNothing(kind: String, answer: TestServer.Answer) async throws {
    let isWell = Mutex(false)
    try await withModel({ question in
      if question.kind == kind, !isWell.withLock({ $0 }) {
        return answer
      }
      return question.kind == "facts" ? .facts(question.messages) : .decisions([])
    }) { engine, _ in
      try await engine.add("I like tea", scope: scope, options: AddOptions(mode: .verbatim))
      let before = try engine.store.statistics().changes
      let refused = await refusal {
        try await engine.add("I live in Berlin", scope: scope, options: .waiting())
      }
      #expect(refused == "model")
      let waiting = try #require(try engine.pending().first)
      #expect(waiting.attempts == 1 && waiting.failure?.isEmpty == false)
      let pause = try #require(waiting.retryAt).timeIntervalSinceNow
      #expect(answer.status == 429 ? pause > 900 : pause < 6)
      #expect(try engine.store.statistics().changes == before)
      #expect(try engine.texts(scope) == ["I like tea"])
      isWell.withLock { $0 = true }
      #expect(try await engine.drain() == 0)
      #expect(try engine.texts(scope) == ["I like tea", "I live in Berlin"])
      #expect(try await engine.store.verify().isSound)
    }
  }

  @Test func aServiceThatIsNotThereOrSilent() async throws {
    try await withTemporaryDirectory { path in
      let never = Event()
      try await TestServer.memories { _ in
        await never.wait()
        return .error(500)
      } while: { server in
        let slow = try engine(path, server, timeout: .milliseconds(50))
        let refused = await refusal {
          try await slow.add("I live in Berlin", scope: scope, options: .waiting())
        }
        let failure = try slow.pending().first?.failure
        #expect(refused == "model" && failure?.contains("did not answer") == true)
        try await slow.close()
        never.happen()
      }
      let gone = try engine(path, "http://127.0.0.1:1")
      #expect(try await gone.drain() == 1)
      #expect(try gone.pending().first?.attempts == 2)
      try await gone.close()
      // Without a model the message is not lost, either.
      let none = try MemoryEngine(path: path, embedder: HashingEmbedder(), durability: .process)
      #expect(await refusal { try await none.drain() } == "invalid chat")
      #expect(try none.pending().first?.messages.map(\.content) == ["I live in Berlin"])
      try await none.close()
    }
  }

  /// The background does by itself what fails at first.
  @Test func theBackgroundTriesAgain() async throws {
    let attempts = Mutex(0)
    let made = Event()
    try await withTemporaryDirectory { path in
      try await TestServer.memories { question in
        let attempt = attempts.withLock { count in
          count += 1
          return count
        }
        return attempt < 4 ? .error(500) : .facts(question.messages)
      } while: { server in
        let engine = try engine(path, server)
        var maker = try #require(engine.maker)
        maker.backOff.firstPause = 0.001
        let queue = MemoryQueue(maker)
        try await engine.add("I live in Berlin", scope: scope)
        await queue.wake()
        let watch = Task {
          while try !engine.pending().isEmpty { await Task.yield() }
          made.happen()
        }
        await made.wait()
        try await watch.value
        #expect(attempts.withLock { $0 } == 4)
        #expect(try engine.texts(scope) == ["I live in Berlin"])
        await queue.close()
        try await engine.close()
      }
    }
  }

  @Test func closingLeavesWhatWasBegun() async throws {
    let asked = Event()
    try await withTemporaryDirectory { path in
      try await TestServer.memories { _ in
        asked.happen()
        // Until the client has gone.
        try? await Task.sleep(for: .seconds(20))
        return .error(500)
      } while: { server in
        let engine = try engine(path, server, worksQueue: true)
        try await engine.add("I live in Berlin", scope: scope)
        await asked.wait()
        try await engine.close()
      }
      try await TestServer.memories { .facts($0.messages) } while: { server in
        let engine = try engine(path, server)
        let waiting = try #require(try engine.pending().first)
        #expect(waiting.attempts == 0 && waiting.failure == nil)
        #expect(try await engine.drain() == 0)
        #expect(try engine.texts(scope) == ["I live in Berlin"])
        try await engine.close()
      }
    }
  }

  /// What came with a call is with its memories, also where a later process makes them: one that works
  /// off the queue without being told.
  @Test func optionsSurviveARestart() async throws {
    var options = AddOptions(
      mode: .additive, metadata: try Metadata(["team": "a", "n": 1]), categories: ["x", "y"],
      importance: 0.75, createdAt: Date(timeIntervalSince1970: 1_700_000_000),
      expiresAt: Date(timeIntervalSince1970: 4_000_000_000.5), key: "turn 1")
    let episode = try Episode(
      [Message(.user, "hi \"you\"", name: "Ann")], scope: scope, key: "turn 1", isNote: true,
      options: options)
    let read = try #require(episode.options)
    #expect(
      read.mode == options.mode && read.metadata == options.metadata && read.categories == options.categories
        && read.importance == options.importance && read.createdAt == options.createdAt
        && read.expiresAt == options.expiresAt && read.key == options.key && episode.isNote)
    #expect(episode.messages == [Message(.user, "hi \"you\"", name: "Ann")])
    // As it was written before there was a queue.
    let old = Episode(scope: scope, body: #"[{"role":"user","content":"I moved"},{"role":"x"},4]"#)
    #expect(old.messages == [Message(.user, "I moved")] && old.options == nil && !old.isNote)

    try await withTemporaryDirectory { path in
      try await TestServer.memories { .facts($0.messages) } while: { server in
        var engine = try engine(path, server)
        for _ in 0..<2 {
          let added = try await engine.add("I live in Berlin", scope: scope, options: options)
          #expect(added.map(\.event) == [.pending])
        }
        try await engine.close()
        engine = try working(path, server)
        while try !engine.pending().isEmpty { await Task.yield() }
        let memory = try #require(try engine.getAll(scope: scope).memories.first)
        #expect(memory.text == "I live in Berlin" && memory.metadata["team"] == "a")
        #expect(memory.categories == ["x", "y"] && memory.importance == 0.75)
        #expect(memory.createdAt == options.createdAt && memory.expiresAt == options.expiresAt)
        // Worked off, the call is known.
        #expect(try await engine.add("I live in Berlin", scope: scope, options: options).isEmpty)
        options.waits = true
        #expect(try await engine.add("I live in Berlin", scope: scope, options: options).isEmpty)
        #expect(try engine.texts(scope).count == 1 && server.questions.count == 1)
        try await engine.close()
      }
    }
  }

  private func working(_ path: String, _ server: TestServer) throws -> MemoryEngine {
    try engine(path, server, worksQueue: true)
  }

  @Test func whatIsRefusedDoesNotWait() async throws {
    try await withModel({ .facts($0.messages) }) { engine, server in
      var wrong: [AddOptions] = (0..<4).map { _ in AddOptions() }
      wrong[0].importance = 2
      wrong[1].metadata = try Metadata(["_engram": 1])
      wrong[2].key = String(repeating: "k", count: 600)
      wrong[3].expiresAt = .distantPast.addingTimeInterval(-1e12)
      for options in wrong {
        let refused = await refusal { try await engine.add("I like tea", scope: scope, options: options) }
        #expect(refused?.hasPrefix("invalid") == true, "\(options)")
      }
      let long = String(repeating: "I like tea. ", count: 70_000)
      #expect(
        await refusal {
          try await engine.add([Message(.user, long), Message(.user, long)], scope: scope)
        } == "invalid messages")
      #expect(try engine.pending().isEmpty && server.received.isEmpty)
    }
  }

  /// Two engines on one store, each with a worker, and calls that wait: no memory is made twice.
  @Test func twoEnginesMakeNothingTwice() async throws {
    try await withTemporaryDirectory { path in
      try await TestServer.memories { question in
        question.kind == "facts" ? .facts(question.messages) : .decisions([])
      } while: { server in
        let engines = [
          try engine(path, server, worksQueue: true), try engine(path, server, worksQueue: true),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<24 {
            group.addTask {
              let options = AddOptions(mode: .additive, waits: number % 4 == 0)
              try await engines[number % 2].add(
                "I have read book number \(number)", scope: Scope(user: "u\(number % 3)"), options: options)
            }
          }
          try await group.waitForAll()
        }
        for engine in engines { #expect(try await engine.drain() == 0) }
        while try !engines[0].pending().isEmpty { await Task.yield() }
        let texts = try (0..<3).flatMap { try engines[0].texts(Scope(user: "u\($0)")) }
        #expect(texts.count == 24 && Set(texts).count == 24, "\(texts.sorted())")
        #expect(try engines[0].deadLetters().isEmpty)
        for engine in engines { try await engine.close() }
      }
    }
  }

  @Test func deadLettersAreKeptTriedAgainAndDropped() async throws {
    let isWell = Mutex(false)
    try await withModel({ question in
      if question.kind == "decisions" { return .decisions([]) }
      return isWell.withLock { $0 } || question.messages[0] != "I am odd"
        ? .facts(question.messages) : .chat("what?")
    }) { engine, _ in
      for text in ["I am odd", "I live in Berlin"] { try await engine.add(text, scope: scope) }
      for attempt in 1..<BackOff.refusalsMax {
        #expect(try await engine.drain() == 2)
        #expect(try engine.pending().first?.attempts == attempt)
      }
      #expect(try await engine.drain() == 1)
      // Given up, it holds up nobody.
      #expect(try await engine.drain() == 0)
      #expect(try engine.texts(scope) == ["I live in Berlin"])
      let dead = try #require(try engine.deadLetters().first)
      #expect(dead.isDead && dead.attempts == 5 && dead.failure?.contains("JSON") == true)
      #expect(dead.messages.map(\.content) == ["I am odd"])
      // Waiting again, it fails as before, with all its attempts.
      try await engine.retry(dead.id)
      #expect(try engine.deadLetters().isEmpty)
      #expect(try await engine.drain() == 1)
      #expect(try engine.pending().first?.attempts == 1)
      isWell.withLock { $0 = true }
      #expect(try await engine.drain() == 0)
      #expect(try engine.texts(scope) == ["I live in Berlin", "I am odd"])
      isWell.withLock { $0 = false }
      let odd = Scope(user: "odd")
      let id = try await engine.add("I am odd", scope: odd)[0].id
      try await engine.drop(id)
      #expect(try engine.pending().isEmpty && engine.deadLetters().isEmpty)
      #expect(try engine.store.episode(id)?.messages.map(\.content) == ["I am odd"])
      for gone in [id, UUID()] {
        let why = "No memories are to be made"
        #expect(await refusal { try await engine.drop(gone) }?.contains(why) == true)
        #expect(await refusal { try await engine.retry(gone) }?.contains(why) == true)
      }
    }
  }

  /// Memories of a scope that are all deleted do not come back from what waited.
  @Test func deletingAllDropsWhatWaits() async throws {
    try await withModel({ .facts($0.messages) }) { engine, _ in
      for user in ["u", "v"] { try await engine.add("I live in Berlin", scope: Scope(user: user)) }
      #expect(try await engine.deleteAll(scope: scope) == 0)
      #expect(try engine.pending().map(\.scope.user) == ["v"])
      #expect(try await engine.drain() == 0)
      #expect(try engine.texts(scope).isEmpty && engine.texts(Scope(user: "v")).count == 1)
    }
  }

  /// Chatter is kept, and costs no question; a "yes" is none where something was asked.
  @Test func chatterCostsNothing() async throws {
    try await withModel({ .facts($0.messages) }) { engine, server in
      #expect(try await engine.add("Thanks a lot!", scope: scope).isEmpty)
      #expect(try await engine.add("What is the capital of France?", scope: scope).isEmpty)
      #expect(try server.received.isEmpty && engine.pending().isEmpty)
      #expect(try engine.store.episodes(scope: scope, last: 9).count == 2)
      let asked = [Message(.user, "Hello"), Message(.assistant, "Hi! Do you live in Berlin?")]
      #expect(try await engine.add(asked, scope: scope).isEmpty)
      #expect(try await engine.add("Yes", scope: scope).map(\.event) == [.pending])
      #expect(try await engine.drain() == 0)
      #expect(server.questions.last?.earlier.contains("Hi! Do you live in Berlin?") == true)
      // As it is, without a model.
      let kept = try await engine.add("Thanks!", scope: scope, options: AddOptions(mode: .verbatim))
      #expect(kept.map(\.event) == [.add])
    }
  }
}

@Suite struct BackOffTests {
  @Test func pausesGrowAndEnd() throws {
    let now = Date(timeIntervalSince1970: 0)
    let backOff = BackOff()
    func pause(_ error: EngramError, _ attempts: Int, _ random: Double) -> Double? {
      backOff.retryAt(after: error, attempts: attempts, now: now, random: random)?.timeIntervalSince1970
    }
    let down = EngramError.model(.service(status: 500, message: ""))
    #expect(pause(down, 1, 0) == 2.5 && pause(down, 2, 0) == 5 && pause(down, 4, 0.5) == 30)
    #expect(pause(down, 12, 0) == 1_800 && pause(down, 15, 0.5) == 2_700 && pause(down, 16, 0) == nil)
    for error in [
      EngramError.model(.badReply(reason: "")), .model(.service(status: 400, message: "")),
      .invalid(field: "", reason: ""),
    ] { #expect(pause(error, 4, 0) == 20 && pause(error, 5, 0) == nil) }
    for status in [401, 403, 404, 408, 500, 503] {
      #expect(pause(.model(.service(status: status, message: "")), 5, 0) == 40)
    }
    #expect(pause(.model(.rateLimited(retryAfter: .seconds(100))), 1, 0) == 101)
    #expect(pause(.model(.rateLimited(retryAfter: nil)), 1, 0) == 2.5)
    #expect(pause(.model(.rateLimited(retryAfter: .seconds(Int64.max))), 1, 0) == 86_400)
    #expect(pause(.model(.timedOut(after: .seconds(1))), 15, 0) != nil)
  }
}
