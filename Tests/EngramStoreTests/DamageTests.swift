import EngramStore
import Foundation
import Testing

/// Bytes flip, files are cut, lost or another store's: it is noticed, or it does no harm. Nothing
/// traps.
///
/// `ENGRAM_DAMAGES` sets how often a store is damaged.
@Suite struct DamageTests {
  private enum Damage: CaseIterable { case flip, flips, truncate, delete, zero, grow, swap }

  private static let rounds = ProcessInfo.processInfo.environment["ENGRAM_DAMAGES"]
    .flatMap { Int($0) } ?? 350

  private static let files = [
    "engram.sqlite", "engram.sqlite-wal", "vectors-1.pages", "index-1.hnsw",
  ]

  /// After an orderly close log and snapshot may be damaged without harm; of the rest a store is
  /// whole, or says that it is not.
  @Test func ofAClosedStore() async throws {
    try await damage(seed: 1, crashed: false) { file, verdict, last in
      switch verdict {
      case .intact(let change): change == last
      case .refused, .reported: file == "engram.sqlite" || file == "vectors-1.pages"
      case .silent: false
      }
    }
  }

  /// After a crash the log holds the latest changes. SQLite cuts it at the first frame that is
  /// damaged, as it does with one that was half written. Where that loses the last group only, it
  /// looks like a crash before its commit; more is noticed.
  @Test func ofACrashedStore() async throws {
    try await damage(seed: 2, crashed: true) { file, verdict, last in
      switch verdict {
      case .intact(let change): change == last || file == "engram.sqlite-wal" && change == last - 1
      case .refused, .reported: file != "index-1.hnsw"
      case .silent: false
      }
    }
  }

  /// The files that locks are on hold nothing.
  @Test func ofTheLocks() async throws {
    var generator = Generator(seed: 3)
    try await withTemporaryDirectory(inMemory: true) { directory in
      let (store, copy) = (directory.file("store"), directory.file("copy"))
      let sample = try await Sample(store)
      for file in ["writer.lock", "indexer.lock"] {
        for damage in [Damage.delete, .grow] {
          try store.copy(to: copy)
          _ = try apply(damage, to: copy.file(file), of: store, &generator)
          #expect(try await sample.examine(copy) == .intact(change: sample.states.count - 1))
        }
      }
    }
  }

  private func damage(
    seed: UInt64, crashed: Bool,
    isRight: (_ file: String, Verdict, _ last: Int) -> Bool
  ) async throws {
    var generator = Generator(seed: seed)
    try await withTemporaryDirectory(inMemory: true) { directory in
      let copy = directory.file("copy")
      let (original, sample) = try await makeStore("store", in: directory, crashed: crashed)
      let (other, _) = try await makeStore("other", in: directory, crashed: crashed)
      try original.copy(to: copy)
      #expect(try await sample.examine(copy) == .intact(change: sample.states.count - 1))
      var tally: [String: Int] = [:]
      for round in 1...Self.rounds {
        try original.copy(to: copy)
        let file = Self.files[round % Self.files.count]
        let what = try apply(
          Damage.allCases.randomElement(using: &generator) ?? .flip, to: copy.file(file), of: other,
          &generator)
        let verdict = try await sample.examine(copy)
        let isRight = isRight(file, verdict, sample.states.count - 1)
        #expect(isRight, "seed \(seed), round \(round): \(what) of \(file) gave \(verdict)")
        tally["\(file) \(verdict.name)", default: 0] += 1
      }
      print("damage, \(crashed ? "crashed" : "closed") store, \(Self.rounds) rounds:")
      for (what, count) in tally.sorted(by: { $0.key < $1.key }) { print("  \(what): \(count)") }
    }
  }

  private func makeStore(
    _ name: String, in directory: URL, crashed: Bool
  ) async throws -> (URL, Sample) {
    let (closed, crash) = (directory.file(name), directory.file("crashed \(name)"))
    let sample = try await Sample(closed, crashedCopy: crashed ? crash : nil)
    return (crashed ? crash : closed, sample)
  }

  private func apply(
    _ damage: Damage, to file: URL, of other: URL, _ generator: inout Generator
  ) throws -> String {
    var bytes = try Data(contentsOf: file)
    let isNothing = bytes.isEmpty && ![.delete, .grow, .swap].contains(damage)
    guard !isNothing else { return "nothing" }
    // Most of the pages is space for what comes.
    let isPages = file.lastPathComponent == "vectors-1.pages"
    let used = isPages ? min(bytes.count, 12 << 10) : bytes.count
    var what = "\(damage)"
    switch damage {
    case .flip, .flips:
      for _ in 0..<(damage == .flip ? 1 : 20) {
        let offset = Int.random(in: 0..<used, using: &generator)
        bytes[offset] ^= UInt8(1 << Int.random(in: 0..<8, using: &generator))
        what += " \(offset)"
      }
    case .truncate:
      bytes = bytes.prefix(Int.random(in: 0..<used, using: &generator))
      what += " to \(bytes.count)"
    case .zero:
      let begin = Int.random(in: 0..<used, using: &generator)
      let end = min(begin + 4_096, bytes.count)
      bytes.replaceSubrange(begin..<end, with: Data(count: end - begin))
      what += " \(begin)"
    case .grow:
      bytes += (0..<Int.random(in: 1...9_000, using: &generator)).map { UInt8($0 & 255) }
    case .delete:
      try file.remove()
      return what
    case .swap: bytes = try Data(contentsOf: other.file(file.lastPathComponent))
    }
    try bytes.write(to: file)
    return what
  }
}

extension Verdict {
  fileprivate var name: String {
    switch self {
    case .refused: "refused"
    case .reported: "reported"
    case .intact: "intact"
    case .silent: "SILENT"
    }
  }
}
