import ArgumentParser
import BenchmarkSupport
import EngramStore
import Foundation

/// One opening of a store, in a process of its own: what the heap of another has free, and what its
/// caches hold, would be in the figures.
struct Open: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "open",
    abstract: "Opens a store once and searches it once: how long it takes, how much memory it takes.")

  @Argument(help: "The store's folder; what the search finds counts as accessed.")
  var path: String
  @Option(help: "Components of its vectors.") var dimension: Int
  @Option(help: "Name of the model that it was made with.") var model: String
  @OptionGroup var output: OutputOptions

  func run() async throws {
    guard FileManager.default.fileExists(atPath: "\(path)/engram.sqlite") else {
      throw ValidationError("There is no store at \(path).")
    }
    let (opening, store) = try Opening.measured(path: path, dimension: dimension, model: model)
    try await store.close()
    try output.publish(opening, text: opening.text)
  }
}

/// What opening a store and searching it once took.
struct Opening: Codable {
  var memories: Int
  var open_ms: Double
  /// From the beginning of opening to the first search's end.
  var first_search_ms: Double
  /// Anonymous memory that both added to the process.
  var anonymous_bytes: Int?
  /// Of the whole process afterwards.
  var memory: ProcessMemory

  static func measured(
    path: String, dimension: Int, model: String
  ) throws -> (opening: Opening, store: Store) {
    let query = (0..<dimension).map { Float($0 % 7) - 3 }
    let before = ProcessMemory.current(trimmed: true)
    let start = MonotonicClock.now()
    let store = try Store(
      path: path, configuration: StoreConfiguration(dimension: dimension, model: model))
    let opened = MonotonicClock.seconds(since: start)
    _ = try store.search(query, k: 10)
    let searched = MonotonicClock.seconds(since: start)
    let after = ProcessMemory.current(trimmed: true)
    var opening = Opening(
      memories: try store.statistics().memories, open_ms: opened * 1e3,
      first_search_ms: searched * 1e3, memory: after)
    if let before = before.anonymous, let after = after.anonymous {
      opening.anonymous_bytes = after - before
    }
    return (opening, store)
  }

  /// Runs `engram-bench open`.
  static func inFreshProcess(path: String, dimension: Int, model: String) throws -> Opening {
    let child = Process()
    child.executableURL = Bundle.main.executableURL
    child.arguments = [
      "open", path, "--dimension", "\(dimension)", "--model", model, "--json", "-",
    ]
    let pipe = Pipe()
    child.standardOutput = pipe
    try child.run()
    let answer = pipe.fileHandleForReading.readDataToEndOfFile()
    child.waitUntilExit()
    guard child.terminationStatus == 0 else {
      throw ValidationError("engram-bench open ended with \(child.terminationStatus).")
    }
    return try JSONDecoder().decode(Opening.self, from: answer)
  }

  var text: String {
    var table = Table(columns: [
      .number("memories"), .number("open", unit: "ms"), .number("open + search", unit: "ms"),
      .number("anonymous", unit: "bytes"), .number("anonymous", unit: "bytes/memory"),
    ])
    table.add(
      .integer(memories), .decimal(open_ms, 1), .decimal(first_search_ms, 1),
      anonymous_bytes.map { .integer($0) } ?? .none,
      anonymous_bytes.map { .integer($0 / max(memories, 1)) } ?? .none)
    return table.text()
  }
}
