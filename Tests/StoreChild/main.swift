// The process that the store's tests start and kill.
//
//   StoreChild PATH DURABILITY WRITERS WORK
//
// WORK is `hold` (keeps the store open until its input ends), `insert` (each writer adds memories),
// `mixed` (adds, updates, deletes and snapshots), `share` (the same with searches, for as many seconds
// as SECONDS says; then it waits for its input to end), `calls` (as many clients of StoreClients, the
// first of which is number FIRST, for SECONDS, from SEED), `fill` (adds vectors of 1,024 components until
// their file may not grow, and goes on when it may again), `tenants` (makes WRITERS tenants in a pool at
// PATH, and says what they take, see Tenants.swift), `reembed` (moves the store to the model MODEL of
// DIMENSION components while WRITERS add memories, see Reembed.swift), or `script-LIVES-STEPS` (opens the store, does
// random requests, closes it, so often; WRITERS is the seed). What was acknowledged is a line on standard
// output, written by write(2) before anything else happens:
//
//   open             the store is open
//   + ID 0           inserted, version 0
//   = ID N           updated to version N, or has that version still
//   ? ID             about to be deleted
//   - ID             deleted
//   ~ ID             whether the last write of it took place is not known
//   ! WHY            something was refused, or is wrong
//   > CALL           of `calls`: a call that is about to be made, as JSON
//   < CALL           the same with its answer
//   closed           the store is closed
//   embedding N      of `reembed`: so many vectors are there
//   + ID TEXT        of `reembed`: inserted
//   calls N          so many calls of the kind that may fail (Tests/CStoreFaults)
//   done             nothing follows; of `share`: but what it sees when its input has ended,
//   sees COUNT HASH  so many memories, of these ids and versions

import EngramStore
import Foundation
import StoreClients

#if canImport(CStoreFaults)
  import CStoreFaults
#endif

#if canImport(CStoreFaults)
  store_faults_prepare()
#endif

let arguments = CommandLine.arguments
guard arguments.count == 5, let durability = Durability(rawValue: arguments[2]),
  let writers = Int(arguments[3])
else { fatalError("usage: StoreChild PATH DURABILITY WRITERS WORK") }

@Sendable func report(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  precondition(write(1, bytes, bytes.count) == bytes.count)
}

