import ArgumentParser
import Engram
import EngramIndex
import EngramModels
import EngramStore
import Foundation

struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Looks at what Engram needs on this machine, and at a store, and says what to do.",
    discussion: """
      It looks at the processor's kernels, the BLAS, the model, the place for the store and, where there is \
      a store, takes a quick verify. It asks no service. As every command it opens the store, which brings one of \
      an older format up to date.

      Exit code 1: something is broken. What could only be better does not count.
      """)

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await output.run { [self] progress in
      var findings = [Self.kernels, Self.blas, Self.model, place]
      findings += await condition(progress)
      return Output(
        [("findings", .array(findings.map(\.json)))],
        prose: findings.map { $0.text(Style()) }.joined(separator: "\n"),
        code: findings.contains { $0.state == .broken } ? 1 : 0)
    }
  }

  private struct Finding {
    enum State: String { case fine, better = "could be better", broken }

    var state: State
    var subject: String
    var detail: String
    /// What to do about it.
    var remedy: String?

    init(_ state: State, _ subject: String, _ detail: String, remedy: String? = nil) {
      self.state = state
      self.subject = subject
      self.detail = detail
      self.remedy = remedy
    }

    var json: JSONValue {
      .object([
        "state": .string(state.rawValue), "subject": .string(subject), "detail": .string(detail),
        "remedy": remedy.map(JSONValue.string) ?? .null,
      ])
    }

    func text(_ style: Style) -> String {
      let mark =
        switch state {
        case .fine: style.green("ok    ")
        case .better: style.bold("hint  ")
        case .broken: style.red("broken")
        }
      let name = subject.padding(toLength: 8, withPad: " ", startingAt: 0)
      return "\(mark)  \(name)  \(detail)" + (remedy.map { "\n                  \($0)" } ?? "")
    }
  }

  // MARK: The machine

  private static var kernels: Finding {
    let all = "\(Kernels.name), of \(Kernels.available.joined(separator: ", "))"
    if Kernels.overrideRefused {
      return Finding(
        .better, "kernels", all,
        remedy: "ENGRAM_KERNELS names a variant that this processor does not have; unset it.")
    }
    guard Kernels.name == Kernels.available.last else {
      return Finding(.better, "kernels", all, remedy: "ENGRAM_KERNELS asks for a slower one; unset it.")
    }
    return Finding(.fine, "kernels", all)
  }

  private static var blas: Finding {
    let name = BLAS.name
    guard name.contains("OpenBLAS") || name.contains("Accelerate") else {
      return Finding(
        .better, "BLAS", name,
        remedy: "Exact scans of many queries are slow with it; install OpenBLAS (libopenblas-dev).")
    }
    return Finding(.fine, "BLAS", name)
  }

  private static var model: Finding {
    do {
      let model = try MiniLM.installed()
      return Finding(.fine, "model", "\(model.model), \(model.dimension) dimensions, in \(MiniLM.defaultFolder)")
    } catch {
      return Finding(
        .better, "model", "\(error)",
        remedy: "Without it another embedder must be named; to get it: engram model fetch")
    }
  }

  // MARK: The store

  private var place: Finding {
    var isFolder: ObjCBool = false
    let files = FileManager.default
    var folder = URL(fileURLWithPath: store.path).standardizedFileURL
    while !files.fileExists(atPath: folder.path, isDirectory: &isFolder), folder.path != "/" {
      folder.deleteLastPathComponent()
    }
    guard isFolder.boolValue, files.isWritableFile(atPath: folder.path) else {
      return Finding(
        .broken, "place", "nothing can be written to \(folder.path)",
        remedy: "Give yourself the right to, or name another place with --store or ENGRAM_STORE.")
    }
    let free = (try? files.attributesOfFileSystem(forPath: folder.path))?[.systemFreeSize] as? NSNumber
    let room = free.map { "\($0.int64Value >> 20) MiB free" } ?? "room unknown"
    if let free, free.int64Value < 256 << 20 {
      return Finding(.better, "place", "\(store.path): \(room)", remedy: "Make room: a full disk refuses writes.")
    }
    return Finding(.fine, "place", "\(store.path): \(room)")
  }

  private func condition(_ progress: StoreProgress.Handler?) async -> [Finding] {
    do {
      let configuration = try StoreConfiguration(storedAt: store.path)
      let (report, statistics) = try await withStore(store.path) { store in
        (try await store.verify(.quick, progress: progress), try store.statistics())
      }
      let what = "\(statistics.memories) memories by \(configuration.model), SQLite \(statistics.sqliteVersion)"
      guard report.isSound else {
        return [
          Finding(
            .broken, "store", "\(what); \(report.problems.first ?? "it is not whole")",
            remedy: "Make a copy of the directory, then: engram repair --store \(store.path)")
        ]
      }
      return [Finding(.fine, "store", what)]
    } catch StoreError.noStore {
      return [Finding(.fine, "store", "none yet; the first add makes it")]
    } catch StoreError.newerFormat(let found, let supported) {
      return [
        Finding(
          .broken, "store", "\(StoreError.newerFormat(found: found, supported: supported))",
          remedy: "Use the engram that wrote it, or a later one.")
      ]
    } catch StoreError.inUse(let path) {
      return [Finding(.better, "store", "another program holds \(path)", remedy: "Try again when it is done.")]
    } catch {
      return [
        Finding(
          .broken, "store", "\(error)",
          remedy: "Make a copy of the directory, then: engram repair --store \(store.path)")
      ]
    }
  }
}
