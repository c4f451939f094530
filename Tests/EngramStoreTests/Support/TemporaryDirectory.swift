import Foundation

/// Runs `body` with a directory of its own, removed afterwards.
///
/// - Parameter inMemory: whether it lies on a file system in memory, where there is one.
func withTemporaryDirectory<Result>(
  inMemory: Bool = false, isolation: isolated (any Actor)? = #isolation,
  _ body: (URL) async throws -> Result
) async throws -> Result {
  let memory = URL(fileURLWithPath: "/dev/shm")
  let isMemory = inMemory && FileManager.default.fileExists(atPath: memory.path)
  let parent = isMemory ? memory : FileManager.default.temporaryDirectory
  let directory = parent.appendingPathComponent("engram-tests-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  return try await body(directory)
}

extension URL {
  func file(_ name: String) -> URL { appendingPathComponent(name) }

  var catalogue: URL { file("engram.sqlite") }
  var log: URL { file("engram.sqlite-wal") }
  var pages: URL { file("vectors-1.pages") }
  var snapshot: URL { file("index-1.hnsw") }

  /// Bytes of the files of a directory, by name.
  func sizes() throws -> [String: Int] {
    var sizes: [String: Int] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      sizes[name] = try Data(contentsOf: file(name)).count
    }
    return sizes
  }

  func copy(to other: URL) throws {
    try? FileManager.default.removeItem(at: other)
    try FileManager.default.copyItem(at: self, to: other)
  }

  func remove() throws {
    if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(at: self) }
  }
}
