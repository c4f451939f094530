import ArgumentParser
import Engram
import EngramModels
import EngramStore
import Foundation

/// Which store, for the commands that speak of memories.
struct StoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory of the store. (default: ENGRAM_STORE, or engram in the user's data directory)",
      valueName: "directory"))
  var store: String?

  var path: String { store ?? MemoryEngine.defaultPath }

  /// Opens the store for as long as `body` takes, with the model that its vectors were made by.
  ///
  /// - Parameters:
  ///   - makes: whether a store that is not there is made.
  ///   - chat: makes the memories; nothing is done in the background.
  func withEngine<Value: Sendable>(
    _ models: ModelOptions, _ usage: UsageReport, makes: Bool = false,
    chat: (any ChatModel)? = nil, _ body: (MemoryEngine) async throws -> Value
  ) async throws -> Value {
    let engine = try MemoryEngine(
      path: path,
      embedder: try await models.embedder(ofStoreAt: path, makes: makes, ledger: usage.ledger),
      chat: chat, worksQueue: false)
    do {
      let value = try await body(engine)
      try await engine.close()
      return value
    } catch {
      try? await engine.close()
      throw error
    }
  }
}

/// Whose memories.
struct ScopeOptions: ParsableArguments {
  @Option(help: "The user.") var user: String?
  @Option(help: "The agent.") var agent: String?
  @Option(name: .customLong("run"), help: "The run: a conversation, a session.") var runID: String?

  var scope: Scope { Scope(user: user, agent: agent, run: runID) }

  func validate() throws {
    guard scope != .all else {
      throw ValidationError("Whose memories? Name at least one of --user, --agent and --run.")
    }
  }
}

/// A memory's id on the command line.
struct MemoryID: ExpressibleByArgument {
  let id: UUID

  init?(argument: String) {
    guard let id = UUID(uuidString: argument) else { return nil }
    self.id = id
  }
}

/// A value on the command line, or `none`.
struct OptionalValue<Value: ExpressibleByArgument & Sendable>: ExpressibleByArgument {
  let value: Value?

  init?(argument: String) {
    if argument == "none" {
      value = nil
    } else if let given = Value(argument: argument) {
      value = given
    } else {
      return nil
    }
  }
}

/// A JSON object on the command line.
struct JSONObject: ExpressibleByArgument {
  let members: [String: JSONValue]

  init?(argument: String) {
    guard case .object(let members)? = try? JSONValue(parsing: argument) else { return nil }
    self.members = members
  }
}

/// A moment on the command line.
struct Moment: ExpressibleByArgument {
  let date: Date

  init?(argument: String) {
    guard let microseconds = ISO8601.parse(argument) else { return nil }
    date = Date(timeIntervalSince1970: Double(microseconds) / 1e6)
  }
}
