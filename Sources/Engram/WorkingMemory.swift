import EngramStore
import Synchronization

/// The last messages of each session, in this process: what an agent has at hand without asking a store.
///
/// Bounded in every direction. What a session has no room for any more comes back, oldest first, and so does
/// a whole session that has not been used for longest when there are too many: whoever appends decides what
/// becomes of it, for example that it is remembered for good.
///
/// ```swift
/// let working = WorkingMemory()
/// for evicted in try working.append(message, to: session) {
///   try await engine.add(evicted.messages, scope: evicted.session)
/// }
/// let prompt = working.messages(of: session)
/// ```
public final class WorkingMemory: Sendable {
  /// What it holds at most.
  public struct Limits: Sendable, Hashable {
    /// Messages of a session.
    public var messages: Int
    /// Tokens of a session's messages, as ``TokenEstimate`` counts them.
    public var tokens: Int
    public var sessions: Int

    public init(messages: Int = 40, tokens: Int = 4_000, sessions: Int = 1_000) {
      self.messages = messages
      self.tokens = tokens
      self.sessions = sessions
    }
  }

  /// Messages that there was no room for any more.
  public struct Evicted: Sendable, Hashable {
    public var session: Scope
    /// In the order in which they were said.
    public var messages: [Message]
  }

  private struct Session {
    var messages: [(message: Message, tokens: Int)] = []
    var tokens = 0
    /// Grows with each use of any session.
    var lastUse = 0
  }

  private struct State {
    var sessions: [Scope: Session] = [:]
    var uses = 0
  }

  public let limits: Limits
  private let state = Mutex(State())

  /// - Throws: `EngramError.invalid` where a limit is not above 0.
  public init(limits: Limits = Limits()) throws(EngramError) {
    for (field, limit) in [
      ("messages", limits.messages), ("tokens", limits.tokens), ("sessions", limits.sessions),
    ] where limit < 1 { throw .invalid(field: field, reason: "give 1 or more, not \(limit)") }
    self.limits = limits
  }

  /// Adds a message to a session.
  ///
  /// - Parameter session: a scope that names its run.
  /// - Returns: what had to go for it: of a session that had been used least, and the oldest of this one. A
  ///   message that alone has more tokens than a session may have is among them.
  /// - Throws: `EngramError.invalid` where the session names no run, or the message is empty.
  public func append(
    _ message: Message, to session: Scope
  ) throws(EngramError) -> [Evicted] {
    guard session.run != nil else {
      throw .invalid(field: "session", reason: "it names no run; give the scope of one conversation")
    }
    guard message.content.contains(where: { !$0.isWhitespace }) else {
      throw .invalid(field: "message", reason: "it is empty")
    }
    let tokens = TokenEstimate.tokens(in: message.content)
    return state.withLock { state in
      var evicted: [Evicted] = []
      if state.sessions[session] == nil, state.sessions.count >= limits.sessions,
        let least = state.sessions.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        state.sessions[least.key] = nil
        evicted.append(Evicted(session: least.key, messages: least.value.messages.map(\.message)))
      }
      state.uses += 1
      let uses = state.uses
      let gone = Self.append(
        message, tokens, to: &state.sessions[session, default: Session()], uses, limits)
      if !gone.isEmpty { evicted.append(Evicted(session: session, messages: gone)) }
      if state.sessions[session]?.messages.isEmpty == true { state.sessions[session] = nil }
      return evicted
    }
  }

  /// What goes for a message, oldest first.
  private static func append(
    _ message: Message, _ tokens: Int, to session: inout Session, _ use: Int, _ limits: Limits
  ) -> [Message] {
    session.lastUse = use
    session.messages.append((message, tokens))
    session.tokens += tokens
    var count = 0
    while session.messages.count - count > limits.messages || session.tokens > limits.tokens {
      session.tokens -= session.messages[count].tokens
      count += 1
    }
    defer { session.messages.removeFirst(count) }
    return session.messages.prefix(count).map(\.message)
  }

  /// The messages of a session, oldest first; none where it is not known. Counts as a use of it.
  public func messages(of session: Scope) -> [Message] {
    state.withLock { state in
      guard state.sessions[session] != nil else { return [] }
      state.uses += 1
      state.sessions[session]?.lastUse = state.uses
      return state.sessions[session]?.messages.map(\.message) ?? []
    }
  }

  /// The sessions that it knows, in no order.
  public var sessions: [Scope] { state.withLock { Array($0.sessions.keys) } }

  /// Forgets the sessions whose scope has every id that `scope` names: one that has ended, or all of a user.
  ///
  /// - Returns: what they held.
  @discardableResult
  public func clear(_ scope: Scope) -> [Evicted] {
    state.withLock { state in
      let gone = state.sessions.filter { session, _ in
        (scope.user == nil || scope.user == session.user)
          && (scope.agent == nil || scope.agent == session.agent)
          && (scope.run == nil || scope.run == session.run)
      }
      for session in gone.keys { state.sessions[session] = nil }
      return gone.sorted { $0.value.lastUse < $1.value.lastUse }.map {
        Evicted(session: $0.key, messages: $0.value.messages.map(\.message))
      }
    }
  }
}
