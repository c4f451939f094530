import EngramStore
import Foundation

/// A memory as a Markdown file: fields, its text as it is, and behind a marker its history.
struct MarkdownMemory {
  let id: UUID
  /// What its latest version says.
  let content: MarkdownContent
  /// The change that made that version, and the one that ended it.
  let change: Int64
  let ended: Int64?
  /// Where it lies in its directory.
  let path: String
  private let fields: [(name: String, value: String)]
  private let tail: [UInt8]

  static let marker = "<!-- engram:history -->"
  private static let markerLine = Array("\n\(marker)\n".utf8)
  private static let recordsBegin = Array("\n```jsonl\n".utf8)
  private static let recordsEnd = Array("```\n".utf8)

  /// - Parameter lines: with a version at least.
  /// - Throws: `ExportLine.Refusal` where the lines are not those of a memory.
  init(_ lines: MemoryLines) throws {
    guard let latest = lines.versions.last else { throw ExportLine.Refusal("it has no version") }
    id = lines.id
    content = try MarkdownContent(version: latest)
    change = try latest.int("change")
    ended = try latest.optionalInt("ended")
    path = MarkdownPath.path(of: content, id: id, isEnded: ended != nil)
    fields = try Self.fields(of: latest, content, lines)
    tail = try Self.tail(of: lines)
  }

  /// The file.
  var bytes: [UInt8] {
    Array(Frontmatter.text(fields).utf8) + Array(content.text.utf8) + tail
  }

  /// The fields of new files; those of others have more.
  private static let given: Set<String> = [
    "engram", "id", "user", "agent", "run", "categories", "importance", "role", "actor", "created_at",
    "expires_at", "valid_from", "valid_to", "metadata",
  ]
  private static let known = given.union(["updated_at", "change", "ended_at", "superseded_by"])
  private static let editable: Set<String> = ["categories", "importance", "expires_at", "metadata"]

  // MARK: Writing

