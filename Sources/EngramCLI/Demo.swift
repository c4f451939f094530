import ArgumentParser
import Engram
import EngramModels
import EngramStore
import Foundation

/// The story of a support agent, from what was said to the prompt for what is said next.
struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows a support agent's memory at work, in six steps and offline.",
    discussion: """
      It captures a conversation of three days, extracts what lasts, keeps it, recalls what a question \
      asks for, lets you approve or reject each memory, and assembles the prompt. On a terminal it asks \
      about each memory; otherwise all are kept but those of --reject. Everything is in a store of its own, \
      which is removed at the end unless --store names a place for it.
      """)

  @Option(
    help: ArgumentHelp("Keep the store in this directory, where nothing is yet.", valueName: "directory"))
  var store: String?

  @Option(help: ArgumentHelp("Reject the memory of this number, without asking.", valueName: "number"))
  var reject: [Int] = []

  @Flag(help: "Ask nothing; keep all memories but those of --reject.")
  var yes = false

  @Option(name: .customLong("max-tokens"), help: "What the memories in the prompt may take.")
  var maxTokens = 120

  @OptionGroup var models: ModelOptions
  @OptionGroup var output: OutputOptions

  private static let scope = Scope(user: "demo")

  func run() async throws {
    try await output.run { [self] _ in
      let path = store ?? Self.temporaryPath
      guard !FileManager.default.fileExists(atPath: path) else { throw StoreError.exists(path) }
      defer { if store == nil { try? FileManager.default.removeItem(atPath: path) } }
      let usage = try models.ledger()
      let engine = try MemoryEngine(
        path: path,
        embedder: try await models.embedder(ofStoreAt: path, makes: true, ledger: usage.ledger))
      do {
        let story = try await Story(of: engine, telling: !output.json, demo: self)
        try await engine.close()
        return usage.added(to: Output(document: story.document, prose: ""))
      } catch {
        try? await engine.close()
        throw error
      }
    }
  }

  private static var temporaryPath: String {
    FileManager.default.temporaryDirectory
      .appendingPathComponent("engram-demo-\(UUID.timeOrdered().text)").path
  }

  /// Whether a memory is to stay.
  fileprivate func approves(_ number: Int, _ memory: Memory, _ style: Style) -> Bool {
    if reject.contains(number) { return false }
    guard !yes, reject.isEmpty, !output.json, isatty(STDIN_FILENO) != 0 else { return true }
    print("   keep \"\(memory.text.line)\"? [Y/n] ", terminator: "")
    fflush(nil)
    return readLine().map { !$0.lowercased().hasPrefix("n") } ?? true
  }

  /// The six steps, told as they are done.
  private struct Story {
    private(set) var document: JSONValue = .null
    private let style = Style()
    private let isTold: Bool
    private var step = 0

    init(of engine: MemoryEngine, telling: Bool, demo: Demo) async throws {
      isTold = telling
      let sessions = DemoConversation.sessions
      let messages = sessions.flatMap(\.messages)
      let history = messages.reduce(0) { $0 + TokenEstimate.tokens(in: $1.content) }

      begin("Capture", "\(messages.count) messages of \(sessions.count) days, \(history) tokens")
      for message in messages.prefix(3) { tell("\(message.role.rawValue): \(message.content.line)") }
      tell(style.dim("and \(messages.count - 3) more"))

      begin("Extract", "what lasts; thanks, questions and small talk leave nothing")
      var added: [Added] = []
      var times: [Double] = []
      for (number, session) in sessions.enumerated() {
        var options = AddOptions()
        options.waits = true
        options.createdAt = Date(timeIntervalSinceNow: -session.daysAgo * 86_400)
        let begin = ContinuousClock.now
        let facts = try await engine.add(session.messages, scope: Demo.scope, options: options)
        times.append((ContinuousClock.now - begin) / .milliseconds(1))
        for fact in facts {
          let ends = fact.superseded.isEmpty ? "" : style.dim(" (ends what was said before)")
          tell("day \(number + 1): \(fact.memory.line)\(ends)")
        }
        added += facts
      }

      begin(
        "Persist",
        "\(added.count) facts, durable with their history in "
          + times.map { $0.rounded(to: 1) }.joined(separator: ", ") + " ms")
      for old in added.flatMap(\.superseded) {
        guard let entry = try engine.history(of: old).last else { continue }
        let new = added.first { $0.id == entry.successor }?.memory ?? ""
        tell("\(style.red(entry.oldMemory ?? "")) gave way to \(style.green(new))")
      }

      begin("Recall", "\"\(DemoConversation.question)\"")
      let found = try await engine.search(
        DemoConversation.question, scope: Demo.scope, options: SearchOptions(limit: 5, explain: true))
      for one in found { tell("\(one.score.rounded(to: 3))  \(one.memory.text.line)") }

      begin("Audit", "a person has the last word")
      let memories = try engine.getAll(scope: Demo.scope).memories
      var rejected: [UUID] = []
      for (place, memory) in memories.enumerated() {
        let isKept = demo.approves(place + 1, memory, style)
        if !isKept { rejected.append(memory.id) }
        let verdict = isKept ? style.green("kept    ") : style.red("rejected")
        tell("\(place + 1)  \(verdict)  \(memory.text.line)")
      }
      if !rejected.isEmpty { try await engine.delete(rejected) }

      let chosen = try await engine.search(
        DemoConversation.question, scope: Demo.scope, options: SearchOptions(maxTokens: demo.maxTokens))
      let prompt =
        (["What you know about the user:"] + chosen.map { "- \($0.memory.text.line)" }
        + ["", "Answer: \(DemoConversation.question)"]).joined(separator: "\n")
      let tokens = TokenEstimate.tokens(in: prompt)
      let asked = TokenEstimate.tokens(in: DemoConversation.question)
      let saved = max(0, 1 - Double(tokens) / Double(history + asked))
      begin(
        "Prompt",
        "\(tokens) tokens in place of \(history + asked) with the full history: "
          + style.bold("\((saved * 100).rounded(to: 0)) % saved"))
      for line in prompt.split(separator: "\n") { tell(String(line)) }

      document = .object([
        "messages": .int(Int64(messages.count)), "added": added.mem0, "found": found.mem0,
        "rejected": .array(rejected.map { .string($0.text) }), "prompt": .string(prompt),
        "prompt_tokens": .int(Int64(tokens)), "history_tokens": .int(Int64(history + asked)),
        "saved": .double(saved),
      ])
    }

    private mutating func begin(_ title: String, _ what: String) {
      step += 1
      guard isTold else { return }
      print("\(step == 1 ? "" : "\n")\(style.bold("\(step). \(title)")): \(what)")
    }

    private func tell(_ line: String) {
      if isTold { print("   \(line)") }
    }
  }
}
