import CEngramKernels
import Foundation

/// What a BERT encoder's `config.json` says of its shape.
struct BERTConfiguration: Sendable, Decodable {
  var width: Int
  var layers: Int
  var heads: Int
  var inner: Int
  var vocabulary: Int
  var positions: Int
  var epsilon: Float
  var activation: String

  private enum CodingKeys: String, CodingKey {
    case width = "hidden_size"
    case layers = "num_hidden_layers"
    case heads = "num_attention_heads"
    case inner = "intermediate_size"
    case vocabulary = "vocab_size"
    case positions = "max_position_embeddings"
    case epsilon = "layer_norm_eps"
    case activation = "hidden_act"
  }

  init(contentsOf file: String) throws(ModelError) {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
      throw .unreadable(file: file, reason: error.localizedDescription)
    }
    do { self = try JSONDecoder().decode(Self.self, from: data) } catch {
      throw .damaged(file: file, reason: "it does not describe a BERT encoder")
    }
    let panel = Int(ENGRAM_PANEL)
    guard (1...1 << 9).contains(heads), width == heads * Int(ENGRAM_HEAD), width % panel == 0,
      (1...1 << 16).contains(inner), inner % panel == 0, (1...1_024).contains(layers),
      (1...1 << 24).contains(vocabulary), (2...1 << 20).contains(positions), activation == "gelu",
      epsilon > 0, epsilon < 1
    else {
      throw .damaged(
        file: file,
        reason: """
          this code runs encoders with heads of \(ENGRAM_HEAD) components, widths that \(panel) divides, \
          and GELU
          """)
    }
  }
}