  private static func fields(
    of latest: ExportLine, _ content: MarkdownContent, _ lines: MemoryLines
  ) throws -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = [
      ("engram", "1"), ("id", lines.id.uuidString.lowercased()),
    ]
    func add(_ name: String, _ value: String?) { if let value { fields.append((name, value)) } }
    for (name, value) in [
      ("user", content.scope.user), ("agent", content.scope.agent), ("run", content.scope.run),
    ] { add(name, value.map(Frontmatter.value)) }
    if content.categories != "[]" { add("categories", Frontmatter.escaped(content.categories)) }
    add("importance", content.importance.map { Frontmatter.value(.double($0)) })
    add("role", content.role.map(Frontmatter.value))
    add("actor", content.actor.map(Frontmatter.value))
    for name in ["created_at", "updated_at", "expires_at", "valid_from", "valid_to"] {
      add(name, try latest.optionalInt(name).map(ISO8601.format))
    }
    if content.metadata != "{}" { add("metadata", Frontmatter.escaped(content.metadata)) }
    add("change", String(try latest.int("change")))
    if let ended = try latest.optionalInt("ended") {
      guard let end = try lines.change(ended) else {
        throw ExportLine.Refusal("the change \(ended) that ended it is missing")
      }
      add("ended_at", ISO8601.format(try end.int("changed_at")))
      if end.members["successor"] != nil { add("superseded_by", try end.text("successor")) }
    }
    return fields
  }

  private static func tail(of lines: MemoryLines) throws -> [UInt8] {
    var text = "\n" + String(decoding: markerLine, as: UTF8.self) + "\n"
    for line in lines.history {
      text += "- \(ISO8601.format(try line.int("changed_at"))) \(try line.text("event")), change "
      text += String(try line.int("sequence"))
      if let actor = try line.optionalText("actor") { text += ", by \(Frontmatter.value(actor))" }
      text += "\n"
    }
    var bytes = Array(text.utf8) + recordsBegin
    for line in lines.history { bytes += try line.encoded() }
    for var line in lines.versions {
      // Its change has it.
      line.members["text"] = nil
      bytes += try line.encoded()
    }
    return bytes + recordsEnd
  }

  // MARK: Reading

  /// A file as it was found.
  struct Found {
    let path: String
    /// That of the memory; of a new file the one that it gives, if any.
    var id: UUID?
    /// What it says now.
    var content: MarkdownContent
    /// What was exported; nil for a file that a person has made.
    var exported: Exported?
  }

  struct Exported {
    var lines: MemoryLines
    /// Where the first of them stands in the file.
    var firstLine: Int
    var change: Int64
    var ended: Int64?
    /// What a person has changed since.
    var edits: MarkdownContent.Edits
  }

  /// Reads a file, and proves that all in it that is not to be edited is as it was exported.
  ///
  /// - Parameters:
  ///   - path: within the directory.
  ///   - file: its name in errors.
  static func read(_ bytes: [UInt8], path: String, file: String) throws(EngramError) -> Found {
    let marker = bytes.lastRange(of: markerLine)
    let fields = try Frontmatter(bytes, file: file, known: marker == nil ? given : known)
    if let version = try fields.int("engram"), version != 1 {
      throw fields.refused(fields["engram"]?.line ?? 1, "it has version \(version), this Engram reads 1")
    }
    if let named = MarkdownPath.id(in: path), named != (try fields.id("id")) {
      throw fields.refused(1, "its name ends with the id of another memory; give it another name")
    }
    guard let marker else { return try new(bytes, fields, path: path) }
    guard marker.lowerBound >= fields.end - 1 else {
      throw fields.refused(fields.bodyLine, "there is no text")
    }
    // A blank line before the marker belongs to it.
    var end = max(marker.lowerBound, fields.end)
    if end > fields.end, bytes[end - 1] == UInt8(ascii: "\n") { end -= 1 }
    let number = bytes[..<marker.upperBound].count(where: { $0 == UInt8(ascii: "\n") })
    let (lines, firstLine) = try records(of: bytes, behind: marker.upperBound, line: number + 1, fields)
    let base = try asMarkdown(fields, firstLine) { try MarkdownMemory(lines) }
    var exported = Exported(
      lines: lines, firstLine: firstLine, change: base.change, ended: base.ended,
      edits: MarkdownContent.Edits())
    if bytes == base.bytes {
      return Found(path: path, id: base.id, content: base.content, exported: exported)
    }
    try base.check(fields, tail: bytes[marker.lowerBound...], markerLine: number)
    let content = try MarkdownContent(fields, body: bytes[fields.end..<end])
    exported.edits = try content.edits(of: base.content)
    guard exported.edits.isEmpty || base.ended == nil else {
      throw fields.refused(fields.bodyLine, "the memory has ended and cannot be changed any more")
    }
    return Found(path: path, id: base.id, content: content, exported: exported)
  }

  /// A file that a person has made: its last line feed is the editor's.
  private static func new(
    _ bytes: [UInt8], _ fields: Frontmatter, path: String
  ) throws(EngramError) -> Found {
    var body = bytes[fields.end...]
    if body.last == UInt8(ascii: "\n") { body.removeLast() }
    let content = try MarkdownContent(fields, body: body)
    guard content.scope != .all else {
      throw fields.refused(1, "whose memory is it? Give user, agent or run")
    }
    return Found(path: path, id: try fields.id("id"), content: content)
  }

  /// The lines of JSON of a file, and where the first of them stands.
  private static func records(
    of bytes: [UInt8], behind start: Int, line: Int, _ fields: Frontmatter
  ) throws(EngramError) -> (MemoryLines, firstLine: Int) {
    guard let begin = bytes[(start - 1)...].firstRange(of: recordsBegin) else {
      throw fields.refused(line, "the records of its history are missing")
    }
    guard let id = try fields.id("id") else { throw fields.refused(1, "id is missing") }
    let firstLine = line + bytes[start..<begin.upperBound].count(where: { $0 == UInt8(ascii: "\n") })
    var lines = MemoryLines(id: id)
    var (number, position) = (firstLine, begin.upperBound)
    while let feed = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
      let text = bytes[position..<feed]
      if text.elementsEqual(recordsEnd.dropLast()) { break }
      try asMarkdown(fields, number) { try lines.append(try ExportLine(text)) }
      position = feed + 1
      number += 1
    }
    return (lines, firstLine)
  }

  /// Proves that the fields that are not to be edited, and what is behind the text, are as they were.
  ///
  /// - Parameter tail: from the end of the line before the marker on.
  private func check(
    _ found: Frontmatter, tail: ArraySlice<UInt8>, markerLine: Int
  ) throws(EngramError) {
    let own = try Frontmatter(bytes, file: found.file, known: Self.known)
    for field in found.fields where !Self.editable.contains(field.name) {
      guard let before = own[field.name] else {
        throw found.refused(field.line, "\(field.name) cannot be given to a memory that is there already")
      }
      if field.value.hasBytes(of: before.value) { continue }
      let isSame =
        if Self.times.contains(field.name) {
          try found.time(field.name) == own.time(field.name)
        } else {
          try (found.text(field.name) ?? "").hasBytes(of: own.text(field.name) ?? "")
        }
      guard isSame else {
        throw found.refused(field.line, "\(field.name) cannot be changed; it was \(before.value)")
      }
    }
    for field in own.fields where !Self.editable.contains(field.name) && found[field.name] == nil {
      throw found.refused(1, "\(field.name) is missing; it was \(field.value)")
    }
    // An editor may take the last line feed away, or add one.
    func lines(_ bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
      let end = bytes.lastIndex { $0 != UInt8(ascii: "\n") }.map { $0 + 1 } ?? bytes.startIndex
      return bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    }
    let (before, after) = (lines(self.tail.dropFirst()), lines(tail))
    for number in 0..<max(before.count, after.count) {
      guard number < before.count, number < after.count, before[number] == after[number] else {
        throw found.refused(
          markerLine - 1 + number, "what is below \(Self.marker) is not to be changed")
      }
    }
  }

  private static let times: Set<String> = [
    "created_at", "updated_at", "valid_from", "valid_to", "ended_at",
  ]
}

