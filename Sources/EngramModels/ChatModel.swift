/// Answers a conversation.
public protocol ChatModel: Sendable {
  /// The name by which the service knows the model.
  var model: String { get }
  /// What the model says next.
  func reply(to request: ChatRequest) async throws(ModelError) -> ChatReply
}
