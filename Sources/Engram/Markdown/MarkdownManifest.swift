import EngramStore
import Foundation

/// The file beside those of the memories, with what belongs to none of them: which store it is, where its
/// history ends, and the records of keys, accesses, episodes, and of memories of which nothing is left but
/// their changes.
struct MarkdownManifest: Sendable {
  static let name = "engram.md"

  /// The line that begins an export.
  let header: ExportLine
  let store: UUID
  let head: HistoryHead
  /// Of the whole store.
  let changes: Int
  let versions: Int
  /// The changes of memories that have no version, then keys, accesses, cut memories and episodes.
  let records: [ExportLine]
  /// Where the first of them stands in the file.
  let firstLine: Int

  private let prefix: [UInt8]

  private static let known: Set<String> = [
    "engram", "store", "model", "dimension", "metric", "head", "horizon", "changes", "versions",
  ]
  private static let recordsBegin = Array("\n```jsonl\n".utf8)
  private static let recordsEnd = Array("```\n".utf8)

  init(header: ExportLine, changes: Int, versions: Int, records: [ExportLine]) throws {
    self.header = header
    self.changes = changes
    self.versions = versions
    self.records = records
    store = try header.uuid("store")
    guard let head = HistoryHead(try header.text("head")) else {
      throw ExportLine.Refusal("its head is none")
    }
    self.head = head
    var fields: [(name: String, value: String)] = [
      ("engram", String(try header.int("version"))), ("store", store.uuidString.lowercased()),
      ("model", Frontmatter.value(try header.text("model"))),
      ("dimension", String(try header.int("dimension"))),
      ("metric", Frontmatter.value(try header.text("metric"))),
      ("head", Frontmatter.value(head.description)),
    ]
    if let horizon = try header.optionalInt("horizon") { fields.append(("horizon", String(horizon))) }
    fields += [("changes", String(changes)), ("versions", String(versions))]
    // Once more as a record: with a checksum.
    var sealed = header
    sealed.members["changes"] = .int(Int64(changes))
    sealed.members["versions"] = .int(Int64(versions))
    let text = Frontmatter.text(fields) + Self.prose
    prefix = Array(text.utf8) + Self.recordsBegin + (try sealed.encoded())
    firstLine = prefix.count(where: { $0 == UInt8(ascii: "\n") }) + 1
  }

  private static let prose = """
    # What an agent has learned

    Engram wrote this directory: `memories/` has a file for each memory, `ended/` for each that was
    deleted or superseded. The text of a memory may be edited, as may its `categories`, `importance`,
    `expires_at` and `metadata`; a new file with `user`, `agent` or `run` between two lines `---` and a
    text below is a new memory. `engram sync` takes over what has changed, `engram import --markdown`
    makes the store of it again. What is below is not to be edited.

    """

  /// The file.
  var bytes: [UInt8] {
    get throws {
      var bytes = prefix
      for record in records { bytes += try record.encoded() }
      return bytes + Self.recordsEnd
    }
  }

  /// Reads the file, and proves that it is as it was written.
  init(_ bytes: [UInt8], file: String) throws(EngramError) {
    let fields = try Frontmatter(bytes, file: file, known: Self.known)
    func required<Value>(_ name: String, _ value: Value?) throws(EngramError) -> Value {
      guard let value else { throw fields.refused(1, "\(name) is missing: it is no export as Markdown") }
      return value
    }
    let version = try required("engram", fields.int("engram"))
    guard version == 1 else {
      throw fields.refused(2, "it has version \(version), this Engram reads 1")
    }
    let store = try required("store", fields.id("store"))
    var members: [String: JSONValue] = [
      "version": .int(version), "store": .string(store.uuidString.lowercased()), "horizon": .null,
      "model": .string(try required("model", fields.text("model"))),
      "dimension": .int(try required("dimension", fields.int("dimension"))),
      "metric": .string(try required("metric", fields.text("metric"))),
      "head": .string(try required("head", fields.text("head"))),
    ]
    if let horizon = try fields.int("horizon") { members["horizon"] = .int(horizon) }
    let changes = try required("changes", fields.int("changes"))
    let versions = try required("versions", fields.int("versions"))

    var records: [ExportLine] = []
    guard let begin = bytes[(fields.end - 1)...].firstRange(of: Self.recordsBegin) else {
      throw fields.refused(fields.bodyLine, "its records are missing")
    }
    var line = bytes[..<begin.upperBound].count(where: { $0 == UInt8(ascii: "\n") }) + 1
    var position = begin.upperBound
    do {
      while let feed = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
        let text = bytes[position..<feed]
        if text.elementsEqual(Self.recordsEnd.dropLast()) { break }
        let record = try ExportLine(text)
        // What it says the fields say, too, which is proved below.
        if record.kind != .header { records.append(record) }
        position = feed + 1
        line += 1
      }
      try self.init(
        header: ExportLine(.header, members), changes: Int(clamping: changes),
        versions: Int(clamping: versions), records: records)
      guard try self.bytes == bytes else {
        throw ExportLine.Refusal("the file is not as Engram wrote it")
      }
    } catch let error as ExportLine.Refusal {
      throw fields.refused(line, error.reason)
    } catch { throw EngramError(error) }
  }

  /// The memories that are known by their changes alone.
  func idsWithoutVersion() throws -> Set<UUID> {
    var ids = Set<UUID>()
    for record in records where record.kind == .history { ids.insert(try record.uuid("memory")) }
    return ids
  }
}
