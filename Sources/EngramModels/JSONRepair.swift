import Foundation

/// Makes JSON of what language models write instead of it.
///
/// Understood are: text before and after, code fences, `<think>` blocks, trailing, doubled and missing
/// commas, single quotes, keys without quotes, quotes and line breaks inside of strings, escapes that
/// JSON does not know, Python's literals, and brackets that were never closed. A value is never made
/// up: a member that was cut off is left out. Nothing is understood of bare words as values.
///
/// Time and memory are linear in the length of the text.
public enum JSONRepair {
  /// The JSON document in a text. Text that is JSON comes back as it is. Of several documents the
  /// longest counts; nil where there is none.
  public static func repair(_ text: String) -> String? { mended(text)?.text }

  /// The same, but nil also where the document breaks off: something of it may be missing.
  public static func repairWhole(_ text: String) -> String? {
    guard let (text, isBrokenOff) = mended(text), !isBrokenOff else { return nil }
    return text
  }

  private static func mended(_ text: String) -> (text: String, isBrokenOff: Bool)? {
    let bytes = Array(text.utf8)
    if JSONMender.isDocument(bytes) { return (text, false) }
    var longest: (span: Int, text: [UInt8], isBrokenOff: Bool)?
    var position = startOfAnswer(bytes)
    while let start = bytes[position...].firstIndex(where: JSONMender.opens) {
      var mender = JSONMender(bytes, at: start)
      let isDocument = mender.mend()
      let span = mender.position - start
      if isDocument, span > longest?.span ?? 0 { longest = (span, mender.text, mender.isBrokenOff) }
      // What was read is not read again: brackets within a string begin no document.
      position = mender.position
    }
    return longest.map { (String(decoding: $0.text, as: UTF8.self), $0.isBrokenOff) }
  }

  /// Reads a value from what a model wrote.
  ///
  /// - Throws: ``ModelError/badReply(reason:)`` where there is no JSON in it, or JSON of another form.
  public static func decode<T: Decodable>(
    _ type: T.Type, from text: String
  ) throws(ModelError) -> T {
    guard let json = repair(text) else { throw .badReply(reason: "the model wrote no JSON") }
    do { return try JSONDecoder().decode(type, from: Data(json.utf8)) } catch {
      throw .badReply(reason: "the model's JSON is of another form: " + explanation(of: error))
    }
  }

  static func isValid(_ text: String) -> Bool { JSONMender.isDocument(Array(text.utf8)) }

  /// Behind the reasoning that some models write first. Some services leave out its opening tag, so
  /// the closing one decides; in a text that starts with JSON it belongs to a string.
  private static func startOfAnswer(_ bytes: [UInt8]) -> Int {
    guard let first = bytes.firstIndex(where: { $0 > 0x20 }), !JSONMender.opens(bytes[first]) else {
      return 0
    }
    if let end = end(of: "</think>", in: bytes) { return end }
    // Reasoning that was cut off holds no answer.
    return bytes[first...].starts(with: "<think>".utf8) ? bytes.count : 0
  }

  /// Behind the last occurrence of a tag.
  private static func end(of tag: String, in bytes: [UInt8]) -> Int? {
    let tag = Array(tag.utf8)
    guard bytes.count >= tag.count else { return nil }
    let last = (0...(bytes.count - tag.count)).last { bytes[$0] == tag[0] && bytes[$0...].starts(with: tag) }
    return last.map { $0 + tag.count }
  }
}
