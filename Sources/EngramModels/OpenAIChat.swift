import Synchronization

/// Answers from an OpenAI-compatible service (`POST /chat/completions`).
///
/// An answer of a given form is asked for in the strongest way that the service takes: by a schema that
/// it enforces, by any JSON that it enforces, or by words alone. What it refuses is left out from then
/// on.
public struct OpenAIChat: ChatModel {
  public let model: String

  private let service: OpenAIService
  private let form = KnownForm()

  /// - Parameter ledger: notes each call.
  public init(
    _ endpoint: OpenAIEndpoint, model: String, ledger: UsageLedger? = nil
  ) throws(ModelError) {
    try self.init(OpenAIService(endpoint, ledger: ledger, pauses: .init()), model: model)
  }

  init(_ service: OpenAIService, model: String) throws(ModelError) {
    guard !model.isEmpty else { throw .invalid(field: "model", reason: "name the model") }
    self.service = service
    self.model = model
  }

  public func reply(to request: ChatRequest) async throws(ModelError) -> ChatReply {
    try request.check()
    let known = form.current
    var form = known
    var firstRefusal: ModelError?
    while true {
      do throws(ModelError) {
        let reply = try await reply(to: request, form)
        if form != known { self.form.remember(form) }
        return reply
      } catch {
        guard let refusal = error.refusal else { throw error }
        // Where no form is taken, the form was not what was wrong.
        let first = firstRefusal ?? error
        guard let next = form.next(after: refusal, request) else { throw first }
        firstRefusal = first
        form = next
      }
    }
  }

  private func reply(
    to request: ChatRequest, _ form: ChatForm
  ) async throws(ModelError) -> ChatReply {
    let body = form.body(request, model: model)
    return try await service.call(.chat, "/chat/completions", model: model, body: body) {
      (reply) throws(ModelError) in
      let reply = try ChatCompletion(reply).reply
      return (reply, reply.usage)
    }
  }
}

/// What a model's service is known to take, shared by all copies of its ``OpenAIChat``.
private final class KnownForm: Sendable {
  private let form = Mutex(ChatForm())

  var current: ChatForm { form.withLock { $0 } }
  func remember(_ known: ChatForm) { form.withLock { $0 = known } }
}

extension ModelError {
  /// What a service says that does not take the request as it is; FastAPI, on which many stand, has a
  /// status of its own for that.
  fileprivate var refusal: String? {
    switch self {
    case .service(status: 400, let message), .service(status: 422, let message): message
    default: nil
    }
  }
}
