import Foundation

/// The word pieces that a model knows, and their numbers.
///
/// A piece stands for its UTF-8 bytes, not for a `String`: those compare equal where Unicode takes them for
/// the same text, and here that would be another piece.
public struct Vocabulary: Sendable {
  /// Pieces that begin a word, and those that go on with one, which the file marks with `##`.
  private let starts: [ArraySlice<UInt8>: Int32]
  private let continuations: [ArraySlice<UInt8>: Int32]
  /// Bytes of the longest piece.
  let longest: Int

  /// The begin and the end of a text, and a word of which no piece is known.
  let cls: Int32
  let sep: Int32
  let unknown: Int32
  /// Pieces that stand for themselves wherever a text spells them out.
  let marks: [(text: [UInt8], number: Int32)]

  /// Reads a `vocab.txt`: a piece on each line, the first has the number 0.
  ///
  /// - Throws: `ModelError.unreadable`; `.damaged` where a line is no UTF-8, comes twice, or `[CLS]`,
  ///   `[SEP]` or `[UNK]` is missing.
  public init(contentsOf file: String) throws(ModelError) {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
      throw .unreadable(file: file, reason: error.localizedDescription)
    }
    var starts: [ArraySlice<UInt8>: Int32] = [:]
    var continuations: [ArraySlice<UInt8>: Int32] = [:]
    var longest = 0
    var lines = [UInt8](data).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for (number, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard String(validating: line, as: UTF8.self) != nil else {
        throw .damaged(file: file, reason: "line \(number + 1) is no UTF-8")
      }
      let isContinuation = line.starts(with: "##".utf8) && line.count > 2
      let piece = isContinuation ? line.dropFirst(2) : line
      let before =
        isContinuation
        ? continuations.updateValue(Int32(number), forKey: piece)
        : starts.updateValue(Int32(number), forKey: piece)
      guard before == nil else {
        throw .damaged(file: file, reason: "line \(number + 1) is there twice")
      }
      longest = max(longest, piece.count)
    }
    func special(_ name: String) throws(ModelError) -> Int32 {
      guard let number = starts[Array(name.utf8)[...]] else {
        throw .damaged(file: file, reason: "it lacks \(name)")
      }
      return number
    }
    (cls, sep, unknown) = (try special("[CLS]"), try special("[SEP]"), try special("[UNK]"))
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { name in
      starts[Array(name.utf8)[...]].map { (Array(name.utf8), $0) }
    }
    (self.starts, self.continuations, self.longest) = (starts, continuations, longest)
  }

  /// Pieces in it.
  public var count: Int { starts.count + continuations.count }

  func number(of piece: ArraySlice<UInt8>, isContinuation: Bool) -> Int32? {
    isContinuation ? continuations[piece] : starts[piece]
  }
}
