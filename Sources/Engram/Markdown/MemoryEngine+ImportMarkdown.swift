import EngramModels
import EngramStore
import Foundation
import SystemPackage

/// What came of an import of Markdown.
public struct MarkdownImport: Sendable {
  /// What a full `verify` of the store found.
  public var report: VerifyReport
  /// Files that were edited, or made by hand, since the export: their memories are in the store as they
  /// were exported, and `syncMarkdown` takes the edits over.
  public var edited: [String]
}

extension MemoryEngine {
  /// Makes a store of a directory that `Store.exportMarkdown` wrote: the same identity, memories, versions
  /// and history, down to the hashes of the chain; exported again it gives the same files. Its vectors are
  /// made anew of the texts, those of versions that have ended, too.
  ///
  /// What was edited since the export is not taken over, but named.
  ///
  /// - Parameters:
  ///   - directory: what was exported, whole: without the file of a memory its changes are missing.
  ///   - path: where nothing is yet; directories above it are made.
  ///   - embedder: the model that the store's vectors were made by.
  ///   - progress: told how far it has come.
  /// - Throws: `EngramError.otherModel`; `.markdown` with file and line where something is missing,
  ///   malformed or altered; `StoreError.exists`; `.cancelled`. Nothing is left at the path then.
  @discardableResult
  public static func importMarkdown(
    from directory: String, to path: String, embedder: any Embedder,
    progress: StoreProgress.Handler? = nil
  ) async throws(EngramError) -> MarkdownImport {
    guard try asEngramError({ try Directory.kind(of: FilePath(path)) }) == .absent else {
      throw .store(.exists(path))
    }
    let directory = MarkdownDirectory(directory)
    let read = try await longCall(progress) { call in
      let manifest = try directory.manifest()
      try manifest.require(embedder, file: directory.file(MarkdownManifest.name).string)
      var source = try MarkdownSource(directory, manifest)
      var edited: [String] = []
      try directory.eachMemory(call) { found, _ throws(EngramError) in
        if found.exported?.edits.isEmpty != true { edited.append(found.path) }
        try source.add(found)
      }
      try source.prepare()
      return (source: source, edited: edited)
    }
    var source = read.source
    try await source.embed(with: embedder, progress)
    let report: VerifyReport
    do throws(StoreError) {
      report = try await Store.import(source, to: path, progress: progress)
    } catch .badExport(let file, let line, let reason) {
      throw .markdown(file: file, line: line, reason: reason)
    } catch { throw .store(error) }
    return MarkdownImport(report: report, edited: read.edited)
  }
}

extension MarkdownManifest {
  /// - Throws: `EngramError.otherModel` where the store's vectors are another model's.
  func require(_ embedder: any Embedder, file: String) throws(EngramError) {
    guard case .string(let model)? = header.members["model"], model == embedder.model else {
      throw .otherModel(
        stored: (try? header.text("model")) ?? "nobody", requested: embedder.model)
    }
    guard case .int(Int64(embedder.dimension))? = header.members["dimension"] else {
      throw .markdown(
        file: file, line: 1,
        reason: "its vectors do not have the \(embedder.dimension) components of \(model)")
    }
  }
}

/// The files of a directory as the lines of an export, in its order.
private struct MarkdownSource: ExportSource, Sendable {
  /// A line as text, and where it stands.
  private struct Record {
    var number: Int64
    var text: [UInt8]
    var file: Int
    var line: Int
  }

  private let directory: MarkdownDirectory
  private let manifest: MarkdownManifest
  private var files: [String]
  private var history: [Record] = []
  private var versions: [Record] = []
  /// The texts that vectors are made of, each with its change.
  private var texts: [(change: Int64, text: String)] = []
  private var vectors: [[Float]] = []
  private var position = 0
  private var current: (file: Int, line: Int)

  init(_ directory: MarkdownDirectory, _ manifest: MarkdownManifest) throws(EngramError) {
    self.directory = directory
    self.manifest = manifest
    files = [MarkdownManifest.name]
    current = (0, 1)
    try asEngramError {
      for (number, record) in manifest.records.enumerated() where record.kind == .history {
        history.append(try Self.record(record, "sequence", file: 0, line: manifest.firstLine + number))
      }
    }
  }

