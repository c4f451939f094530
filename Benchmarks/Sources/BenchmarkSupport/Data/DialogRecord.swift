import Foundation

/// One line of a `.jsonl` file.
struct DialogRecord: Sendable {
  var id: UUID
  var text: String
  var userID: String
  var agentID: String
  var runID: String
  var role: String
  var createdAt: Int64
  var metadata: String
}

extension DialogRecord {
  typealias Malformed = JSONScanner.Malformed

  init(json line: ArraySlice<UInt8>) throws(Malformed) {
    self = try line.withUnsafeBufferPointer { bytes throws(Malformed) in
      try DialogRecord(json: bytes)
    }
  }

  private init(json bytes: UnsafeBufferPointer<UInt8>) throws(Malformed) {
    var strings: [String: String] = [:]
    var metadata: String?
    var scanner = JSONScanner(bytes)
    try scanner.readObject { scanner, key throws(Malformed) in
      switch key {
      case "id", "memory", "query", "user_id", "agent_id", "run_id", "role", "created_at":
        do throws(Malformed) {
          strings[key] = try scanner.string()
        } catch {
          throw Malformed(reason: "expected a string as \"\(key)\" (\(error.reason))")
        }
      case "metadata":
        guard scanner.isAtObject else {
          throw Malformed(reason: "expected an object as \"metadata\"")
        }
        metadata = try scanner.canonicalValue()
      default: try scanner.skipValue()
      }
    }
    func string(_ key: String) throws(Malformed) -> String {
      guard let value = strings[key] else {
        throw Malformed(reason: "expected a string as \"\(key)\", there is none")
      }
      return value
    }
    guard let id = UUID(uuidString: try string("id")) else {
      throw Malformed(reason: "expected a UUID as \"id\"")
    }
    guard let text = strings["memory"] ?? strings["query"] else {
      throw Malformed(reason: "expected a string as \"memory\" or \"query\", there is none")
    }
    guard let time = Timestamp.parse(try string("created_at")) else {
      throw Malformed(reason: "expected a time such as 2025-01-01T00:00:00.000Z as \"created_at\"")
    }
    guard let metadata else {
      throw Malformed(reason: "expected an object as \"metadata\", there is none")
    }
    self.init(
      id: id, text: text, userID: try string("user_id"), agentID: try string("agent_id"),
      runID: try string("run_id"), role: try string("role"), createdAt: time, metadata: metadata)
  }
}
