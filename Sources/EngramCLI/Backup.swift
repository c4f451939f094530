import ArgumentParser
import EngramStore

struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copies a store into a new directory.",
    discussion: """
      The copy is whole and on disk when the command ends, or it is not there at all. BACKUP.json in \
      it says what it holds, with a checksum of each file. Programs may go on writing to the \
      store meanwhile.
      """)

  @Argument(help: "The directory to make; nothing may be there yet.")
  var target: String

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      let manifest = try await withStore(store.path) { store in
        try await store.backup(to: target, progress: progress)
      }
      return Output([
        ("backup", .string(target)), ("store", .string(manifest.store.uuidString.lowercased())),
        ("head", .string(manifest.head.description)),
        ("memories", .int(Int64(manifest.memories))),
        ("versions", .int(Int64(manifest.versions))),
        ("bytes", .int(Int64(manifest.files.reduce(0) { $0 + $1.bytes }))),
      ])
    }
  }
}
