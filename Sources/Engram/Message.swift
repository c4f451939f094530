/// A message of a conversation.
public struct Message: Sendable, Hashable {
  public enum Role: String, Sendable, CaseIterable {
    case user, assistant, system
  }

  public var role: Role
  public var content: String
  /// Who wrote it, where a conversation has several users or agents.
  public var name: String?

  public init(_ role: Role, _ content: String, name: String? = nil) {
    self.role = role
    self.content = content
    self.name = name
  }
}
