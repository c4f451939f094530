// The process that the store's tests start and kill.
//
//   StoreChild PATH DURABILITY WRITERS WORK
//
// WORK is `hold` (keeps the store open until its input ends), `insert` (each writer adds memories),
// or `mixed` (adds, updates, deletes and snapshots). What was acknowledged is a line on standard
// output, written by write(2) before anything else happens:
//
//   open             the store is open
//   + ID 0           inserted, version 0
//   = ID N           updated to version N
//   ? ID             about to be deleted
//   - ID             deleted

import EngramStore
import Foundation

let arguments = CommandLine.arguments
guard arguments.count == 5, let durability = Durability(rawValue: arguments[2]),
  let writers = Int(arguments[3])
else { fatalError("usage: StoreChild PATH DURABILITY WRITERS WORK") }

func report(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  precondition(write(1, bytes, bytes.count) == bytes.count)
}

/// Version `version` of a memory: everything in it follows from its id, so that half a version
/// shows.
func text(_ id: UUID, _ version: Int) -> String { "memory \(id.uuidString) version \(version)" }
func metadata(_ version: Int) throws -> Metadata { try Metadata(["version": .int(Int64(version))]) }
func vector(_ id: UUID, _ version: Int) -> [Float] {
  withUnsafeBytes(of: id.uuid) { bytes in bytes.map { Float($0) + Float(version) / 4 } }
}

func insert(_ store: Store, writer: Int) async throws -> UUID {
  let id = UUID()
  try await store.insert(
    NewMemory(
      id: id, text: text(id, 0), vector: vector(id, 0), scope: Scope(user: "writer \(writer)"),
      metadata: metadata(0)))
  report("+ \(id.uuidString) 0")
  return id
}

/// Adds memories; every third one is updated twice, every fifth one deleted.
func work(_ store: Store, writer: Int, mixed: Bool) async throws {
  for count in 0..<10_000 / writers {
    let id = try await insert(store, writer: writer)
    guard mixed else { continue }
    if count % 3 == 0 {
      for version in 1...2 {
        try await store.update(
          id,
          MemoryUpdate(
            text: text(id, version), vector: vector(id, version), metadata: metadata(version)))
        report("= \(id.uuidString) \(version)")
      }
    }
    if count % 5 == 0 {
      report("? \(id.uuidString)")
      try await store.delete(id)
      report("- \(id.uuidString)")
    }
    if writer == 0, count % 50 == 49 { try await store.snapshot() }
  }
}

let store = try Store(
  path: arguments[1],
  configuration: StoreConfiguration(dimension: 16, metric: .squaredL2, durability: durability))
report("open")
if arguments[3] == "0" || arguments[4] == "hold" {
  _ = FileHandle.standardInput.readDataToEndOfFile()
} else {
  let mixed = arguments[4] == "mixed"
  try await withThrowingTaskGroup(of: Void.self) { group in
    for writer in 0..<writers {
      group.addTask { try await work(store, writer: writer, mixed: mixed) }
    }
    try await group.waitForAll()
  }
}
try await store.close()
