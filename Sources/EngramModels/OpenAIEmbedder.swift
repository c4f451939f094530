/// Vectors from an OpenAI-compatible service (`POST /embeddings`).
///
/// Texts go out in batches, one after the other; calls of ``embed(_:)`` may run side by side.
public struct OpenAIEmbedder: Embedder {
  public let model: String
  public let dimension: Int

  private let service: OpenAIService
  private let asksForDimension: Bool
  private let batchTextsMax: Int
  private let batchBytesMax: Int

  /// What services take at once: OpenAI 2,048 texts and 300,000 tokens, small ones less.
  public static let batchTextsMax = 256
  /// A longer text goes alone.
  public static let batchBytesMax = 512 << 10

  /// - Parameters:
  ///   - dimension: what the model gives; other lengths are refused.
  ///   - asksForDimension: sends `dimensions`, for models that can give shorter vectors.
  ///   - ledger: notes each call.
  public init(
    _ endpoint: OpenAIEndpoint, model: String, dimension: Int, asksForDimension: Bool = false,
    batchTextsMax: Int = Self.batchTextsMax, batchBytesMax: Int = Self.batchBytesMax,
    ledger: UsageLedger? = nil
  ) throws(ModelError) {
    try self.init(
      OpenAIService(endpoint, ledger: ledger, pauses: .init()), model: model, dimension: dimension,
      asksForDimension: asksForDimension, batchTextsMax: batchTextsMax, batchBytesMax: batchBytesMax)
  }

  init(
    _ service: OpenAIService, model: String, dimension: Int, asksForDimension: Bool = false,
    batchTextsMax: Int = Self.batchTextsMax, batchBytesMax: Int = Self.batchBytesMax
  ) throws(ModelError) {
    guard !model.isEmpty else { throw .invalid(field: "model", reason: "name the model") }
    guard dimension > 0 else { throw .invalid(field: "dimension", reason: "give 1 or more") }
    guard batchTextsMax > 0, batchBytesMax > 0 else {
      throw .invalid(field: "batch", reason: "a batch holds at least one text and one byte")
    }
    self.service = service
    self.model = model
    self.dimension = dimension
    self.asksForDimension = asksForDimension
    self.batchTextsMax = batchTextsMax
    self.batchBytesMax = batchBytesMax
  }

  /// Learns the dimension from the service, with one call.
  public static func connect(
    _ endpoint: OpenAIEndpoint, model: String, ledger: UsageLedger? = nil
  ) async throws(ModelError) -> OpenAIEmbedder {
    try await connect(OpenAIService(endpoint, ledger: ledger, pauses: .init()), model: model)
  }

  static func connect(
    _ service: OpenAIService, model: String
  ) async throws(ModelError) -> OpenAIEmbedder {
    let probe = try OpenAIEmbedder(service, model: model, dimension: 1)
    let vectors = try await probe.request(["dimension"], dimension: nil)
    return try OpenAIEmbedder(service, model: model, dimension: vectors[0].count)
  }

  public func embed(_ texts: [String]) async throws(ModelError) -> [[Float]] {
    if let position = texts.firstIndex(where: \.isEmpty) {
      throw .invalid(field: "texts[\(position)]", reason: "is empty; leave it out")
    }
    var vectors: [[Float]] = []
    vectors.reserveCapacity(texts.count)
    while vectors.count < texts.count {
      let batch = batch(of: texts[vectors.count...])
      vectors += try await request(batch, dimension: dimension)
    }
    return vectors
  }

  /// The first texts, as many as go together; at least one.
  private func batch(of texts: ArraySlice<String>) -> ArraySlice<String> {
    var bytes = 0
    let count = texts.prefix(batchTextsMax).prefix { text in
      bytes += text.utf8.count
      return bytes <= batchBytesMax
    }.count
    return texts.prefix(max(count, 1))
  }

  private func request(
    _ texts: ArraySlice<String>, dimension: Int?
  ) async throws(ModelError) -> [[Float]] {
    try await service.call(.embedding, "/embeddings", model: model, body: body(texts)) {
      (reply) throws(ModelError) in
      let reply = try EmbeddingsReply(reply)
      return (try reply.vectors(count: texts.count, dimension: dimension), reply.tokens)
    }
  }

  private func body(_ texts: ArraySlice<String>) -> [UInt8] {
    var body = Array(#"{"model":"#.utf8)
    JSONText.append(model, to: &body)
    body += #","input":"#.utf8
    var separator = UInt8(ascii: "[")
    for text in texts {
      body.append(separator)
      JSONText.append(text, to: &body)
      separator = UInt8(ascii: ",")
    }
    body += #"],"encoding_format":"float""#.utf8
    if asksForDimension { body += #","dimensions":\#(dimension)"#.utf8 }
    body.append(UInt8(ascii: "}"))
    return body
  }
}
