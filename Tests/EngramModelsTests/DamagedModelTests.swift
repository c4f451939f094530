import Foundation
import Testing

@testable import EngramModels

/// Whatever the files hold, loading them ends with a model or with an error that names the file.
@Suite struct DamagedModelTests {
  private func refuses(_ model: TinyModel, _ comment: String) {
    do {
      _ = try model.load()
      Issue.record("accepted: \(comment)")
    } catch {
      switch error {
      case .unreadable(let file, _), .damaged(let file, _):
        #expect(file.hasPrefix(model.folder), "\(comment)")
      default: Issue.record("\(comment): \(error)")
      }
    }
  }

  @Test func theWholeOneIsAccepted() throws {
    let model = try TinyModel().load()
    #expect(model.dimension == TinyModel.width)
    #expect(try model.embed("the house") != model.embed("the garden"))
  }

  @Test(arguments: ["config.json", "vocab.txt", "model.safetensors"])
  func cutShort(name: String) throws {
    let model = try TinyModel()
    let whole = try model.data(name)
    var lengths = Array(stride(from: 0, to: whole.count, by: max(1, whole.count / 500)))
    lengths += Array(0..<min(40, whole.count)) + Array(whole.count - 8..<whole.count)
    for length in lengths {
      try model.write(name, whole.prefix(length))
      refuses(model, "\(name) of \(length) bytes")
    }
    let file = model.folder + "/" + name
    try FileManager.default.removeItem(atPath: file)
    refuses(model, "no \(name)")
    try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: true)
    refuses(model, "a folder in place of \(name)")
  }

  /// Bytes of the header, one after the other, replaced: the model is refused, or gives vectors.
  @Test func otherBytesInTheHeader() throws {
    let model = try TinyModel()
    let whole = try model.data("model.safetensors")
    let header = Int(whole.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) })
    for place in 0..<8 + header {
      var bytes = whole
      bytes[place] = [0x00, 0x39, 0x22, 0x5D, 0xFF][place % 5]
      try model.write("model.safetensors", bytes)
      // Nothing else can be thrown; what matters is that nothing traps.
      if let loaded = try? model.load(), let vector = try? loaded.embed("tea") {
        #expect(vector.count == TinyModel.width)
      }
    }
  }

  @Test func lengthsOfTheHeader() throws {
    let model = try TinyModel()
    let whole = try model.data("model.safetensors")
    let room = UInt64(whole.count) - 8
    for length in [0, 1, room, room + 1, 1 << 32, 1 << 62, 1 << 63, .max - 7, .max] {
      let length = withUnsafeBytes(of: length.littleEndian) { Data($0) }
      try model.write("model.safetensors", length + whole.dropFirst(8))
      refuses(model, "a header of \(Array(length))")
    }
    for header in ["", "[]", "{}", "null", "7", "{\"a\":", String(repeating: "[", count: 100_000)] {
      try model.write("model.safetensors", TinyModel.file(header: Data(header.utf8), [1, 2, 3]))
      refuses(model, "the header \(header.prefix(20))")
    }
  }

  @Test func entriesOfTheHeader() throws {
    let model = try TinyModel()
    let room = try model.data("model.safetensors").count
    let wrong: [(String, Any)] = [
      ("dtype", "F16"), ("dtype", "I64"), ("dtype", 7), ("shape", [TinyModel.width, 1]), ("shape", []),
      ("shape", [Int.max, Int.max]), ("shape", [-1]), ("shape", "x"), ("data_offsets", [0]),
      ("data_offsets", []), ("data_offsets", [0, 4, 8]), ("data_offsets", [-4, 4]),
      ("data_offsets", [8, 4]), ("data_offsets", [0, Int.max]), ("data_offsets", [Int.max - 3, Int.max]),
      ("data_offsets", [Int.min, Int.max]), ("data_offsets", [room, room + 384]), ("data_offsets", [0, 1]),
      ("data_offsets", [1.5, 2]), ("data_offsets", NSNull()),
    ]
    for name in model.shapes.keys.sorted() {
      for (key, value) in wrong {
        model.damage = { if $0 == name { $1[key] = value } }
        try model.write("model.safetensors", model.safetensors())
        refuses(model, "\(name) with \(key) \(value)")
      }
      // Of the right size, but not where floats may lie; nothing behind its end.
      model.damage = { other, entry in
        guard other == name, let offsets = entry["data_offsets"] as? [Int] else { return }
        entry["data_offsets"] = offsets.map { $0 - 1 }
      }
      try model.write("model.safetensors", model.safetensors())
      refuses(model, "\(name) one byte before its place")
    }
  }

  @Test func missingTensors() throws {
    let model = try TinyModel()
    for (name, shape) in model.shapes {
      model.shapes[name] = nil
      try model.write("model.safetensors", model.safetensors())
      refuses(model, "without \(name)")
      model.shapes[name] = shape
    }
  }

  @Test func otherConfigurations() throws {
    let model = try TinyModel()
    let wrong: [Any] = [
      0, -1, 1, 2, 32, 97, 192, 1_000, 1 << 20, 1 << 40, Int.max, Int.min, 1.5, 1e300, "x", "relu",
      NSNull(), [1],
    ]
    for key in TinyModel.configuration.keys.sorted() {
      for value in wrong where !(key == "num_hidden_layers" && value as? Int == 1) {
        var changed: [String: Any] = TinyModel.configuration
        changed[key] = value
        try model.write("config.json", JSONSerialization.data(withJSONObject: changed))
        refuses(model, "\(key) \(value)")
      }
      var changed: [String: Any] = TinyModel.configuration
      changed[key] = nil
      try model.write("config.json", JSONSerialization.data(withJSONObject: changed))
      refuses(model, "no \(key)")
    }
    // More heads than memory, where their product does not overflow.
    for heads in [1 << 58, 1 << 59, Int.max] {
      var changed: [String: Any] = TinyModel.configuration
      changed["num_attention_heads"] = heads
      changed["hidden_size"] = heads &* 32
      try model.write("config.json", JSONSerialization.data(withJSONObject: changed))
      refuses(model, "\(heads) heads")
    }
  }

  /// Weights that are no numbers, infinite, or so that nothing is left of a vector.
  @Test(arguments: [Float.nan, .infinity, 0, .greatestFiniteMagnitude])
  func weightsWithoutMeaning(weight: Float) async throws {
    let model = try TinyModel()
    try model.write("model.safetensors", model.safetensors { _ in weight })
    let loaded = try model.load()
    func isDamaged(_ error: any Error) -> Bool {
      if case .damaged? = error as? ModelError { true } else { false }
    }
    #expect { try loaded.embed("tea") } throws: { isDamaged($0) }
    let texts = [String](repeating: "tea garden", count: 100)
    await #expect { try await loaded.embed(texts, threads: 2) } throws: { isDamaged($0) }
  }
}
