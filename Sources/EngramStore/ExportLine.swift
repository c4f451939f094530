import Foundation

/// A line of an export: a JSON object whose last member is the CRC-32C of all before it.
/// `docs/export.md` specifies every member.
package struct ExportLine: Sendable {
  package enum Kind: String, Sendable {
    case header = "engram", history, memory, vector, key, access, cut, episode, end
  }

  /// Why a line is refused.
  package struct Refusal: Error {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
  }

  static let version: Int64 = 1

  package let kind: Kind
  package var members: [String: JSONValue]

  package init(_ kind: Kind, _ members: [String: JSONValue]) {
    self.kind = kind
    self.members = members
  }

  // MARK: Text

  private static let seal = Array(#","crc32c":""#.utf8)
  private static let end = Array("\"}".utf8)
  private static let sealBytes = seal.count + 8 + end.count

  /// The line with its end.
  package func encoded() throws -> [UInt8] {
    var members = members
    members["type"] = .string(kind.rawValue)
    var text = Array(try JSONValue.object(members).canonicalText.utf8.dropLast())
    let checksum = Checksum.crc32c(text)
    text += Self.seal
    text += Self.hexadecimal(checksum).utf8
    text += Self.end
    text.append(UInt8(ascii: "\n"))
    return text
  }

  /// - Parameter line: without its end.
  package init(_ line: ArraySlice<UInt8>) throws(Refusal) {
    let body = Array(line.dropLast(Self.sealBytes))
    let checksum = Checksum.crc32c(body)
    let tail = Self.seal + Self.hexadecimal(checksum).utf8 + Self.end
    guard line.suffix(Self.sealBytes).elementsEqual(tail) else {
      throw Refusal("it fails its checksum")
    }
    guard case .object(var members)? = try? JSONValue(parsing: line),
      case .string(let type)? = members.removeValue(forKey: "type"),
      let kind = Kind(rawValue: type)
    else { throw Refusal("it is no line of an export") }
    members["crc32c"] = nil
    self.init(kind, members)
  }

  private static func hexadecimal(_ checksum: UInt32) -> String {
    withUnsafeBytes(of: checksum.bigEndian) { Data($0) }.hexadecimal
  }

  // MARK: Members

  package func text(_ name: String) throws(Refusal) -> String {
    guard let text = try optionalText(name) else { throw Refusal("\(name) is missing") }
    return text
  }

  package func optionalText(_ name: String) throws(Refusal) -> String? {
    switch members[name] {
    case .null?: return nil
    case .string(let text)?: return text
    default: throw Refusal("\(name) is missing or no text")
    }
  }

  package func int(_ name: String) throws(Refusal) -> Int64 {
    guard let value = try optionalInt(name) else { throw Refusal("\(name) is missing") }
    return value
  }

  package func optionalInt(_ name: String) throws(Refusal) -> Int64? {
    switch members[name] {
    case .null?: return nil
    case .int(let value)?: return value
    default: throw Refusal("\(name) is missing or no whole number")
    }
  }

  package func optionalDouble(_ name: String) throws(Refusal) -> Double? {
    switch members[name] {
    case .null?: return nil
    case .double(let value)?: return value
    default: throw Refusal("\(name) is missing or no number")
    }
  }

  func flag(_ name: String) throws(Refusal) -> Bool {
    guard case .bool(let value)? = members[name] else {
      throw Refusal("\(name) is neither true nor false")
    }
    return value
  }

  package func uuid(_ name: String) throws(Refusal) -> UUID {
    guard let id = UUID(uuidString: try text(name)) else { throw Refusal("\(name) is no UUID") }
    return id
  }

  func uuids(_ name: String) throws(Refusal) -> [UUID] {
    guard case .array(let values)? = members[name] else { throw Refusal("\(name) is missing or no list") }
    var ids: [UUID] = []
    for value in values {
      guard case .string(let text) = value, let id = UUID(uuidString: text) else {
        throw Refusal("\(name) holds what is no UUID")
      }
      ids.append(id)
    }
    return ids
  }

  func bytes(_ name: String) throws(Refusal) -> Data {
    guard let bytes = Data(hexadecimal: try text(name)) else {
      throw Refusal("\(name) is not hexadecimal")
    }
    return bytes
  }

  /// Little-endian float32 in base64.
  func floats(_ name: String) throws(Refusal) -> [Float] {
    guard let bytes = Data(base64Encoded: try text(name)), bytes.count % 4 == 0 else {
      throw Refusal("\(name) is no vector in base64")
    }
    return bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        let bits = bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)
        return Float(bitPattern: UInt32(littleEndian: bits))
      }
    }
  }
}

