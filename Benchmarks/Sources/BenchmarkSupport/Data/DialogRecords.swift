import Foundation

/// The columns of a `.jsonl` file of memories or queries, plain or `.gz`, line i as row i.
public struct DialogRecords: Sendable, Equatable {
  public var ids: [UUID]
  /// The memory, or the query's words.
  public var texts: [String]
  public var userIDs: [String]
  public var agentIDs: [String]
  public var runIDs: [String]
  public var roles: [String]
  /// Microseconds since 1970.
  public var createdAt: [Int64]
  /// JSON objects with sorted keys.
  public var metadata: [String]

  public var count: Int { texts.count }

  public init() {
    (ids, texts, userIDs, agentIDs, runIDs) = ([], [], [], [], [])
    (roles, createdAt, metadata) = ([], [], [])
  }

  /// Reads the file, or its first `limit` lines; lines are parsed on all cores.
  public init(_ path: String, limit: Int? = nil) throws(DataFileError) {
    if let limit, limit < 1 { throw .invalidLimit(file: path, limit: limit) }
    let plain = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
    guard plain.hasSuffix(".jsonl") else {
      throw .unknownExtension(file: path, expected: [".jsonl"])
    }
    let bytes = try ByteReader(path).readAll()
    let lines = lineRanges(of: bytes, limit: limit)
    guard !lines.isEmpty else {
      throw .malformedLine(file: path, line: 1, reason: "expected a JSON object, the file is empty")
    }
    var rows = [DialogRecord?](repeating: nil, count: lines.count)
    try rows.withUnsafeMutableBufferPointer { buffer throws(DataFileError) in
      guard let base = buffer.baseAddress else { return }
      let out = SharedBuffer(base: base)
      try forEachRange(of: lines.count, atMost: 512) { range throws(DataFileError) in
        for i in range {
          do throws(DialogRecord.Malformed) {
            out.base[i] = try DialogRecord(json: bytes[lines[i]])
          } catch {
            throw .malformedLine(file: path, line: i + 1, reason: error.reason)
          }
        }
      }
    }
    self.init()
    reserveCapacity(rows.count)
    for case let row? in rows { append(row) }
  }

  mutating func append(_ row: DialogRecord) {
    ids.append(row.id)
    texts.append(row.text)
    userIDs.append(row.userID)
    agentIDs.append(row.agentID)
    runIDs.append(row.runID)
    roles.append(row.role)
    createdAt.append(row.createdAt)
    metadata.append(row.metadata)
  }

  private mutating func reserveCapacity(_ count: Int) {
    ids.reserveCapacity(count)
    texts.reserveCapacity(count)
    userIDs.reserveCapacity(count)
    agentIDs.reserveCapacity(count)
    runIDs.reserveCapacity(count)
    roles.reserveCapacity(count)
    createdAt.reserveCapacity(count)
    metadata.reserveCapacity(count)
  }
}

/// The lines of a text, without the empty piece after the last newline.
private func lineRanges(of bytes: [UInt8], limit: Int?) -> [Range<Int>] {
  let limit = limit ?? Int.max
  var lines: [Range<Int>] = []
  var start = 0
  bytes.withUnsafeBufferPointer { buffer in
    for i in buffer.indices where buffer[i] == 10 {
      guard lines.count < limit else { break }
      lines.append(start..<i)
      start = i + 1
    }
  }
  if start < bytes.count, lines.count < limit { lines.append(start..<bytes.count) }
  return lines
}