/// Runs `body`; where it refuses a record that is an error in that line of the file.
private func asMarkdown<Value>(
  _ fields: Frontmatter, _ line: Int, _ body: () throws -> Value
) throws(EngramError) -> Value {
  do { return try body() } catch let error as ExportLine.Refusal {
    throw fields.refused(line, error.reason)
  } catch { throw EngramError(error) }
}

extension MemoryLines {
  /// Adds a record of the memory's file, in the file's order.
  fileprivate mutating func append(_ line: ExportLine) throws {
    var line = line
    switch line.kind {
    case .history:
      let sequence = try line.int("sequence")
      guard try line.uuid("memory") == id, versions.isEmpty,
        try history.last.map({ try $0.int("sequence") < sequence }) ?? true
      else { throw ExportLine.Refusal("it is no next change of this memory") }
      history.append(line)
    case .memory:
      let change = try line.int("change")
      guard try line.uuid("id") == id, line.members["text"] == nil,
        try versions.last.map({ try $0.int("change") < change }) ?? true
      else { throw ExportLine.Refusal("it is no next version of this memory") }
      line.members["text"] = .string(try text(of: change))
      versions.append(line)
    default: throw ExportLine.Refusal("it is no place for such a line")
    }
  }

  /// What the memory said after a change, also where that version has been cut since.
  func text(of sequence: Int64) throws -> String {
    guard let change = try change(sequence) else {
      throw ExportLine.Refusal("change \(sequence) is none of this memory")
    }
    return try change.text("new")
  }

  /// One of its changes.
  func change(_ sequence: Int64) throws -> ExportLine? {
    var (low, high) = (0, history.count)
    while low < high {
      let middle = (low + high) / 2
      if try history[middle].int("sequence") < sequence { low = middle + 1 } else { high = middle }
    }
    guard low < history.count, try history[low].int("sequence") == sequence else { return nil }
    return history[low]
  }
}

extension RandomAccessCollection<UInt8> where Index == Int {
  /// Where a pattern begins and ends that starts with a line feed: the first time, and the last.
  func firstRange(of pattern: [UInt8]) -> Range<Int>? {
    guard count >= pattern.count else { return nil }
    return (startIndex...(endIndex - pattern.count)).first { matches(pattern, at: $0) }
      .map { $0..<($0 + pattern.count) }
  }

  func lastRange(of pattern: [UInt8]) -> Range<Int>? {
    guard count >= pattern.count else { return nil }
    return (startIndex...(endIndex - pattern.count)).last { matches(pattern, at: $0) }
      .map { $0..<($0 + pattern.count) }
  }

  private func matches(_ pattern: [UInt8], at position: Int) -> Bool {
    self[position] == pattern[0] && self[position..<(position + pattern.count)].elementsEqual(pattern)
  }
}
