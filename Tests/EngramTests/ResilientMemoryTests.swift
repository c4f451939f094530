import EngramModels
import EngramStore
import Foundation
import Logging
import Synchronization
import Testing

@testable import Engram

/// An agent goes on when its memory is gone, and has it again when it is back.
@Suite(.serialized) struct ResilientMemoryTests {
  private static let alice = Scope(user: "alice")
  private static let verbatim = AddOptions(mode: .verbatim)
  private static let atOnce = Duration.zero...Duration.zero

  /// What was logged.
  private final class Log: Sendable {
    let lines = Mutex<[String]>([])
    var warnings: Int { lines.withLock { $0.filter { $0.hasPrefix("warning") }.count } }

    func logger() -> Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
      let log: Log
      var metadata: Logger.Metadata = [:]
      var logLevel = Logger.Level.trace
      subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
      }
      func log(
        level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String,
        file: String, function: String, line: UInt
      ) { log.lines.withLock { $0.append("\(level) \(message)") } }
    }
  }

  private static func memory(
    _ directory: String, _ log: Log, pauses: ClosedRange<Duration> = atOnce,
    embedder: any Embedder = WordEmbedder()
  ) -> ResilientMemory {
    ResilientMemory(pauses: pauses, logger: log.logger()) {
      try MemoryEngine(path: directory, embedder: embedder, durability: .process)
    }
  }

  /// - Parameter query: another one each time, where the service is to be asked.
  private static func search(
    _ memory: ResilientMemory, _ query: String = "green tea"
  ) async throws(EngramError) -> [String] {
    try await memory.read(or: []) { engine in
      try await engine.search(query, scope: alice, options: SearchOptions(threshold: 0)).map(\.memory.text)
    }
  }

  private static func add(_ text: String, _ memory: ResilientMemory) async throws(EngramError) {
    try await memory.write { engine in
      _ = try await engine.add(text, scope: alice, options: verbatim)
    }
  }

  /// What makes a directory unusable, and what makes it usable again.
  private struct Fault: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var begin: @Sendable (_ directory: String) throws -> Void
    var end: @Sendable (_ directory: String) throws -> Void
  }

  private static let faults: [Fault] = [
    Fault(testDescription: "a file in its place") { directory in
      try FileManager.default.moveItem(atPath: directory, toPath: directory + "-aside")
      try Data("x".utf8).write(to: URL(fileURLWithPath: directory))
    } end: { directory in
      try FileManager.default.removeItem(atPath: directory)
      try FileManager.default.moveItem(atPath: directory + "-aside", toPath: directory)
    },
    Fault(testDescription: "damaged") { directory in
      let catalogue = directory + "/engram.sqlite"
      try FileManager.default.copyItem(atPath: catalogue, toPath: directory + "-aside")
      try Data(repeating: 7, count: 20_000).write(to: URL(fileURLWithPath: catalogue))
    } end: { directory in
      try FileManager.default.removeItem(atPath: directory + "/engram.sqlite")
      try FileManager.default.moveItem(atPath: directory + "-aside", toPath: directory + "/engram.sqlite")
    },
    Fault(testDescription: "without its vectors") { directory in
      try FileManager.default.moveItem(
        atPath: directory + "/vectors-1.pages", toPath: directory + "-aside")
    } end: { directory in
      try FileManager.default.moveItem(
        atPath: directory + "-aside", toPath: directory + "/vectors-1.pages")
    },
    Fault(testDescription: "a lock that cannot be opened") { directory in
      try FileManager.default.moveItem(atPath: directory + "/writer.lock", toPath: directory + "-aside")
      try FileManager.default.createDirectory(
        atPath: directory + "/writer.lock", withIntermediateDirectories: true)
    } end: { directory in
      try FileManager.default.removeItem(atPath: directory + "/writer.lock")
      try FileManager.default.moveItem(atPath: directory + "-aside", toPath: directory + "/writer.lock")
    },
  ]

  /// A store that cannot be opened: reads answer with nothing, writes say why; and all is there once it can.
  @Test(arguments: faults.indices) func aStoreThatCannotBeOpened(number: Int) async throws {
    let fault = Self.faults[number]
    try await withTemporaryDirectory { parent in
      let directory = parent + "/store"
      let engine = try MemoryEngine(path: directory, embedder: WordEmbedder())
      try await engine.add("green tea", scope: Self.alice, options: Self.verbatim)
      try await engine.close()
      try fault.begin(directory)
      let log = Log()
      let memory = Self.memory(directory, log)
      #expect(try await Self.search(memory) == [] && !memory.isAvailable && memory.lastFailure != nil)
      #expect(log.warnings == 1)
      let refused = await refusal { try await Self.add("black tea", memory) }
      #expect(refused?.hasPrefix("store") == true, "\(refused ?? "nothing")")
      #expect(log.warnings == 2)
      try fault.end(directory)
      #expect(try await Self.search(memory) == ["green tea"])
      #expect(memory.isAvailable && memory.lastFailure == nil)
      #expect(log.lines.withLock { $0.last } == "notice memory is back")
      try await Self.add("black tea", memory)
      #expect(Set(try await Self.search(memory)) == ["green tea", "black tea"])
      try await memory.close()
      #expect(await refusal { _ = try await Self.search(memory) } == "closed")
      #expect(await refusal { try await Self.add("x", memory) } == "closed")
    }
  }

  /// The directory vanishes under an open store: what is added is refused, not lost, no empty store takes its
  /// place, and when it is back all is.
  @Test func aDirectoryThatVanishes() async throws {
    try await withTemporaryDirectory { parent in
      let directory = parent + "/store"
      let log = Log()
      let memory = Self.memory(directory, log)
      try await Self.add("green tea", memory)
      #expect(memory.isAvailable)
      try FileManager.default.moveItem(atPath: directory, toPath: directory + "-aside")
      #expect(await refusal { try await Self.add("black tea", memory) }?.contains("no store") == true)
      for _ in 0..<3 { #expect(try await Self.search(memory) == []) }
      #expect(await refusal { try await Self.add("black tea", memory) }?.contains("no store") == true)
      #expect(!FileManager.default.fileExists(atPath: directory) && log.warnings == 5)
      try FileManager.default.moveItem(atPath: directory + "-aside", toPath: directory)
      #expect(try await Self.search(memory) == ["green tea"])
      try await Self.add("black tea", memory)
      #expect(Set(try await Self.search(memory)) == ["green tea", "black tea"])
      try await memory.close()
    }
  }

  /// A service that fails: searches find nothing, adds are refused; the store stays open, and lists go on.
  @Test func aServiceThatFails() async throws {
    let isDown = Mutex(false)
    try await LoopbackService.run { body in
      if isDown.withLock({ $0 }) { return .init(status: 503, body: "{}") }
      guard case .object(let members)? = try? JSONValue(parsing: String(decoding: body, as: UTF8.self)),
        case .array(let texts)? = members["input"]
      else { return .init(status: 400, body: "{}") }
      let data = texts.indices.map { #"{"index":\#($0),"embedding":[1,0,0,0]}"# }.joined(separator: ",")
      return .init(body: #"{"data":[\#(data)],"usage":{"prompt_tokens":1}}"#)
    } while: { service in
      try await withTemporaryDirectory { directory in
        var endpoint = try OpenAIEndpoint(baseURL: service.baseURL)
        endpoint.retries.retriesMax = 0
        let log = Log()
        let memory = Self.memory(
          directory, log, embedder: try OpenAIEmbedder(endpoint, model: "m", dimension: 4))
        try await Self.add("green tea", memory)
        #expect(try await Self.search(memory) == ["green tea"] && log.warnings == 0)
        isDown.withLock { $0 = true }
        #expect(try await Self.search(memory, "which tea?") == [])
        #expect(await refusal { try await Self.add("black tea", memory) } == "model")
        #expect(log.warnings == 2)
        let listed = try await memory.read(or: []) { engine in
          try engine.getAll(scope: Self.alice).memories.map(\.text)
        }
        #expect(listed == ["green tea"])
        isDown.withLock { $0 = false }
        #expect(try await Self.search(memory) == ["green tea"] && memory.isAvailable)
        try await memory.close()
      }
    }
  }

  /// What is no outage is thrown as ever.
  @Test func whatIsWrongWithTheCall() async throws {
    try await withTemporaryDirectory { directory in
      let log = Log()
      let memory = Self.memory(directory, log)
      func refused(
        _ body: (MemoryEngine) async throws -> Void
      ) async -> String? { await refusal { try await memory.read(or: (), body) } }
      #expect(await refused { _ = try await $0.search("", scope: Self.alice) } == "invalid query")
      #expect(await refused { _ = try $0.getAll(scope: .all) } == "noScope")
      #expect(await refused { _ = try $0.get(UUID()) } == "unknownMemory")
      #expect(memory.isAvailable && log.warnings == 0)
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return await refusal { try await Self.add("x", memory) }
      }
      #expect(await task.value?.contains("cancelled") == true)
      try await memory.close()
      // Another model's store is no outage.
      let other = Self.memory(directory, log, embedder: WordEmbedder(model: "others"))
      #expect(await refusal { _ = try await Self.search(other) } == "otherModel")
      #expect(log.warnings == 0)
    }
  }

  /// While nothing is to be tried nothing is opened, and reads answer at once.
  @Test func failuresArePaused() async throws {
    try await withTemporaryDirectory { directory in
      let log = Log()
      let opened = Atomic(0)
      let memory = ResilientMemory(
        pauses: .seconds(600)...(.seconds(600)), logger: log.logger()
      ) {
        opened.add(1, ordering: .relaxed)
        return try MemoryEngine(path: directory + "/file/store", embedder: WordEmbedder())
      }
      try Data().write(to: URL(fileURLWithPath: directory + "/file"))
      for _ in 0..<5 { #expect(try await Self.search(memory) == []) }
      let first = await refusal { try await Self.add("x", memory) }
      #expect(first?.hasPrefix("store") == true)
      #expect(opened.load(ordering: .relaxed) == 1 && log.warnings == 1)
      try await memory.close()
    }
  }

  /// Of many who come at once one opens the store.
  @Test func manyAtOnce() async throws {
    try await withTemporaryDirectory { directory in
      let opened = Atomic(0)
      let memory = ResilientMemory(pauses: Self.atOnce, logger: Log().logger()) {
        opened.add(1, ordering: .relaxed)
        return try MemoryEngine(path: directory, embedder: WordEmbedder(), durability: .process)
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<24 { group.addTask { try await Self.add("memory \(number)", memory) } }
        try await group.waitForAll()
      }
      #expect(opened.load(ordering: .relaxed) == 1)
      #expect(try await Self.search(memory).count == 20)
      try await memory.close()
    }
  }
}
