import ArgumentParser
import Engram
import EngramStore
import Foundation

struct Retain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Removes memories that need not be kept, or brings them back.",
    discussion: """
      A memory goes where at least one rule says so; those that have expired always do. Summaries stay, and \
      so do memories whose metadata say "pinned": true. --dry-run says what would go, and why, and writes \
      nothing.

      What goes is deleted, not erased: --undo with the run's id brings it back as it was, until compact \
      --before cuts it. Messages whose time is over are gone for good.
      """)

  @Option(
    help: ArgumentHelp("Memories go that are older than so many days.", valueName: "days"))
  var ttlDays: Double?

  @Option(
    help: ArgumentHelp(
      "Memories go that no search has found, and nobody has changed, for so many days.", valueName: "days"))
  var unusedDays: Double?

  @Option(
    help: ArgumentHelp(
      "Memories go that score less, 0 to 1: recency, importance and how often they were found.",
      valueName: "score"))
  var minScore: Double?

  @Option(
    help: ArgumentHelp(
      "Each scope (the same user, agent and run) keeps so many; those that score least go first.",
      valueName: "count"))
  var maxPerScope: Int?

  @Option(
    help: ArgumentHelp("Memories stay that matter at least so much, 0 to 1.", valueName: "importance"))
  var keepImportance: Double?

  @Option(help: ArgumentHelp("Messages go that were said more than so many days ago.", valueName: "days"))
  var messageDays: Double?

  @Flag(help: "Say what would go, and remove nothing.")
  var dryRun = false

  @Option(help: ArgumentHelp("Bring back what this run has removed.", valueName: "run"))
  var undo: MemoryID?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    let rules: [Any?] = [ttlDays, unusedDays, minScore, maxPerScope, keepImportance, messageDays]
    guard undo == nil || (!dryRun && rules.allSatisfy { $0 == nil }) else {
      throw ValidationError("--undo takes no rules.")
    }
    for (name, days) in [("ttl-days", ttlDays), ("unused-days", unusedDays), ("message-days", messageDays)] {
      if let days, !(0...1e6).contains(days) {
        throw ValidationError("--\(name) \(days) is no number of days; give 0 to 1000000.")
      }
    }
  }

  func run() async throws {
    try await output.run { [self] _ in
      try await withStore(store.path) { store in
        let retention = Retention(store)
        if let undo { return Output(try await retention.undo(undo.id)) }
        let plan = try await retention.plan(policy)
        if dryRun { return Output(plan) }
        return Output(try await retention.run(plan))
      }
    }
  }

  private var policy: RetentionPolicy {
    func duration(_ days: Double?) -> Duration? { days.map { .seconds($0 * 86_400) } }
    return RetentionPolicy(
      maxAge: duration(ttlDays), maxIdle: duration(unusedDays), minScore: minScore, maxPerScope: maxPerScope,
      protection: .init(importance: keepImportance), episodeTTL: duration(messageDays))
  }
}

extension Output {
  fileprivate init(_ plan: RetentionPlan) {
    let rows = plan.memories.map { item in
      [
        item.reasons.map(\.rawValue).joined(separator: ","), item.score.rounded(to: 3), item.id.text,
        item.text.line,
      ]
    }
    let summary =
      "\(plan.memories.count) of \(plan.examined) memories and \(plan.episodes.count) episodes would go."
    self.init(
      document: .object([
        "examined": .int(Int64(plan.examined)), "episodes": .int(Int64(plan.episodes.count)),
        "memories": .array(
          plan.memories.map { item in
            .object([
              "id": .string(item.id.text), "memory": .string(item.text), "score": .double(item.score),
              "reasons": .array(item.reasons.map { .string($0.rawValue) }),
            ])
          }),
      ]), prose: rows.isEmpty ? summary : Table(rows).text + "\n" + summary)
  }

  fileprivate init(_ run: RetentionRun) {
    self.init([
      ("run", .string(run.id.text)), ("removed", .int(Int64(run.removed.count))),
      ("kept_as_used_since", .int(Int64(run.kept.count))), ("episodes", .int(Int64(run.episodes))),
    ])
  }

  fileprivate init(_ undo: RetentionUndo) {
    self.init([
      ("restored", .int(Int64(undo.restored.count))),
      ("left", .array(undo.left.map { .string($0.text) })),
    ])
  }
}
