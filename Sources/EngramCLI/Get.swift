import ArgumentParser
import Engram
import EngramStore

struct Get: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Prints a memory.")

  @Argument(help: "The memory's id.") var memory: MemoryID

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let found = try await withStore(store.path) { try $0.get(memory.id) }.mem0
      return Output(found.fields.filter { $0.value != .null }, document: found)
    }
  }
}

struct List: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists the memories of a scope in the order of their latest change.")

  @OptionGroup var who: ScopeOptions

  @Option(help: "How many at most, 1 to 1000.") var limit = 100
  @Option(help: "Where the page before ended: its `next`.") var after: String?
  @Option(help: ArgumentHelp("A condition on the metadata.", valueName: "json")) var filter: String?
  @Flag(help: "Also those whose time is over.") var expired = false

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let filter = try filter.map { try Filter(parsing: $0) }
      let page = try await withStore(store.path) { store in
        try store.list(
          scope: who.scope, filter: filter, after: after, limit: limit, includeExpired: expired)
      }
      var rows = page.memories.map { [$0.id.text, $0.updatedAt.text, $0.text.line] }
      if let next = page.next { rows.append(["more: --after \(next)"]) }
      return Output(document: page.mem0, prose: rows.isEmpty ? "None." : Table(rows).text)
    }
  }
}

struct History: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what happened to a memory, oldest first; also to one that was deleted.")

  @Argument(help: "The memory's id.") var memory: MemoryID

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] _ in
      let entries = try await withStore(store.path) { try $0.history(of: memory.id) }
      let rows = entries.map { entry in
        [
          entry.event.rawValue, (entry.updatedAt ?? entry.createdAt).text,
          entry.successor.map { "by \($0.text)" } ?? (entry.newMemory ?? entry.oldMemory ?? "").line,
        ]
      }
      return Output(document: entries.mem0, prose: Table(rows).text)
    }
  }
}