extension JSONValue {
  init(_ text: String?) { self = text.map(JSONValue.string) ?? .null }
  init(_ number: Int64?) { self = number.map(JSONValue.int) ?? .null }
  init(_ number: Double?) { self = number.map(JSONValue.double) ?? .null }
  init(_ id: UUID) { self = .string(id.uuidString.lowercased()) }
  init(_ bytes: Data) { self = .string(bytes.hexadecimal) }
  init(_ vector: [Float]) {
    var bytes = Data(capacity: vector.count * 4)
    for component in vector {
      withUnsafeBytes(of: component.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
    self = .string(bytes.base64EncodedString())
  }
}

// MARK: - Vectors

extension ExportLine {
  /// The line of a vector.
  package init(_ vector: [Float], ofChange change: Int64) {
    self.init(vector, ofChange: change, checksum: Int64(VectorPages.vectorChecksum(vector)))
  }

  init(_ vector: [Float], ofChange change: Int64, checksum: Int64) {
    self.init(
      .vector,
      ["change": .int(change), "checksum": .int(checksum), "vector": JSONValue(vector)])
  }
}

// MARK: - Rows

extension HistoryRow {
  /// - Parameter payload: nil where it has been erased.
  func exported(_ payload: HistoryPayload?, hash: Data, successor: UUID?) -> ExportLine {
    var members: [String: JSONValue] =
      [
        "sequence": .int(sequence), "memory": JSONValue(memoryID), "event": .string(event),
        "changed_at": .int(changedAt), "created_at": .int(createdAt),
        "updated_at": JSONValue(updatedAt), "is_deleted": .bool(isDeleted),
        "actor": JSONValue(actor), "role": JSONValue(role),
        "salt": payload.map { JSONValue($0.salt) } ?? .null,
        "old": JSONValue(payload?.oldMemory), "new": JSONValue(payload?.newMemory),
        "payload_digest": JSONValue(payloadDigest), "previous_hash": JSONValue(previousHash),
        "hash": JSONValue(hash),
      ]
    if let successor { members["successor"] = JSONValue(successor) }
    return ExportLine(.history, members)
  }

  init(exported line: ExportLine) throws(ExportLine.Refusal) {
    sequence = try line.int("sequence")
    memoryID = try line.uuid("memory")
    event = try line.text("event")
    changedAt = try line.int("changed_at")
    createdAt = try line.int("created_at")
    updatedAt = try line.optionalInt("updated_at")
    isDeleted = try line.flag("is_deleted")
    actor = try line.optionalText("actor")
    role = try line.optionalText("role")
    payloadDigest = try line.bytes("payload_digest")
    previousHash = try line.bytes("previous_hash")
    guard hash == (try line.bytes("hash")) else { throw .init("it fails its hash") }
  }
}

extension HistoryPayload {
  /// The payload of a line of history; nil where it has been erased.
  static func of(_ line: ExportLine, _ row: HistoryRow) throws(ExportLine.Refusal) -> Self? {
    guard try line.optionalText("salt") != nil else { return nil }
    var payload = Self(
      sequence: row.sequence, oldMemory: try line.optionalText("old"),
      newMemory: try line.optionalText("new"))
    payload.salt = try line.bytes("salt")
    guard payload.digest == row.payloadDigest else { throw .init("its texts were altered") }
    return payload
  }
}

extension MemoryRow {
  var exported: ExportLine {
    ExportLine(
      .memory,
      [
        "change": .int(change), "ended": JSONValue(ended), "id": JSONValue(id),
        "text": .string(text), "user": JSONValue(scope.user), "agent": JSONValue(scope.agent),
        "run": JSONValue(scope.run), "metadata": .string(metadata),
        "categories": .string(categories), "role": JSONValue(role), "actor": JSONValue(actor),
        "importance": JSONValue(importance), "created_at": .int(createdAt),
        "updated_at": .int(updatedAt), "expires_at": JSONValue(expiresAt),
        "valid_from": JSONValue(validFrom), "valid_to": JSONValue(validTo),
        "vector": .int(vector), "checksum": .int(Int64(checksum)),
      ])
  }

  init(exported line: ExportLine) throws(ExportLine.Refusal) {
    self.init(
      change: try line.int("change"), id: try line.uuid("id"), text: try line.text("text"),
      scope: Scope(
        user: try line.optionalText("user"), agent: try line.optionalText("agent"),
        run: try line.optionalText("run")),
      metadata: try line.text("metadata"), categories: try line.text("categories"),
      role: try line.optionalText("role"), actor: try line.optionalText("actor"),
      importance: try line.optionalDouble("importance"), createdAt: try line.int("created_at"),
      updatedAt: try line.int("updated_at"), expiresAt: try line.optionalInt("expires_at"),
      validFrom: try line.optionalInt("valid_from"), validTo: try line.optionalInt("valid_to"),
      vector: try line.int("vector"))
    ended = try line.optionalInt("ended")
    guard Int64(checksum) == (try line.int("checksum")) else {
      throw .init("the memory fails its checksum")
    }
  }
}
