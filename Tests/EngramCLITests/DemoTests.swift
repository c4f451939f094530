import EngramStore
import Foundation
import Testing

/// The story that `engram demo` tells, and what `engram doctor` finds.
@Suite(.serialized) struct DemoTests {
  private func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("engram-demo-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory.path)
  }

  @Test func theStory() async throws {
    try await withDirectory { directory in
      let path = directory + "/demo"
      let answer = try await engram("demo", "--embedder", "hashing", "--json", "--store", path)
      #expect(answer.code == 0, "\(answer)")
      guard case .object(let story) = try JSONValue(parsing: answer.output),
        case .object(let added)? = story["added"], case .array(let facts)? = added["results"],
        case .object(let found)? = story["found"], case .array(let results)? = found["results"],
        case .string(let prompt)? = story["prompt"], case .int(let tokens)? = story["prompt_tokens"],
        case .int(let history)? = story["history_tokens"]
      else {
        Issue.record("\(answer.output)")
        return
      }
      #expect(facts.count >= 6 && results.count == 5)
      // The last thing said counts, and chatter does not.
      #expect(prompt.contains("Marseille") && !prompt.contains("Lyon") && !prompt.contains("lol"))
      #expect(tokens > 20 && tokens * 2 < history)
      // The store is there and sound, with what gave way in its history.
      #expect(try await engram("verify", "--store", path).code == 0)
      let again = try await engram("demo", "--embedder", "hashing", "--store", path)
      #expect(again.code == 2 && again.errors.contains("exists already"))
    }
  }

  @Test func whatIsRejectedIsInNoPrompt() async throws {
    let all = try await engram("demo", "--embedder", "hashing", "--yes")
    #expect(all.code == 0 && !all.output.contains("rejected"))
    for step in ["1. Capture", "2. Extract", "3. Persist", "4. Recall", "5. Audit", "6. Prompt"] {
      #expect(all.output.contains(step))
    }
    let some = try await engram("demo", "--embedder", "hashing", "--reject", "2", "--max-tokens", "500")
    #expect(some.code == 0)
    let rejected = try #require(
      some.output.split(separator: "\n").first { $0.contains("2  rejected") }?
        .split(separator: "  ").last.map(String.init))
    let prompt = some.output.components(separatedBy: "6. Prompt").last ?? ""
    #expect(!prompt.contains(rejected) && prompt.contains("- "))
  }

  @Test func doctor() async throws {
    try await withDirectory { directory in
      let path = directory + "/store"
      let none = try await engram(
        ["doctor", "--store", path], environment: ["ENGRAM_MODEL_DIR": directory + "/none"])
      #expect(none.code == 0 && none.output.contains("none yet"), "\(none)")
      #expect(none.output.contains("engram model fetch"))
      #expect(try await engram("demo", "--embedder", "hashing", "--yes", "--store", path).code == 0)
      let sound = try await engram("doctor", "--store", path, "--json")
      #expect(sound.code == 0 && sound.output.contains("memories by hashing-384"), "\(sound)")
      // A catalogue that is none.
      try Data(repeating: 7, count: 8_192).write(to: URL(fileURLWithPath: path + "/engram.sqlite"))
      let broken = try await engram("doctor", "--store", path)
      #expect(broken.code == 1 && broken.output.contains("engram repair --store"), "\(broken)")
      // Where nothing can be written a store has no place.
      try Data().write(to: URL(fileURLWithPath: directory + "/file"))
      let noPlace = try await engram("doctor", "--store", directory + "/file/store")
      #expect(noPlace.code == 1 && noPlace.output.contains("nothing can be written"), "\(noPlace)")
    }
  }
}
