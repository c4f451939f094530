import ArgumentParser
import EngramModels
import EngramStore

struct Reembed: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Moves a store to another model, and back.",
    discussion: """
      All memories get vectors of the new model beside the old ones, while programs go on reading and \
      writing; then the store changes over at once, and whoever has it open with the old model is \
      refused from then on. Where it is interrupted, the same command goes on where it was.

      The old vectors are kept until --confirm deletes them; --revert goes back to them.

        engram reembed --to minilm
        engram reembed --status
        engram reembed --confirm
      """)

  @Option(help: ArgumentHelp("The new model: \(EmbedderName.forms).", valueName: "name"))
  var to: EmbedderName?

  @Flag(help: "Delete the vectors of the model before: there is no way back then.")
  var confirm = false

  @Flag(help: "Go back to the model before; what was written since gets its vectors first.")
  var revert = false

  @Flag(help: "Give up a move that was interrupted, and delete what it has made.")
  var abandon = false

  @Flag(help: "Say which models the store has vectors of.")
  var status = false

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard [to != nil, confirm, revert, abandon, status].count(where: { $0 }) == 1 else {
      throw ValidationError("Give one of --to, --confirm, --revert, --abandon and --status.")
    }
  }

  func run() async throws {
    try await output.run { [self] progress in
      try await withStore(store.path) { store in
        if confirm {
          return Output([("deleted", .string(try await store.confirmReembed().name))])
        }
        if abandon {
          return Output([("deleted", .string(try await store.abandonReembed().name))])
        }
        if status { return Output(try store.reembedStatus().fields) }
        let embedder =
          if let to { try await to.make(dimension: nil) } else { try await embedderBefore(of: store) }
        let report = try await store.reembed(
          model: embedder.model, dimension: embedder.dimension, progress: progress
        ) { try await embedder.embed($0) }
        return Output(report.fields)
      }
    }
  }

  private func embedderBefore(of store: Store) async throws -> any Embedder {
    guard let kept = try store.reembedStatus().kept else {
      throw StoreError.reembed(reason: "No vectors are kept: there is nothing to go back to")
    }
    guard let name = EmbedderName(stored: kept.name) else {
      throw StoreError.reembed(
        reason: "The model before is \(kept.name), which this command cannot run; go back where it can be"
      )
    }
    guard case .openAI(let model, nil) = name else { return try await name.make(dimension: nil) }
    // A service may have been asked for vectors shorter than the model's own.
    let own = try await name.make(dimension: nil)
    if own.dimension == kept.dimension { return own }
    return try await EmbedderName.openAI(model: model, dimension: kept.dimension).make(dimension: nil)
  }
}

extension ReembedReport {
  var fields: [Output.Field] {
    [
      ("model", .string(model.name)), ("dimension", .int(Int64(model.dimension))),
      ("previous", .string(previous.name)), ("vectors", .int(Int64(vectors))),
      ("texts", .int(Int64(texts))), ("seconds", .double((duration / .milliseconds(1)).rounded() / 1_000)),
    ]
  }
}

extension ReembedStatus {
  var fields: [Output.Field] {
    [
      ("model", .string(active.name)), ("dimension", .int(Int64(active.dimension))),
      ("making", making.map { .string($0.name) } ?? .null),
      ("kept", kept.map { .string($0.name) } ?? .null),
      ("embedded", .int(Int64(embedded))), ("total", .int(Int64(total))),
    ]
  }
}