  private static func record(
    _ line: ExportLine, _ name: String, file: Int, line number: Int
  ) throws -> Record {
    Record(
      number: try line.int(name), text: Array(try line.encoded().dropLast()), file: file, line: number)
  }

  /// Takes the lines of a file; one that a person has made has none.
  mutating func add(_ found: MarkdownMemory.Found) throws(EngramError) {
    guard let exported = found.exported else { return }
    let (lines, file) = (exported.lines, files.count)
    files.append(found.path)
    try asEngramError {
      for (number, line) in lines.history.enumerated() {
        history.append(
          try Self.record(line, "sequence", file: file, line: exported.firstLine + number))
      }
      var made: Int64?
      for (number, line) in lines.versions.enumerated() {
        versions.append(
          try Self.record(
            line, "change", file: file, line: exported.firstLine + lines.history.count + number))
        // Versions that follow each other may share a vector.
        let vector = try line.int("vector")
        if vector != made { texts.append((vector, try lines.text(of: vector))) }
        made = vector
      }
    }
  }

  /// Sorts what has come, and proves that nothing is missing.
  mutating func prepare() throws(EngramError) {
    history.sort { $0.number < $1.number }
    versions.sort { $0.number < $1.number }
    texts.sort { $0.change < $1.change }
    for (number, record) in history.enumerated() where record.number != number + 1 {
      throw .markdown(
        file: directory.file(files[record.file]).string, line: record.line,
        reason: record.number > number + 1
          ? "change \(number + 1), which came before, is missing: the file of its memory is not there"
          : "change \(record.number) is in another file, too")
    }
    guard history.count == manifest.changes, versions.count == manifest.versions else {
      throw .markdown(
        file: directory.file(MarkdownManifest.name).string, line: 1,
        reason: "\(manifest.changes) changes and \(manifest.versions) versions of memories were exported, "
          + "\(history.count) and \(versions.count) are there")
    }
  }

  /// Makes the vectors.
  mutating func embed(
    with embedder: any Embedder, _ progress: StoreProgress.Handler?
  ) async throws(EngramError) {
    vectors = try await embedder.vectors(of: texts.map(\.text), progress)
  }

  // MARK: ExportSource

  func header() -> ExportLine { manifest.header }

  func refused(_ reason: String) -> StoreError {
    .badExport(
      file: directory.file(files[current.file]).string, line: current.line, reason: reason)
  }

  mutating func next() throws(StoreError) -> ExportLine? {
    var place = position
    position += 1
    for records in [history, versions] {
      guard place >= records.count else {
        let record = records[place]
        current = (record.file, record.line)
        do throws(ExportLine.Refusal) { return try ExportLine(record.text[...]) } catch {
          throw refused(error.reason)
        }
      }
      place -= records.count
    }
    if place < texts.count {
      current = (0, 1)
      return ExportLine(vectors[place], ofChange: texts[place].change)
    }
    place -= texts.count
    let first = manifest.records.firstIndex { $0.kind != .history } ?? manifest.records.count
    guard first + place < manifest.records.count else { return nil }
    current = (0, manifest.firstLine + first + place)
    return manifest.records[first + place]
  }
}

extension Embedder {
  /// The vectors of many texts, a part at a time.
  func vectors(
    of texts: [String], _ progress: StoreProgress.Handler?
  ) async throws(EngramError) -> [[Float]] {
    var vectors: [[Float]] = []
    vectors.reserveCapacity(texts.count)
    while vectors.count < texts.count {
      if Task.isCancelled { throw .store(.cancelled) }
      progress?(StoreProgress(phase: .vectors, done: vectors.count, total: texts.count))
      let part = Array(texts[vectors.count...].prefix(256))
      let made: [[Float]]
      do { made = try await embed(part) } catch { throw .model(error) }
      guard made.count == part.count else {
        throw .invalid(field: "embedder", reason: "it made \(made.count) vectors of \(part.count) texts")
      }
      vectors += made
    }
    return vectors
  }
}
