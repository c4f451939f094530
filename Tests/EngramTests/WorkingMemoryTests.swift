import EngramStore
import Foundation
import Testing

@testable import Engram

/// Against a plain list of all that was said.
@Suite struct WorkingMemoryTests {
  private static func message(_ generator: inout Generator) -> Message {
    let words = (0..<Int.random(in: 1...8, using: &generator)).map { _ in
      String(Int.random(in: 0..<1_000, using: &generator))
    }
    return Message(generator.oneIn(2) ? .user : .assistant, words.joined(separator: " "))
  }

  /// Random sessions under random limits: what is held and what came back are together all that was said, in
  /// its order, no bound is ever passed, and nothing goes that there was room for.
  @Test(arguments: 1...20 as ClosedRange<UInt64>) func holdsTheLatest(seed: UInt64) throws {
    var generator = Generator(seed: seed)
    let limits = WorkingMemory.Limits(
      messages: Int.random(in: 1...6, using: &generator), tokens: Int.random(in: 4...30, using: &generator),
      sessions: Int.random(in: 1...4, using: &generator))
    let working = try WorkingMemory(limits: limits)
    var said: [Scope: [Message]] = [:]
    var returned: [Scope: [Message]] = [:]
    var uses: [Scope] = []
    for _ in 0..<400 {
      let session = Scope(
        user: generator.oneIn(2) ? "a" : nil, run: "\(Int.random(in: 0..<4, using: &generator))")
      func held(_ session: Scope) -> [Message] {
        Array((said[session] ?? []).dropFirst(returned[session]?.count ?? 0))
      }
      if generator.oneIn(4) {
        #expect(working.messages(of: session) == held(session))
        if working.sessions.contains(session) { uses.append(session) }
        continue
      }
      let message = Self.message(&generator)
      let before = Set(working.sessions)
      said[session, default: []].append(message)
      for evicted in try working.append(message, to: session) {
        if evicted.session != session {
          // Only for want of a place, and the one that was used least.
          #expect(before.count == limits.sessions && !before.contains(session))
          let least = before.min { uses.lastIndex(of: $0) ?? -1 < uses.lastIndex(of: $1) ?? -1 }
          #expect(evicted.session == least && evicted.messages == held(evicted.session))
        } else {
          let kept = Array(held(session).dropFirst(evicted.messages.count))
          #expect(held(session).starts(with: evicted.messages))
          let last = evicted.messages.suffix(1) + kept
          #expect(
            last.count > limits.messages
              || last.reduce(0) { $0 + TokenEstimate.tokens(in: $1.content) } > limits.tokens)
        }
        returned[evicted.session, default: []] += evicted.messages
      }
      uses.append(session)
      let now = held(session)
      #expect(now.count <= limits.messages && working.sessions.count <= limits.sessions)
      #expect(now.reduce(0) { $0 + TokenEstimate.tokens(in: $1.content) } <= limits.tokens)
      #expect(Set(working.sessions) == Set(said.keys.filter { !held($0).isEmpty }))
    }
    for evicted in working.clear(.all) {
      let held = (said[evicted.session] ?? []).dropFirst(returned[evicted.session]?.count ?? 0)
      #expect(evicted.messages == Array(held))
    }
    #expect(working.sessions.isEmpty)
  }

  @Test func clearsByScope() throws {
    let working = try WorkingMemory()
    let sessions = [Scope(user: "a", run: "1"), Scope(user: "a", run: "2"), Scope(user: "b", run: "1")]
    for session in sessions { #expect(try working.append(Message(.user, "tea"), to: session).isEmpty) }
    #expect(working.clear(Scope(user: "a")).map(\.session) == Array(sessions[..<2]))
    #expect(working.sessions == [sessions[2]] && working.clear(sessions[0]).isEmpty)
    #expect(working.messages(of: sessions[0]).isEmpty && working.messages(of: sessions[2]).count == 1)
  }

  /// A message that has no room at all comes back at once.
  @Test func aMessageLongerThanTheSession() throws {
    let working = try WorkingMemory(limits: .init(tokens: 3))
    let session = Scope(run: "1")
    #expect(try working.append(Message(.user, "green tea"), to: session).isEmpty)
    let long = Message(.user, "one two three four")
    let evicted = try working.append(long, to: session)
    #expect(evicted.map(\.messages) == [[Message(.user, "green tea"), long]] && working.sessions.isEmpty)
  }

  @Test func whatIsRefused() async throws {
    for limits in [
      WorkingMemory.Limits(messages: 0), .init(tokens: 0), .init(sessions: -1),
    ] { #expect(throws: EngramError.self) { try WorkingMemory(limits: limits) } }
    let working = try WorkingMemory()
    let (text, blank) = (Message(.user, "x"), Message(.user, " \n"))
    #expect(await refusal { _ = try working.append(text, to: Scope(user: "a")) } == "invalid session")
    #expect(await refusal { _ = try working.append(blank, to: Scope(run: "a")) } == "invalid message")
    #expect(working.sessions.isEmpty)
  }

  /// What comes back can be remembered for good.
  @Test func evictedMessagesGoToTheEngine() async throws {
    try await withEngine { engine in
      let working = try WorkingMemory(limits: .init(messages: 1))
      let session = Scope(user: "alice", run: "1")
      for text in ["I live in Berlin", "Thanks!"] {
        for evicted in try working.append(Message(.user, text), to: session) {
          try await engine.add(evicted.messages, scope: evicted.session)
        }
      }
      #expect(try engine.getAll(scope: session).memories.count == 1)
      #expect(working.messages(of: session).map(\.content) == ["Thanks!"])
    }
  }
}
