import ArgumentParser
import Engram
import EngramStore
import SystemPackage

struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes all that a store holds as lines of JSON, or as Markdown files.",
    discussion: """
      History, every version of every memory, and vectors, without loss: import makes the same store \
      of it. docs/export.md says what each line means. Markdown files are for people, too: vectors are \
      left out, as the same model makes them anew, and sync takes edits over; docs/markdown.md.
      """)

  @Argument(
    help: "The file to make, or - for standard output, or the directory; nothing may be there yet.")
  var file = "-"

  @Flag(help: "Make a directory of Markdown files.")
  var markdown = false

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if file == "-", markdown {
      throw ValidationError("Which directory is to be made of Markdown files?")
    }
    if file == "-", output.json {
      throw ValidationError("--json and an export to standard output would mix; name a file.")
    }
  }

  func run() async throws {
    try await output.run { [self] progress in
      if markdown {
        let files = try await withStore(store.path) { store in
          try await store.exportMarkdown(to: file, progress: progress)
        }
        return Output([("export", .string(file)), ("files", .int(Int64(files)))])
      }
      let counts = try await withStore(store.path) { store in
        file == "-"
          ? try await store.export(to: FileDescriptor.standardOutput, progress: progress)
          : try await store.export(to: file, progress: progress)
      }
      if file == "-" { return Output([]) }
      return Output([
        ("export", .string(file)), ("changes", .int(Int64(counts.history))),
        ("versions", .int(Int64(counts.memories))), ("vectors", .int(Int64(counts.vectors))),
        ("insert_keys", .int(Int64(counts.keys))),
        ("access_counts", .int(Int64(counts.accesses))),
      ])
    }
  }
}
