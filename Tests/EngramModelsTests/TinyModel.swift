import Foundation

@testable import EngramModels

/// A model of one narrow layer with weights of no meaning, in a folder that goes with it: quick to make
/// and to damage.
final class TinyModel {
  static let (width, inner, positions) = (96, 48, 256)
  static let pieces =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "house", "garden", "##s", "!", "the", "tea", "z"]

  let folder: String

  /// The tensors that a file of such a model has.
  var shapes: [String: [Int]]
  /// Changes an entry of the header before it is written.
  var damage: (String, inout [String: Any]) -> Void = { _, _ in }

  init() throws {
    let (width, inner) = (Self.width, Self.inner)
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("tiny-model-\(UUID().uuidString)").path
    shapes = [
      "embeddings.word_embeddings.weight": [Self.pieces.count, width],
      "embeddings.position_embeddings.weight": [Self.positions, width],
      "embeddings.token_type_embeddings.weight": [2, width],
    ]
    let layer = "encoder.layer.0"
    for norm in ["embeddings", "\(layer).attention.output", "\(layer).output"] {
      shapes["\(norm).LayerNorm.weight"] = [width]
      shapes["\(norm).LayerNorm.bias"] = [width]
    }
    let linear = [
      ("attention.self.query", width, width), ("attention.self.key", width, width),
      ("attention.self.value", width, width), ("attention.output.dense", width, width),
      ("intermediate.dense", inner, width), ("output.dense", width, inner),
    ]
    for (name, outputs, inputs) in linear {
      shapes["\(layer).\(name).weight"] = [outputs, inputs]
      shapes["\(layer).\(name).bias"] = [outputs]
    }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try write("config.json", JSONSerialization.data(withJSONObject: Self.configuration))
    try write("vocab.txt", Data(Self.pieces.joined(separator: "\n").utf8))
    try write("model.safetensors", safetensors())
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  static let configuration: [String: any Sendable] = [
    "hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": width / 32,
    "intermediate_size": inner, "vocab_size": pieces.count, "max_position_embeddings": positions,
    "layer_norm_eps": 1e-12, "hidden_act": "gelu",
  ]

  func write(_ name: String, _ data: Data) throws {
    try data.write(to: URL(fileURLWithPath: folder + "/" + name))
  }

  func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
  }

  /// The file as `shapes` and `damage` want it; `weight` gives each component.
  func safetensors(weight: (Int) -> Float = TinyModel.weight) throws -> Data {
    var header: [String: Any] = ["__metadata__": ["format": "pt"]]
    var numbers: [Float] = []
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      let begin = numbers.count * 4
      numbers += (0..<shape.reduce(1, *)).map { weight(numbers.count + $0) }
      var entry: [String: Any] = [
        "dtype": "F32", "shape": shape, "data_offsets": [begin, numbers.count * 4],
      ]
      damage(name, &entry)
      header[name] = entry
    }
    return try Self.file(header: JSONSerialization.data(withJSONObject: header), numbers)
  }

  /// The parts of a file, the header filled up so that floats lie where they must.
  static func file(header: Data, _ numbers: [Float] = []) -> Data {
    let header = header + Data(repeating: 0x20, count: (4 - header.count % 4) % 4)
    var file = Data()
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { file.append(contentsOf: $0) }
    file.append(header)
    numbers.withUnsafeBytes { file.append(contentsOf: $0) }
    return file
  }

  /// Between -0.125 and 0.125, the same in every run.
  static func weight(_ number: Int) -> Float {
    let mixed = UInt32(truncatingIfNeeded: number) &* 2_654_435_761
    return Float(mixed >> 8) / Float(1 << 24) / 4 - 0.125
  }

  func load() throws(ModelError) -> MiniLM { try MiniLM(folder: folder) }
}
