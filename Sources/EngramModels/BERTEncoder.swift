import CEngramKernels
import Synchronization

/// The forward pass of a BERT encoder (Devlin et al., *BERT*, 2018; Vaswani et al., *Attention Is All You
/// Need*, 2017, section 3): tokens to one vector each.
///
/// Texts lie one behind the other, without padding: whatever their lengths, a batch costs its tokens.
/// Linear layers run on kernels of our own over packed weights (`transformer.inc` says how and why).
final class BERTEncoder: Sendable {
  let configuration: BERTConfiguration
  private let tensors: Safetensors
  private let first: Norm
  private let layers: [Layer]
  private let workspaces = Mutex<[Workspace]>([])
  private let kernels = engram_kernels_active().pointee

  private struct Norm: Sendable {
    let gain: [Float]
    let bias: [Float]
  }

  /// A linear layer's weights in panels, as the kernel reads them.
  private struct Linear: Sendable {
    let panels: [UInt16]
    let bias: [Float]
  }

  private struct Layer: Sendable {
    let attention: Linear
    let attentionOutput: Linear
    let attentionNorm: Norm
    let inner: Linear
    let output: Linear
    let outputNorm: Norm
  }

  init(configuration: BERTConfiguration, tensors: Safetensors) throws(ModelError) {
    self.configuration = configuration
    self.tensors = tensors
    let (width, inner) = (configuration.width, configuration.inner)

    func norm(_ name: String) throws(ModelError) -> Norm {
      Norm(
        gain: try tensors.tensor(name + ".weight", shape: [width]),
        bias: try tensors.tensor(name + ".bias", shape: [width]))
    }
    /// Layers that read the same rows are one.
    func linear(_ names: [String], from depth: Int, to width: Int) throws(ModelError) -> Linear {
      // Before there is memory for what a damaged file only says to have.
      for name in names { try tensors.withTensor(name + ".weight", shape: [width, depth]) { _ in } }
      var panels = [UInt16](repeating: 0, count: names.count * width * depth)
      var bias: [Float] = []
      for (number, name) in names.enumerated() {
        try tensors.withTensor(name + ".weight", shape: [width, depth]) { weights in
          guard let weights = weights.baseAddress else { return }
          panels.withUnsafeMutableBufferPointer { panels in
            guard let panels = panels.baseAddress else { return }
            engram_pack_panels(weights, width, depth, panels + number * width * depth)
          }
        }
        bias += try tensors.tensor(name + ".bias", shape: [width])
      }
      return Linear(panels: panels, bias: bias)
    }

    first = try norm("embeddings.LayerNorm")
    var layers: [Layer] = []
    for number in 0..<configuration.layers {
      let name = "encoder.layer.\(number)"
      layers.append(
        Layer(
          attention: try linear(
            ["query", "key", "value"].map { "\(name).attention.self.\($0)" }, from: width, to: width),
          attentionOutput: try linear(["\(name).attention.output.dense"], from: width, to: width),
          attentionNorm: try norm("\(name).attention.output.LayerNorm"),
          inner: try linear(["\(name).intermediate.dense"], from: width, to: inner),
          output: try linear(["\(name).output.dense"], from: inner, to: width),
          outputNorm: try norm("\(name).output.LayerNorm")))
    }
    self.layers = layers
    // What every call reads is proven to be there.
    for (table, rows) in embeddingTables { try tensors.withTensor(table, shape: [rows, width]) { _ in } }
  }

  private var embeddingTables: [(String, Int)] {
    [
      (Self.words, configuration.vocabulary), (Self.positions, configuration.positions),
      (Self.types, 2),
    ]
  }
  private static let words = "embeddings.word_embeddings.weight"
  private static let positions = "embeddings.position_embeddings.weight"
  private static let types = "embeddings.token_type_embeddings.weight"

