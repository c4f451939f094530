import Crypto
import EngramIndex
import Foundation
import SystemPackage

@testable import EngramStore

/// A line of an export. Whatever it says, its checksum is made right.
enum LineTarget: Target {
  static let name = "line"
  static var seeds: [[UInt8]] {
    // One of each kind, twice.
    var seen: [String: Int] = [:]
    return World.shared.export.split(separator: UInt8(ascii: "\n")).filter { line in
      guard let kind = (try? ExportLine(line))?.kind.rawValue else { return false }
      seen[kind, default: 0] += 1
      return seen[kind, default: 0] <= 2
    }.map { Array($0) }
  }

  static func run(_ input: [UInt8]) {
    _ = try? ExportLine(input[...])
    guard let line = try? ExportLine(sealed(input)[...]) else { return }
    guard let text = try? line.encoded(), let again = try? ExportLine(text.dropLast()) else {
      finding("written, it is not readable")
    }
    demand(again.members == line.members && again.kind == line.kind, "it is another line")
    if let row = try? MemoryRow(exported: line) { _ = row.memory }
    if let row = try? HistoryRow(exported: line) { _ = try? HistoryPayload.of(line, row) }
    _ = try? line.floats("vector")
    _ = try? line.uuid("memory")
  }

  /// With the checksum of what is before it, where it ends as a line does.
  static func sealed(_ line: [UInt8]) -> [UInt8] {
    let end = 8 + 2
    guard line.count > end else { return line }
    let seal = Array(#","crc32c":""#.utf8)
    let body = line.dropLast(end)
    guard body.suffix(seal.count).elementsEqual(seal) else { return line }
    let checksum = Checksum.crc32c(Array(body.dropLast(seal.count)))
    return body + withUnsafeBytes(of: checksum.bigEndian) { Data($0) }.hexadecimal.utf8
      + Array("\"}".utf8)
  }
}

/// A whole export. Whatever it says, the checksums of its lines, its hashes and its end are made
/// right, so that it is read to the end.
enum ImportTarget: Target {
  static let name = "import"
  static var seeds: [[UInt8]] {
    // The whole of one store, and that of one with two memories.
    [World.shared.export, small]
  }

  private static let small: [UInt8] = {
    let path = World.shared.free("small").string
    let export = World.shared.free("small-export").string
    do {
      try waiting {
        let store = try Store(
          path: path, configuration: StoreConfiguration(dimension: 2, durability: .none))
        let id = try await store.insert(
          NewMemory(key: "k", text: "a", vector: [1, 2], scope: Scope(user: "u")))
        try await store.insert(NewMemory(text: "b", vector: [3, 4], scope: .all))
        try await store.update(id, MemoryUpdate(text: "c", vector: [5, 6]))
        _ = try store.search([1, 2], k: 1)
        try await store.export(to: export)
        try await store.close()
      }
      return Array(try Data(contentsOf: URL(fileURLWithPath: export)))
    } catch { finding("\(error)") }
  }()

