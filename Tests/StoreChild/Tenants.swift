import EngramStore
import Foundation

/// Makes tenants of ten memories of 384 dimensions each, and reports what one takes:
///
///     idle ANONYMOUS VIRTUAL DESCRIPTORS THREADS MAPS   one that is open and idle, in the mean
///     open FILES BLOCKS     the largest while some are open: bytes of its files, and of their blocks
///     closed FILES BLOCKS   the largest once all are closed
func makeTenants(_ count: Int, directory: String, durability: Durability) async throws {
  let configuration = StoreConfiguration(dimension: 384, durability: durability, indexingThreads: 1)
  // What a process needs once is not a store's.
  let first = try StorePool(directory: directory + "-first", configuration: configuration)
  try await use(first, tenant: 0)
  try await first.close()
  let before = try Usage()
  let pool = try StorePool(directory: directory, configuration: configuration)
  try await withThrowingTaskGroup(of: Void.self) { group in
    for first in 0..<8 {
      group.addTask {
        for tenant in stride(from: first, to: count, by: 8) { try await use(pool, tenant: tenant) }
      }
    }
    try await group.waitForAll()
  }
  // The indexer lets go of what it has when it has had nothing to do for a second.
  try await Task.sleep(for: .seconds(2))
  let open = pool.statistics().open
  let used = try Usage().since(before)
  report(
    "idle "
      + [used.anonymous, used.virtual, used.descriptors, used.threads, used.maps]
      .map { "\($0 / max(open, 1))" }.joined(separator: " "))
  report("open \(try largest(directory))")
  try await pool.close()
  report("closed \(try largest(directory))")
}

/// Adds ten memories and searches them, as whoever has just come.
private func use(_ pool: StorePool, tenant: Int) async throws {
  try await pool.withStore(of: "tenant \(tenant)") { store in
    for number in 0..<10 {
      try await store.insert(
        NewMemory(
          text: "Memory \(number) of tenant \(tenant): prefers tea to coffee, and mornings to evenings.",
          vector: (0..<384).map { sin(Float($0 * (number + 1) + tenant)) },
          scope: Scope(user: "user \(tenant)", agent: "assistant"),
          metadata: Metadata(["topic": "drinks", "number": .int(Int64(number))])))
    }
    let query = (0..<384).map { cos(Float($0 + tenant)) }
    guard try store.search(query, k: 5).count == 5,
      try store.search(query, k: 10, filter: Filter(parsing: #"{"number": {"lt": 3}}"#)).count == 3
    else { return report("! tenant \(tenant) does not find its memories") }
    try await store.waitUntilIndexed()
  }
}

/// What the process has of the system.
private struct Usage {
  var anonymous: Int
  var virtual: Int
  var descriptors: Int
  var threads: Int
  var maps: Int

  init() throws {
    func lines(_ name: String) throws -> [String.SubSequence] {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/\(name)"))
      return String(decoding: handle.readDataToEndOfFile(), as: UTF8.self).split(separator: "\n")
    }
    func bytes(_ key: String, _ lines: [Substring]) -> Int {
      let line = lines.first { $0.hasPrefix(key) }?.dropFirst(key.count)
      return line?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }.map { $0 << 10 } ?? 0
    }
    anonymous = bytes("Anonymous:", try lines("smaps_rollup"))
    virtual = bytes("VmSize:", try lines("status"))
    descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
    maps = try lines("maps").count
  }

  func since(_ before: Usage) -> Usage {
    var usage = self
    usage.anonymous -= before.anonymous
    usage.virtual -= before.virtual
    usage.descriptors -= before.descriptors
    usage.threads -= before.threads
    usage.maps -= before.maps
    return usage
  }
}

/// The largest store below a directory, by the lengths of its files and by their blocks.
private func largest(_ directory: String) throws -> String {
  var (files, blocks) = (0, 0)
  for tenant in try FileManager.default.contentsOfDirectory(atPath: directory) {
    var (ownFiles, ownBlocks) = (0, 0)
    for file in try FileManager.default.contentsOfDirectory(atPath: "\(directory)/\(tenant)") {
      var status = stat()
      guard stat("\(directory)/\(tenant)/\(file)", &status) == 0 else { continue }
      ownFiles += Int(status.st_size)
      ownBlocks += Int(status.st_blocks) * 512
    }
    (files, blocks) = (max(files, ownFiles), max(blocks, ownBlocks))
  }
  return "\(files) \(blocks)"
}