  /// Runs texts through the encoder, on the caller's thread.
  ///
  /// - Parameters:
  ///   - texts: tokens of each, below `vocabulary`, at most `positions` of them and at least one.
  ///   - body: takes the vectors of a text's tokens, one behind the other, text by text.
  func encode(
    _ texts: [[Int32]], _ body: (_ text: Int, _ vectors: UnsafeBufferPointer<Float>) -> Void
  ) throws(ModelError) {
    let width = configuration.width
    let rows = texts.reduce(0) { $0 + $1.count }
    guard rows > 0 else { return }
    let longest = texts.reduce(0) { max($0, $1.count) }
    let space = workspaces.withLock { $0.popLast() } ?? Workspace()
    defer { workspaces.withLock { $0.append(space) } }
    space.reserve(rows: rows, longest: longest, configuration)

    try look(up: texts, into: space.x)
    normalise(space.x, rows, first)
    for layer in layers {
      apply(layer.attention, to: space.x, rows, from: width, into: space.wide, engram_linear_store)
      var row = 0
      for text in texts {
        kernels.attention(
          space.wide + row * 3 * width, text.count, configuration.heads, space.scratch,
          space.context + row * width)
        row += text.count
      }
      apply(
        layer.attentionOutput, to: space.context, rows, from: width, into: space.x, engram_linear_add)
      normalise(space.x, rows, layer.attentionNorm)
      apply(layer.inner, to: space.x, rows, from: width, into: space.wide, engram_linear_gelu)
      apply(
        layer.output, to: space.wide, rows, from: configuration.inner, into: space.x, engram_linear_add)
      normalise(space.x, rows, layer.outputNorm)
    }
    var row = 0
    for (number, text) in texts.enumerated() {
      body(number, UnsafeBufferPointer(start: space.x + row * width, count: text.count * width))
      row += text.count
    }
  }

  /// The sum of what a token, its place and the kind of text stand for.
  private func look(up texts: [[Int32]], into x: UnsafeMutablePointer<Float>) throws(ModelError) {
    let width = configuration.width
    func table(
      _ name: String, _ rows: Int, _ body: (UnsafeBufferPointer<Float>) -> Void
    ) throws(ModelError) {
      try tensors.withTensor(name, shape: [rows, width], body)
    }
    try table(Self.words, configuration.vocabulary) { words in
      var row = x
      for token in texts.joined() {
        for i in 0..<width { row[i] = words[Int(token) * width + i] }
        row += width
      }
    }
    try table(Self.positions, configuration.positions) { positions in
      var row = x
      for text in texts {
        for i in 0..<text.count * width { row[i] += positions[i] }
        row += text.count * width
      }
    }
    try table(Self.types, 2) { types in
      var row = x
      for _ in 0..<texts.reduce(0, { $0 + $1.count }) {
        for i in 0..<width { row[i] += types[i] }
        row += width
      }
    }
  }

  private func apply(
    _ linear: Linear, to x: UnsafePointer<Float>, _ rows: Int, from depth: Int,
    into y: UnsafeMutablePointer<Float>, _ end: engram_linear_end
  ) {
    kernels.linear(x, rows, depth, linear.panels, linear.bias, y, linear.bias.count, end)
  }

  private func normalise(_ x: UnsafeMutablePointer<Float>, _ rows: Int, _ norm: Norm) {
    kernels.layer_norm(x, rows, configuration.width, norm.gain, norm.bias, configuration.epsilon)
  }
}

/// Memory for one forward pass, kept for the next. The encoder lends it to one call at a time, so that
/// nobody has it twice.
private final class Workspace: @unchecked Sendable {
  private var memory = UnsafeMutablePointer<Float>.allocate(capacity: 1)
  private var capacity = 1
  private var narrow = 0
  private var wider = 0

  deinit { memory.deallocate() }

  /// Makes room for a batch; what was there is lost.
  func reserve(rows: Int, longest: Int, _ configuration: BERTConfiguration) {
    narrow = rows * configuration.width
    wider = rows * max(3 * configuration.width, configuration.inner)
    let count = 2 * narrow + wider + 40 * (longest + 16)
    guard capacity < count else { return }
    memory.deallocate()
    memory = .allocate(capacity: count)
    capacity = count
  }

  /// The vectors of all tokens.
  var x: UnsafeMutablePointer<Float> { memory }
  /// What attention made of them.
  var context: UnsafeMutablePointer<Float> { memory + narrow }
  /// Queries, keys and values, or the inner layer.
  var wide: UnsafeMutablePointer<Float> { memory + 2 * narrow }
  var scratch: UnsafeMutablePointer<Float> { memory + 2 * narrow + wider }
}