  static func run(_ input: [UInt8]) {
    let (file, store) = (World.shared.free("altered-export"), World.shared.free("imported"))
    write(repaired(input), to: file)
    do {
      let report = try waiting { try await Store.import(from: file.string, to: store.string) }
      demand(report.problems.count == report.lostVectors.count, "\(report.problems)")
      guard let configuration = try? StoreConfiguration(storedAt: store.string) else {
        finding("imported and not openable")
      }
      try waiting {
        // What was imported can be used as any store.
        let opened = try Store(path: store.string, configuration: configuration)
        for memory in try opened.list(limit: 1_000, includeExpired: true).memories {
          _ = try opened.history(of: memory.id)
          let vector = try? opened.vector(of: memory.id)
          if let vector { _ = try opened.search(vector, k: 3, filter: Filter(parsing: #"{"a":1}"#)) }
        }
        try await opened.insert(
          NewMemory(
            text: "new", vector: [Float](repeating: 1, count: configuration.dimension), scope: .all))
        let report = try await opened.verify()
        demand(report.problems.count == report.lostVectors.count, "after: \(report.problems)")
        try await opened.close()
      }
    } catch let error as StoreError {
      if case .badExport = error { return }
      finding("\(error)")
    } catch { finding("\(error)") }
  }

  private static func repaired(_ input: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var head = HistoryRow.origin
    var sequence: Int64 = 0
    var counts = ExportCounts()
    var hash = SHA256()
    var lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .prefix(400).compactMap { try? ExportLine(LineTarget.sealed(Array($0))[...]) }
    // First the chain, whose end the first line names.
    for (number, line) in lines.enumerated() where line.kind == .history {
      var members = line.members
      members["sequence"] = .int(sequence + 1)
      members["previous_hash"] = JSONValue(head)
      if let salt = try? line.bytes("salt") {
        var payload = HistoryPayload(
          sequence: sequence + 1, oldMemory: (try? line.optionalText("old")) ?? nil,
          newMemory: (try? line.optionalText("new")) ?? nil)
        payload.salt = salt
        members["payload_digest"] = JSONValue(payload.digest)
      }
      lines[number] = ExportLine(.history, members)
      guard var row = unproven(lines[number]) else { continue }
      row.previousHash = head
      head = row.hash
      sequence += 1
      members["hash"] = JSONValue(head)
      lines[number] = ExportLine(.history, members)
    }
    for line in lines {
      var line = line
      switch line.kind {
      case .header:
        var members = line.members
        members["head"] = .string("\(sequence):\(head.hexadecimal)")
        line = ExportLine(.header, members)
      case .history: counts.history += 1
      case .memory:
        counts.memories += 1
        line = withChecksum(line)
      case .vector:
        counts.vectors += 1
        if let vector = try? line.floats("vector") {
          var members = line.members
          members["checksum"] = .int(Int64(VectorPages.vectorChecksum(vector)))
          line = ExportLine(.vector, members)
        }
      case .key: counts.keys += 1
      case .access: counts.accesses += 1
      case .cut: counts.cut += 1
      case .end: line = counts.exported(sha256: Data(hash.finalize()))
      }
      guard let text = try? line.encoded() else { continue }
      if line.kind != .header { hash.update(data: text) }
      output += text
      if line.kind == .end { break }
    }
    return output
  }

  /// The row of a line of history, whatever hash it names.
  private static func unproven(_ line: ExportLine) -> HistoryRow? {
    var members = line.members
    do throws(ExportLine.Refusal) {
      var row = HistoryRow(
        sequence: try line.int("sequence"), memoryID: try line.uuid("memory"), event: .add,
        changedAt: try line.int("changed_at"), createdAt: try line.int("created_at"),
        actor: try line.optionalText("actor"), role: try line.optionalText("role"),
        payloadDigest: try line.bytes("payload_digest"),
        previousHash: try line.bytes("previous_hash"))
      row.event = try line.text("event")
      row.updatedAt = try line.optionalInt("updated_at")
      row.isDeleted = try line.flag("is_deleted")
      members["hash"] = JSONValue(row.hash)
      return try HistoryRow(exported: ExportLine(.history, members))
    } catch { return nil }
  }

  private static func withChecksum(_ line: ExportLine) -> ExportLine {
    var members = line.members
    do throws(ExportLine.Refusal) {
      var row = MemoryRow(
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
      row.ended = try line.optionalInt("ended")
      members["checksum"] = .int(Int64(row.checksum))
    } catch {}
    return ExportLine(.memory, members)
  }
}

/// The manifest of a backup. Whatever it says, its checksum is made right.
enum ManifestTarget: Target {
  static let name = "manifest"
  static var seeds: [[UInt8]] { [World.shared.manifest] }

  static func run(_ input: [UInt8]) {
    var text = input
    if case .object(var members)? = try? JSONValue(parsing: input) {
      members["sha256"] = nil
      if let body = try? JSONValue.object(members).canonicalText {
        members["sha256"] = .string(Data(SHA256.hash(data: Data(body.utf8))).hexadecimal)
        if let sealed = try? JSONValue.object(members).canonicalText {
          text = Array((sealed + "\n").utf8)
        }
      }
    }
    let folder = World.shared.directory.appendingPathComponent("altered-backup")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    write(text, to: FilePath(folder.appendingPathComponent("BACKUP.json").path))
    guard let manifest = try? BackupManifest(of: FilePath(folder.path)) else { return }
    _ = manifest.hashValue
  }
}
