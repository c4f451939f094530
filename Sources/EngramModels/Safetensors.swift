import Foundation

/// Tensors in a file of the safetensors format: the length of a header, the header as JSON, the data.
///
/// The file is mapped: what nobody reads takes no memory, and processes share the rest. Whoever makes it
/// shorter while it is in use ends the process, as with every mapped file; put another one in its place
/// by renaming.
struct Safetensors: Sendable {
  private struct Entry: Decodable {
    var dtype: String
    var shape: [Int]
    var data_offsets: [Int]
  }

  private let file: String
  private let data: Data
  private let begin: Int
  private let entries: [String: Entry]

  init(contentsOf file: String) throws(ModelError) {
    self.file = file
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: file), options: .alwaysMapped)
    } catch {
      throw .unreadable(file: file, reason: error.localizedDescription)
    }
    let length = data.count < 8 ? 0 : data.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self).littleEndian }
    guard length > 0, length <= UInt64(data.count - 8) else {
      throw .damaged(file: file, reason: "it has no header of safetensors")
    }
    begin = 8 + Int(length)
    do {
      entries = try JSONDecoder().decode(
        [String: Lenient].self, from: data[data.startIndex + 8..<data.startIndex + begin]
      ).compactMapValues(\.entry)
    } catch {
      throw .damaged(file: file, reason: "its header is no JSON of safetensors")
    }
  }

  /// Passes over `__metadata__`, which is no tensor.
  private struct Lenient: Decodable {
    var entry: Entry?

    init(from decoder: any Decoder) throws { entry = try? Entry(from: decoder) }
  }

  /// Lends the float32 components of a tensor.
  func withTensor<Result>(
    _ name: String, shape: [Int], _ body: (UnsafeBufferPointer<Float>) -> Result
  ) throws(ModelError) -> Result {
    let range = try range(of: name, shape: shape)
    return data.withUnsafeBytes { bytes in
      body(UnsafeRawBufferPointer(rebasing: bytes[range]).assumingMemoryBound(to: Float.self))
    }
  }

  /// Where in the file a tensor lies, proven to be whole, aligned, and of that shape.
  private func range(of name: String, shape: [Int]) throws(ModelError) -> Range<Int> {
    guard let entry = entries[name] else { throw .damaged(file: file, reason: "it lacks \(name)") }
    guard entry.dtype == "F32", entry.shape == shape else {
      throw .damaged(
        file: file,
        reason: "\(name) is \(entry.dtype) \(entry.shape), where this code reads F32 \(shape)")
    }
    let room = data.count - begin
    guard entry.data_offsets.count == 2, case let (low, high) = (entry.data_offsets[0], entry.data_offsets[1]),
      low >= 0, low <= high, high <= room, high - low == shape.reduce(4, *), (begin + low) % 4 == 0
    else { throw .damaged(file: file, reason: "\(name) lies outside of it") }
    return begin + low..<begin + high
  }

  /// A copy of a tensor.
  func tensor(_ name: String, shape: [Int]) throws(ModelError) -> [Float] {
    try withTensor(name, shape: shape) { Array($0) }
  }
}