/// Version `version` of a memory: everything in it follows from its id, so that half a version
/// shows.
func text(_ id: UUID, _ version: Int) -> String { "memory \(id.uuidString) version \(version)" }
/// - Parameter vector: the version that the vector is of, where that is another.
func metadata(_ version: Int, vector: Int? = nil) throws(StoreError) -> Metadata {
  try Metadata(["version": .int(Int64(version)), "vector": .int(Int64(vector ?? version))])
}
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
func work(
  _ store: Store, writer: Int, mixed: Bool, while goesOn: (_ count: Int) throws -> Bool
) async throws {
  var count = -1
  while try goesOn(count + 1) {
    count += 1
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

/// Works beside other processes: what this one has just added it finds, whatever they do.
func share(_ store: Store, writer: Int, until end: ContinuousClock.Instant) async throws {
  try await work(store, writer: writer, mixed: true) { _ in
    let id = UUID()
    let memories = try store.search(vector(id, 0), k: 10)
    if Set(memories.map(\.memory.id)).count != memories.count { report("! a memory came twice") }
    for memory in memories where !memory.memory.text.hasPrefix("memory \(memory.memory.id) version") {
      report("! \(memory.memory.text) is not what was written")
    }
    return ContinuousClock.now < end
  }
}

/// All current memories: how many, and a number that stands for their ids and versions. Each of them
/// is found by its own vector.
func state(_ store: Store) throws -> String {
  var hash: UInt64 = 0
  var count = 0
  var cursor: String?
  repeat {
    let page = try store.list(after: cursor, limit: 1_000)
    for memory in page.memories {
      count += 1
      guard case .int(let version)? = memory.metadata["version"] else {
        report("! \(memory.id) has no version")
        continue
      }
      var own: UInt64 = 0xCBF2_9CE4_8422_2325
      for byte in Array("\(memory.id) \(version)".utf8) { own = (own ^ UInt64(byte)) &* 0x100_0000_01B3 }
      hash ^= own
      let found = try store.search(vector(memory.id, Int(version)), k: 1).first
      if found?.memory.id != memory.id || found?.score != 0 { report("! \(memory.id) is not found") }
    }
    cursor = page.next
  } while cursor != nil
  return "\(count) \(hash)"
}

/// Files may not be longer than this many bytes; nil for any length.
func limitFiles(to bytes: UInt64?) {
  var limit = rlimit()
  #if os(Linux)
    let resource = __rlimit_resource_t(UInt32(RLIMIT_FSIZE.rawValue))
  #else
    let resource = RLIMIT_FSIZE
  #endif
  precondition(getrlimit(resource, &limit) == 0)
  limit.rlim_cur = bytes.map { rlim_t($0) } ?? limit.rlim_max
  precondition(setrlimit(resource, &limit) == 0)
}

/// Adds memories in batches. The log has the vectors too, so that it is emptied before their file may not
/// grow.
func fill(_ store: Store) async throws {
  signal(SIGXFSZ, SIG_IGN)
  var refused = 0
  for batch in 0..<20 {
    if batch == 5 {
      try await store.compact()
      limitFiles(to: 6 << 20)
    }
    let ids = (0..<200).map { _ in UUID() }
    let memories = try ids.map { id in
      NewMemory(
        id: id, text: text(id, 0), vector: (0..<64).flatMap { _ in vector(id, 0) },
        scope: Scope(user: "writer 0"), metadata: try metadata(0))
    }
    do {
      try await store.insert(memories)
      for id in ids { report("+ \(id.uuidString) 0") }
    } catch {
      report("! \(error)")
      refused += 1
      if refused == 3 { limitFiles(to: nil) }
    }
  }
  report("done")
}

/// Makes random calls that the parent checks.
func call(_ store: Store, client: Int, seed: Int, until end: ContinuousClock.Instant) async {
  let encoder = JSONEncoder()
  func report(_ mark: String, _ call: Call) {
    do { StoreChild.report(mark + String(decoding: try encoder.encode(call), as: UTF8.self)) } catch {
      StoreChild.report("! \(error)")
    }
  }
  var client = Client(client, of: store, seed: UInt64(seed))
  await client.run { _ in
    ContinuousClock.now < end
  } begun: {
    report("> ", $0)
  } ended: {
    report("< ", $0)
  }
}

func follow(_ script: Script, lives: Int, steps: Int) async {
  var script = script
  await script.run(lives: lives, steps: steps)
}

if arguments[4] == "tenants" {
  try await makeTenants(writers, directory: arguments[1], durability: durability)
  exit(0)
}

if arguments[4] == "reembed" {
  try await reembed(arguments[1], writers: writers, durability: durability)
  exit(0)
}

let isCalling = arguments[4] == "calls"
var configuration = StoreConfiguration(
  dimension: arguments[4] == "fill" ? 1_024 : 16, metric: .squaredL2, durability: durability)
if isCalling {
  configuration = Client.configuration
  configuration.durability = durability
}
let script = arguments[4].split(separator: "-").compactMap { Int($0) }
if script.count == 2 {
  await follow(
    Script(path: arguments[1], configuration: configuration, seed: UInt64(writers)),
    lives: script[0], steps: script[1])
  #if canImport(CStoreFaults)
    report("calls \(store_faults_calls())")
  #endif
  report("done")
  exit(0)
}

let store = try Store(path: arguments[1], configuration: configuration)
report("open")
if arguments[3] == "0" || arguments[4] == "hold" {
  _ = FileHandle.standardInput.readDataToEndOfFile()
} else if arguments[4] == "fill" {
  try await fill(store)
} else {
  let (isMixed, isSharing) = (arguments[4] == "mixed", arguments[4] == "share")
  let environment = ProcessInfo.processInfo.environment
  let seconds = Double(environment["SECONDS"] ?? "") ?? 1
  let first = Int(environment["FIRST"] ?? "") ?? 0
  let seed = Int(environment["SEED"] ?? "") ?? 0
  let end = ContinuousClock.now + .seconds(seconds)
  try await withThrowingTaskGroup(of: Void.self) { group in
    for writer in 0..<writers {
      group.addTask {
        if isCalling {
          await call(store, client: first + writer, seed: seed, until: end)
        } else if isSharing {
          try await share(store, writer: writer, until: end)
        } else {
          try await work(store, writer: writer, mixed: isMixed) { $0 < 10_000 / writers }
        }
      }
    }
    try await group.waitForAll()
  }
  if isSharing {
    report("done")
    _ = FileHandle.standardInput.readDataToEndOfFile()
    report("sees \(try state(store))")
  }
}
try await store.close()
