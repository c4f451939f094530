import Foundation

/// What was said to an agent in one go, kept as it was said.
///
/// What it means is left to whoever makes memories of it: the store keeps the text, and remembers that
/// something is still to be made of it, through crashes, until somebody says that it has been.
public struct Episode: Sendable, Hashable {
  public var id: UUID
  public var scope: Scope
  /// The messages, in a form that the writer knows.
  public var body: String
  public var createdAt: Date
  /// From then on it may be removed.
  public var expiresAt: Date?
  /// When memories are to be made of it, at the earliest; nil where nothing is to be done any more.
  public var retryAt: Date?
  /// How often that has failed, and why the last time.
  public var attempts: Int
  public var failure: String?

  /// - Parameters:
  ///   - id: nil for a new one, of version 7.
  ///   - retryAt: nil where it is only to be kept.
  public init(
    id: UUID? = nil, scope: Scope, body: String, createdAt: Date = Date(), expiresAt: Date? = nil,
    retryAt: Date? = nil
  ) {
    self.id = id ?? .timeOrdered()
    self.scope = scope
    self.body = body
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.retryAt = retryAt
    attempts = 0
  }

  /// Why memories could not be made of an episode, and when that is to be tried again.
  struct Postponement: Sendable {
    /// Microseconds since 1970; nil for never.
    var retryAt: Int64?
    var failure: String?
  }

  /// Whether making memories of it has been given up.
  public var isDead: Bool { retryAt == nil && failure != nil }
}
