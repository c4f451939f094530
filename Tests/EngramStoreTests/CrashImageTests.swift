import EngramStore
import Foundation
import Testing

/// Power is lost at any moment of a store's life, with anything that a disk may then hold: what is
/// left opens, and keeps what was promised. `CrashDisk` says what a disk may hold.
///
/// `ENGRAM_CRASH_IMAGES` sets how many images are checked in all.
@Suite(.enabled(if: CallLog.isAvailable, "calls are recorded on Linux only"))
struct CrashImageTests {
  private static let images =
    ProcessInfo.processInfo.environment["ENGRAM_CRASH_IMAGES"].flatMap { Int($0) } ?? 1_200
  /// A recorded run serves so many images.
  private static let imagesOfRun = 250

  /// What was acknowledged with full durability is there.
  @Test func fullDurability() async throws {
    try await check(.full, seed: 1, images: Self.images / 2)
  }

  /// The weaker levels lose the latest groups at most, whole ones.
  @Test(arguments: [Durability.process, .none])
  func weakerDurability(durability: Durability) async throws {
    try await check(durability, seed: 2, images: Self.images / 3)
  }

  /// Two processes write at once: what was acknowledged by either is there.
  @Test(arguments: Durability.allCases) func twoProcesses(durability: Durability) async throws {
    try await check(durability, seed: 5, images: Self.images / 6, processes: 2)
  }

  /// One of two processes is killed at any of its calls, the other goes on, then power is lost.
  @Test func oneOfTwoIsKilled() async throws {
    try await check(.full, seed: 6, images: Self.images / 6, processes: 2, kills: true)
  }

  /// Power is lost again while what was left is being opened and used.
  @Test func crashesOfRecovery() async throws {
    var generator = Generator(seed: 4)
    var checked = 0
    try await withTemporaryDirectory(inMemory: true) { directory in
      let first = try await RecordedRun(
        directory.file("first", made: true), .full, seed: 4, lives: 1, steps: 40)
      for round in 0..<max(1, Self.images / 200) {
        let disk = CrashDisk(first.log)
        let cut = Int.random(in: 1...first.log.records.count, using: &generator)
        disk.advance(to: cut)
        let image = disk.image(&generator)
        let place = directory.file("again \(round)")
        try image.write(to: place)
        let second = try await RecordedRun(place, .full, seed: 1_000 + round, lives: 1, steps: 3)
        checked += try await check(
          second, on: CrashDisk(second.log, initial: image), images: 20, &generator,
          promised: first.promise(before: cut), in: directory, "seed 4, cut \(cut)")
        try place.remove()
      }
    }
    print("crash images of recoveries: \(checked) checked")
  }

  /// - Parameter kills: whether the last process is killed in each run.
  private func check(
    _ durability: Durability, seed: UInt64, images: Int, processes: Int = 1, kills: Bool = false
  ) async throws {
    var generator = Generator(seed: seed)
    var checked = 0
    // Each run has one kill.
    let imagesOfRun = kills ? Self.imagesOfRun / 5 : Self.imagesOfRun
    try await withTemporaryDirectory(inMemory: true) { directory in
      while checked < images {
        let runSeed = Int.random(in: 1...1_000_000, using: &generator)
        let place = try directory.file("recorded", made: true)
        let kill = kills ? Int.random(in: 1...3_000, using: &generator) : nil
        let run = try await RecordedRun(
          place, durability, seed: runSeed, lives: 3, steps: 30, processes: processes, kill: kill)
        checked += try await check(
          run, on: CrashDisk(run.log), images: min(imagesOfRun, images - checked), &generator,
          in: directory,
          "\(durability), seed \(seed), run \(runSeed), \(processes) processes, kill \(kill ?? 0)")
        try place.remove()
      }
    }
    print(
      "crash images, \(durability)\(processes > 1 ? ", \(processes) processes" : "")"
        + "\(kills ? ", one killed" : ""): \(checked) checked")
  }

  /// Checks images at random moments of a run; how many.
  private func check(
    _ run: RecordedRun, on disk: CrashDisk, images: Int, _ generator: inout Generator,
    promised: Int = 0, in directory: URL, _ comment: String
  ) async throws -> Int {
    let cuts = (0..<images).map { _ in
      Int.random(in: 0...run.log.records.count, using: &generator)
    }
    let place = directory.file("image")
    for cut in cuts.sorted() {
      disk.advance(to: cut)
      let before = generator
      try disk.image(&generator).write(to: place)
      let problems: [String]
      do {
        problems = try await run.problems(
          of: place.file("store"), promised: max(promised, run.promise(before: cut)))
      } catch { problems = ["\(error)"] }
      if !problems.isEmpty {
        let kept = FileManager.default.temporaryDirectory.file("engram-crash-\(UUID().uuidString)")
        var again = before
        try disk.image(&again).write(to: kept)
        Issue.record("\(comment), cut \(cut), image kept at \(kept.path): \(problems.prefix(5))")
      }
    }
    return cuts.count
  }
}

extension URL {
  /// A directory of this name, made anew.
  fileprivate func file(_ name: String, made: Bool) throws -> URL {
    let directory = file(name)
    try directory.remove()
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    return directory
  }
}
