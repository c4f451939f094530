import Foundation
import Testing

@testable import EngramStore

/// Opening refuses what it cannot serve, says why, and leaves it as it was.
@Suite struct OpeningTests {
  private let vector: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]

  /// A closed store of ten memories.
  private func makeStore(_ directory: URL, memories: Int = 10) async throws {
    let store = try openStore(directory)
    for number in 1...memories {
      try await store.insert(
        NewMemory(
          text: "memory \(number)", vector: vector.map { $0 + Float(number) },
          scope: Scope(user: "anna")))
    }
    try await store.close()
  }

  /// Makes a store, changes its files, expects a refusal, undoes the change, and all is well.
  private func expectRefused(
    _ expected: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ change: (URL) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { parent in
      let (directory, copy) = (parent.file("store"), parent.file("copy"))
      try await makeStore(directory)
      try directory.copy(to: copy)
      try await change(directory)
      for _ in 1...2 {
        let kind = await refusal { _ = try openStore(directory) }
        #expect(kind == expected, sourceLocation: sourceLocation)
      }
      try copy.copy(to: directory)
      let store = try openStore(directory)
      #expect(try store.statistics().memories == 10, sourceLocation: sourceLocation)
      try await store.close()
    }
  }

  // MARK: Paths

  @Test func aPathThatIsAFile() async throws {
    try await withTemporaryDirectory { parent in
      let file = parent.file("file")
      try Data("x".utf8).write(to: file)
      #expect(await refusal { _ = try openStore(file) } == "unusablePath")
      #expect(await refusal { _ = try openStore(file.file("below")) } == "system")
      #expect(try Data(contentsOf: file) == Data("x".utf8))
    }
    #expect(
      await refusal { _ = try Store(path: "", configuration: StoreConfiguration(dimension: 8)) }
        == "unusablePath")
  }

  @Test(.enabled(if: geteuid() != 0, "root may write anywhere"))
  func aDirectoryThatIsNotWritable() async throws {
    try await withTemporaryDirectory { parent in
      let directory = parent.file("store")
      try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o500])
      #expect(await refusal { _ = try openStore(directory) } == "unusablePath")
      #expect(await refusal { _ = try openStore(directory.file("below")) } == "system")
    }
  }

  @Test func directoriesAreMade() async throws {
    try await withTemporaryDirectory { parent in
      let directory = parent.file("a").file("b c").file("ü")
      try await makeStore(directory)
      let store = try openStore(directory)
      #expect(try store.statistics().memories == 10)
      try await store.close()
    }
  }

  #if os(Linux)
    /// Local ones are taken; where locks do nothing there either, opening finds it out by trying.
    @Test func aNetworkFileSystem() throws {
      let mounts = """
        22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/root rw,discard
        40 22 0:35 / /run/user/0 rw - tmpfs tmpfs rw
        51 22 0:52 / /home/a rw,relatime shared:3 master:2 - nfs4 host:/export rw,vers=4.2
        52 22 0:53 / /mnt/s\\040d rw - fuse.sshfs me@host: rw
        not a mount
        """
      #expect(FileSystem.networkName(of: "259:2", mounts: mounts) == nil)
      #expect(FileSystem.networkName(of: "0:35", mounts: mounts) == nil)
      #expect(FileSystem.networkName(of: "0:52", mounts: mounts) == "nfs4")
      #expect(FileSystem.networkName(of: "0:53", mounts: mounts) == "fuse.sshfs")
      #expect(FileSystem.networkName(of: "9:9", mounts: mounts) == nil)
    }
  #endif

  // MARK: Settings

  @Test func otherSettings() async throws {
    try await withTemporaryDirectory { directory in
      try await makeStore(directory)
      let openings: [(String, () throws -> Store)] = [
        ("dimension", { try openStore(directory, dimension: 9) }),
        ("metric", { try openStore(directory, metric: .squaredL2) }),
        ("model", { try openStore(directory, model: "other") }),
      ]
      for (setting, open) in openings {
        #expect(await refusal { _ = try open() } == "mismatch \(setting)")
      }
      let store = try openStore(directory)
      #expect(try store.statistics().memories == 10)
      try await store.close()
    }
  }

  @Test func impossibleSettings() async throws {
    try await withTemporaryDirectory { parent in
      for dimension in [0, -1, 16_384, Int.max, Int.min] {
        #expect(
          await refusal { _ = try openStore(parent.file("x"), dimension: dimension) }
            == "index dimensionOutOfRange")
      }
      #expect(await refusal { _ = try openStore(parent.file("x"), model: "") } == "invalid model")
      #expect(!FileManager.default.fileExists(atPath: parent.file("x").path))
    }
  }

  // MARK: The catalogue

  @Test func aNewerFormat() async throws {
    try await expectRefused("newerFormat") { directory in
      try RawCatalogue.execute(directory, "PRAGMA user_version = \(Schema.format + 1)")
    }
  }

  @Test func theDatabaseOfAnotherProgram() async throws {
    try await expectRefused("unusablePath") { directory in
      try directory.catalogue.remove()
      try directory.log.remove()
      try RawCatalogue.execute(directory, "CREATE TABLE notes (text TEXT)")
    }
    try await expectRefused("unusablePath") { directory in
      try RawCatalogue.execute(directory, "PRAGMA application_id = 7")
    }
  }

  @Test func whatIsNoDatabase() async throws {
    try await expectRefused("database") { directory in
      try Data(repeating: 0x41, count: 10_000).write(to: directory.catalogue)
    }
  }

  @Test func aMissingCatalogue() async throws {
    try await expectRefused("damaged engram.sqlite") { directory in
      try directory.catalogue.remove()
    }
  }

  @Test func aCatalogueWithoutItsVectorSpace() async throws {
    try await expectRefused("damaged engram.sqlite") { directory in
      try RawCatalogue.execute(directory, "DELETE FROM vector_space")
    }
  }

  /// An older copy of the catalogue beside newer vectors: changes that were acknowledged are gone.
  @Test(arguments: [true, false]) func aCatalogueOlderThanItsVectors(closed: Bool) async throws {
    try await withTemporaryDirectory { parent in
      let (directory, old) = (parent.file("store"), parent.file("old.sqlite"))
      try await makeStore(directory)
      try directory.catalogue.copy(to: old)
      let store = try openStore(directory, durability: .full)
      for number in 1...5 {
        try await store.insert(NewMemory(text: "later \(number)", vector: vector, scope: .all))
      }
      let copy = parent.file("copy")
      if !closed { try directory.copy(to: copy) }
      try await store.close()
      if closed { try directory.copy(to: copy) }
      try old.copy(to: copy.catalogue)
      try copy.log.remove()
      try copy.snapshot.remove()
      let kind = await refusal { _ = try openStore(copy, durability: .full) }
      #expect(kind == "damaged engram.sqlite")
    }
  }

  /// Without syncs power loss may do that: the weaker levels open what there is, and go on.
  @Test(arguments: [Durability.process, .none])
  func changesLostToPowerLoss(durability: Durability) async throws {
    try await withTemporaryDirectory { parent in
      let (directory, old) = (parent.file("store"), parent.file("old.sqlite"))
      try await makeStore(directory)
      try directory.catalogue.copy(to: old)
      let store = try openStore(directory, durability: durability)
      for number in 1...5 {
        try await store.insert(NewMemory(text: "later \(number)", vector: vector, scope: .all))
      }
      try await store.snapshot()
      try await store.close()
      try old.copy(to: directory.catalogue)
      try directory.log.remove()

      let again = try openStore(directory, durability: durability)
      #expect(try again.statistics().memories == 10)
      try await again.insert(NewMemory(text: "new", vector: vector, scope: .all))
      try await again.close()
      let full = try openStore(directory, durability: .full)
      let report = try await full.verify()
      #expect(report.problems.isEmpty)
      #expect(try full.search(vector, k: 1).first?.memory.text == "new")
      #expect(try full.search(vector, k: 100).count == 11)
      try await full.close()
    }
  }

  // MARK: The pages

  @Test func missingPages() async throws {
    try await expectRefused("damaged vectors-1.pages") { try $0.pages.remove() }
  }

  @Test func pagesThatAreCutOff() async throws {
    // The header, and ten slots of 128 bytes: every length that lacks something.
    for length in [0, 1, 4_095, 4_096, 4_097, 4_096 + 64, 4_096 + 10 * 128 - 1] {
      try await expectRefused("damaged vectors-1.pages") { directory in
        try Data(contentsOf: directory.pages).prefix(length).write(to: directory.pages)
      }
    }
  }

  @Test func pagesThatEndWithTheLastVector() async throws {
    for length in [4_096 + 10 * 128, 4_096 + 10 * 128 + 1, 4_096 + 11 * 128] {
      try await withTemporaryDirectory { directory in
        try await makeStore(directory)
        try Data(contentsOf: directory.pages).prefix(length).write(to: directory.pages)
        let store = try openStore(directory)
        #expect(try store.search(vector, k: 20).count == 10)
        var generator = Generator(seed: 6)
        for number in 1...40 {
          try await store.insert(
            NewMemory(text: "more \(number)", vector: generator.vector(8), scope: .all))
        }
        #expect(try store.search(vector, k: 50).count == 50)
        let report = try await store.verify()
        #expect(report.problems.isEmpty)
        try await store.close()
      }
    }
  }

  /// What was not synced is in the catalogue too, and that is believed unless it is damaged itself.
  @Test(arguments: ["lost", "torn", "another group's", "damaged in the catalogue"])
  func slotsAfterPowerLoss(what: String) async throws {
    try await withTemporaryDirectory { parent in
      let (directory, copy) = (parent.file("store"), parent.file("copy"))
      try await makeStore(directory)
      let store = try openStore(directory, durability: .full)
      let ids = try await store.insert(
        (1...3).map { NewMemory(text: "later \($0)", vector: vector, scope: .all) })
      try directory.copy(to: copy)
      let pages = store.core.index.pages
      for slot in 10..<13 {
        var bytes = try #require(try pages.bytes(ofSlot: slot))
        switch what {
        case "lost": bytes = [UInt8](repeating: 0, count: 128)
        case "torn": bytes[100] ^= 1
        case "another group's":
          // Of a process that was killed before its commit.
          var (header, vector) = try #require(try pages.readSlot(slot))
          (header.memory, vector[0]) = (UUID(), -vector[0])
          header.vectorChecksum = VectorPages.vectorChecksum(vector)
          bytes.removeAll()
          pages.encodeSlot(header, vector, into: &bytes)
        default: continue
        }
        let file = try FileHandle(forUpdating: copy.pages)
        try file.seek(toOffset: UInt64(4_096 + slot * 128))
        try file.write(contentsOf: bytes)
        try file.close()
      }
      try await store.close()
      if what == "damaged in the catalogue" {
        try RawCatalogue.execute(
          copy,
          """
          UPDATE unsynced_slots
          SET bytes = CAST(substr(bytes, 1, 100) || x'00' || substr(bytes, 102) AS BLOB);
          INSERT INTO unsynced_slots (space, first_slot, bytes) VALUES (1, 9223372036854775807, zeroblob(256));
          """)
      }

      let again = try openStore(copy, durability: .full)
      let report = try await again.verify()
      #expect(report.problems.isEmpty)
      for id in ids { #expect(try again.vector(of: id) == vector) }
      try await again.close()
    }
  }

  @Test func pagesOfAnotherStore() async throws {
    try await withTemporaryDirectory { parent in
      let (one, other) = (parent.file("one"), parent.file("other"))
      try await makeStore(one)
      try await makeStore(other)
      let keep = parent.file("keep")
      try one.pages.copy(to: keep)
      try other.pages.copy(to: one.pages)
      #expect(await refusal { _ = try openStore(one) } == "damaged vectors-1.pages")
      try keep.copy(to: one.pages)
      // A snapshot of another store is of no use, and no harm.
      try other.snapshot.copy(to: one.snapshot)
      let store = try openStore(one)
      #expect(try store.statistics().indexOrigin != .snapshot)
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
    }
  }

  @Test func pagesOfAnotherModel() async throws {
    try await expectRefused("damaged vectors-1.pages") { directory in
      let other = directory.deletingLastPathComponent().file("other")
      let store = try openStore(other, dimension: 12)
      try await store.close()
      try other.pages.copy(to: directory.pages)
    }
  }

  // MARK: The snapshot

  @Test(arguments: ["delete", "damage", "truncate", "empty"])
  func aSnapshotThatIsOfNoUse(what: String) async throws {
    try await withTemporaryDirectory { directory in
      try await makeStore(directory)
      let bytes = try Data(contentsOf: directory.snapshot)
      switch what {
      case "delete": try directory.snapshot.remove()
      case "damage":
        var bytes = bytes
        bytes[4_096] ^= 1
        try bytes.write(to: directory.snapshot)
      case "truncate": try bytes.prefix(bytes.count / 2).write(to: directory.snapshot)
      default: try Data().write(to: directory.snapshot)
      }
      let store = try openStore(directory)
      let origin = try store.statistics().indexOrigin
      if case .rebuilt = origin {} else { Issue.record("\(what): the index is \(origin)") }
      let found = try store.search(vector.map { $0 + 3 }, k: 10, scope: Scope(user: "anna"))
      #expect(found.count == 10)
      let report = try await store.verify()
      #expect(report.problems.isEmpty)
      try await store.close()
      let again = try openStore(directory)
      #expect(try again.statistics().indexOrigin == .snapshot)
      try await again.close()
    }
  }

  // MARK: Two at once

  /// Each sees what the other has committed, and one that closes is in nobody's way.
  @Test func aSecondOpenerShares() async throws {
    try await withTemporaryDirectory { directory in
      let first = try openStore(directory)
      let id = try await first.insert(NewMemory(text: "x", vector: vector, scope: .all))
      let second = try openStore(directory)
      try await second.insert(NewMemory(text: "y", vector: vector, scope: .all))
      for store in [first, second] {
        #expect(try Set(store.search(vector, k: 5).map(\.memory.text)) == ["x", "y"])
      }
      try await first.delete(id)
      #expect(try second.search(vector, k: 5).map(\.memory.text) == ["y"])
      try await first.close()
      try await second.insert(NewMemory(text: "z", vector: vector, scope: .all))
      let report = try await second.verify()
      #expect(report.problems == [])
      try await second.close()
      let again = try openStore(directory)
      #expect(try again.statistics().memories == 2)
      try await again.close()
    }
  }

  @Test func manyOpenAndCloseAtOnce() async throws {
    try await withTemporaryDirectory { directory in
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            for _ in 0..<10 {
              do {
                let store = try openStore(directory)
                try await store.insert(NewMemory(text: "x", vector: vector, scope: .all))
                try await store.close()
              } catch { Issue.record(error) }
            }
          }
        }
      }
      let store = try openStore(directory)
      #expect(try store.statistics().memories == 80)
      #expect(try store.search(vector, k: 100).count == 80)
      let report = try await store.verify()
      #expect(report.problems == [])
      try await store.close()
    }
  }
}
