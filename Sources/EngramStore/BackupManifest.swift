import Crypto
import EngramIndex
import Foundation
import SystemPackage

/// What a backup holds, as its `BACKUP.json` says.
public struct BackupManifest: Sendable, Hashable {
  /// A file of the backup.
  public struct File: Sendable, Hashable {
    public var name: String
    public var bytes: Int
    /// SHA-256 of its bytes, in hexadecimal.
    public var sha256: String
  }

  /// The store it was made of; a restored one is the same.
  public var store: UUID
  public var createdAt: Date
  public var model: String
  public var dimension: Int
  public var metric: Metric
  /// The last change that is in it.
  public var head: HistoryHead
  /// Current memories, and versions of memories altogether.
  public var memories: Int
  public var versions: Int
  public var files: [File]

  static let fileName = "BACKUP.json"
  private static let format: Int64 = 1

  /// Whether its files are those that make a store.
  private var isWhole: Bool {
    files.count >= 2 && files[0].name == Catalogue.fileName
      && Set(files.map(\.name)).count == files.count
      && files.dropFirst().allSatisfy {
        VectorPages.isFileName($0.name) && !$0.name.contains("/")
      }
  }
}

extension BackupManifest {
  /// Its members without the checksum over them.
  private var members: [String: JSONValue] {
    [
      "format": .int(Self.format),
      "store": .string(store.uuidString.lowercased()),
      "created_at": .int(Int64((createdAt.timeIntervalSince1970 * 1e6).rounded())),
      "model": .string(model),
      "dimension": .int(Int64(dimension)),
      "metric": .string(metric.rawValue),
      "head": .string(head.description),
      "memories": .int(Int64(memories)),
      "versions": .int(Int64(versions)),
      "files": .array(
        files.map {
          ["name": .string($0.name), "bytes": .int(Int64($0.bytes)), "sha256": .string($0.sha256)]
        }),
    ]
  }

  /// The bytes of the file.
  private var text: [UInt8] {
    get throws {
      var members = members
      let text = try JSONValue.object(members).canonicalText
      members["sha256"] = .string(Data(SHA256.hash(data: Data(text.utf8))).hexadecimal)
      return Array((try JSONValue.object(members).canonicalText + "\n").utf8)
    }
  }

  func write(to directory: FilePath) throws {
    let text = try text
    try Directory.publish(directory.appending(Self.fileName)) { file throws(StoreError) in
      try text.withBytes { bytes throws(StoreError) in try file.write(bytes, at: 0) }
    }
  }

  /// Reads and proves the manifest of a backup.
  init(of directory: FilePath) throws {
    let path = directory.appending(Self.fileName)
    guard try Directory.kind(of: path) == .other else {
      throw StoreError.damaged(file: path.string, reason: "it is missing: this is no backup")
    }
    var text: [UInt8] = []
    try EngramStore.File.open(path, .read).readAll { bytes, _ in text += bytes }
    guard case .object(let members)? = try? JSONValue(parsing: text),
      let manifest = Self(members), manifest.isWhole,
      try manifest.text == text
    else {
      throw StoreError.damaged(
        file: path.string, reason: "it fails its checksum or has another format")
    }
    self = manifest
  }

  private init?(_ members: [String: JSONValue]) {
    guard members["format"] == .int(Self.format),
      case .string(let store)? = members["store"], let store = UUID(uuidString: store),
      case .int(let createdAt)? = members["created_at"],
      case .string(let model)? = members["model"],
      case .int(let dimension)? = members["dimension"],
      case .string(let metric)? = members["metric"], let metric = Metric(rawValue: metric),
      case .string(let head)? = members["head"], let head = HistoryHead(head),
      case .int(let memories)? = members["memories"],
      case .int(let versions)? = members["versions"],
      case .array(let files)? = members["files"]
    else { return nil }
    self.init(
      store: store, createdAt: Timestamp.date(createdAt), model: model, dimension: Int(dimension),
      metric: metric, head: head, memories: Int(memories), versions: Int(versions),
      files: files.compactMap(File.init))
  }
}

extension BackupManifest.File {
  fileprivate init?(_ value: JSONValue) {
    guard case .object(let members) = value, case .string(let name)? = members["name"],
      case .int(let bytes)? = members["bytes"], case .string(let sha256)? = members["sha256"]
    else { return nil }
    self.init(name: name, bytes: Int(bytes), sha256: sha256)
  }

  /// A file as it is on disk.
  init(_ file: EngramStore.File, name: String, _ call: LongCall) throws {
    var hash = SHA256()
    let size = try file.size()
    try file.readAll { bytes, offset in
      try call.reached(offset, of: size, .files)
      hash.update(bufferPointer: bytes)
    }
    self.init(name: name, bytes: size, sha256: Data(hash.finalize()).hexadecimal)
  }
}
