import EngramIndex
import Foundation
import SystemPackage

@testable import EngramStore

/// A real store with its backup and its export, of which targets alter copies.
final class World: Sendable {
  static let shared: World = {
    do { return try World() } catch { finding("the store cannot be made: \(error)") }
  }()

  static let dimension = 4

  let directory: URL
  let store: Store
  let head: HistoryHead
  let snapshot: [UInt8]
  let pages: [UInt8]
  let export: [UInt8]
  let manifest: [UInt8]

  private init() throws {
    let memory = URL(fileURLWithPath: "/dev/shm")
    let isThere = FileManager.default.fileExists(atPath: memory.path)
    let directory = (isThere ? memory : FileManager.default.temporaryDirectory)
      .appendingPathComponent("engram-fuzz-\(ProcessInfo.processInfo.processIdentifier)")
    self.directory = directory
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    World.made.append(directory.path)
    atexit { for path in World.made { try? FileManager.default.removeItem(atPath: path) } }
    let path = directory.appendingPathComponent("store").path
    let store = try Store(
      path: path,
      configuration: StoreConfiguration(
        dimension: Self.dimension, metric: .squaredL2, durability: .none, indexingThreads: 1))
    self.store = store
    try waiting { try await Self.fill(store, directory) }
    head = try store.read { try HistoryHead($0) }
    func bytes(_ name: String) throws -> [UInt8] {
      Array(try Data(contentsOf: directory.appendingPathComponent(name)))
    }
    snapshot = try bytes("store/index-1.hnsw")
    pages = try bytes("store/vectors-1.pages")
    export = try bytes("export")
    manifest = try bytes("backup/BACKUP.json")
  }

  nonisolated(unsafe) private static var made: [String] = []

  private static func fill(_ store: Store, _ directory: URL) async throws {
    for number in 0..<48 {
      let id = try await store.insert(
        NewMemory(
          key: number % 5 == 0 ? "key \(number)" : nil, text: "memory \(number)",
          vector: (0..<dimension).map { Float((number * 31 + $0 * 17) % 23) },
          scope: Scope(
            user: "user \(number % 3)", agent: number % 2 == 0 ? "agent" : nil,
            run: number % 7 == 0 ? "run \(number)" : nil),
          metadata: Metadata(["number": .int(Int64(number)), "list": ["a", 1, 2.5]]),
          categories: number % 4 == 0 ? ["work", "ü"] : [], role: number % 3 == 0 ? "user" : nil,
          importance: number % 3 == 1 ? 0.5 : nil,
          expiresAt: number % 11 == 0 ? Date(timeIntervalSince1970: 4e9) : nil))
      if number % 6 == 0 { try await store.update(id, MemoryUpdate(text: "other \(number)")) }
      if number % 9 == 0 { try await store.update(id, MemoryUpdate(vector: [1, 2, 3, Float(number)])) }
      if number % 10 == 9 { try await store.delete(id) }
    }
    try await store.waitUntilIndexed()
    try await store.snapshot()
    try await store.backup(to: directory.appendingPathComponent("backup").path)
    try await store.export(to: directory.appendingPathComponent("export").path)
  }

  /// A path for a copy, at which nothing is.
  func free(_ name: String) -> FilePath {
    let url = directory.appendingPathComponent(name)
    try? FileManager.default.removeItem(at: url)
    return FilePath(url.path)
  }
}

/// Runs what waits from a caller that cannot.
func waiting<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
  let done = DispatchSemaphore(value: 0)
  nonisolated(unsafe) var result: Result<Value, any Error>?
  Task {
    do { result = .success(try await body()) } catch { result = .failure(error) }
    done.signal()
  }
  done.wait()
  guard let result else { finding("no result") }
  return try result.get()
}

func write(_ bytes: [UInt8], to path: FilePath) {
  do { try Data(bytes).write(to: URL(fileURLWithPath: path.string)) } catch { finding("\(error)") }
}
