/// What of a request a service understands. Each is found out by being refused, once.
struct ChatForm: Sendable, Equatable {
  /// From the strongest to the weakest.
  enum Structure: Sendable { case schema, object, text }

  var structure = Structure.schema
  /// The limit is called `max_completion_tokens`, as OpenAI's newer models want it.
  var namesCompletion = false
  var sendsTemperature = true

  /// The next form to try after a refusal; nil where none is left that would make a difference.
  func next(after message: String, _ request: ChatRequest) -> ChatForm? {
    var next = self
    if request.maxTokens != nil, !namesCompletion, message.contains("max_tokens") {
      next.namesCompletion = true
    } else if request.temperature != nil, sendsTemperature, message.contains("temperature") {
      next.sendsTemperature = false
    } else if request.schema != nil, structure != .text {
      next.structure = structure == .schema ? .object : .text
    } else {
      return nil
    }
    return next
  }

  /// The body of `POST /chat/completions`.
  func body(_ request: ChatRequest, model: String) -> [UInt8] {
    var body = Array(#"{"model":"#.utf8)
    JSONText.append(model, to: &body)
    body += #","messages":"#.utf8
    var separator = UInt8(ascii: "[")
    for message in messages(request) {
      body.append(separator)
      body += #"{"role":"\#(message.role.rawValue)","content":"#.utf8
      JSONText.append(message.text, to: &body)
      body.append(UInt8(ascii: "}"))
      separator = UInt8(ascii: ",")
    }
    body.append(UInt8(ascii: "]"))
    if let limit = request.maxTokens {
      body += #","\#(namesCompletion ? "max_completion_tokens" : "max_tokens")":\#(limit)"#.utf8
    }
    if sendsTemperature, let temperature = request.temperature {
      body += #","temperature":\#(temperature)"#.utf8
    }
    if let schema = request.schema { appendStructure(schema, to: &body) }
    body.append(UInt8(ascii: "}"))
    return body
  }

  private func appendStructure(_ schema: ChatRequest.Schema, to body: inout [UInt8]) {
    switch structure {
    case .schema:
      body += #","response_format":{"type":"json_schema","json_schema":{"name":"#.utf8
      JSONText.append(schema.name, to: &body)
      body += #","strict":true,"schema":\#(schema.json)}}"#.utf8
    case .object:
      body += #","response_format":{"type":"json_object"}"#.utf8
    case .text:
      break
    }
  }

  /// A schema that the service does not enforce is told to the model, in the first message: some
  /// models take system messages nowhere else, and only one.
  private func messages(_ request: ChatRequest) -> [ChatRequest.Message] {
    guard let schema = request.schema, structure != .schema else { return request.messages }
    let order =
      "Answer with one JSON document that conforms to this JSON Schema, and with nothing else:\n"
      + schema.json
    var messages = request.messages
    if messages.first?.role == .system {
      messages[0].text += "\n\n" + order
    } else {
      messages.insert(.init(.system, order), at: 0)
    }
    return messages
  }
}
