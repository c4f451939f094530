import Crypto
import EngramStore
import Foundation
import SystemPackage

/// A directory of Markdown files as it is on disk.
struct MarkdownDirectory: Sendable {
  let path: FilePath

  init(_ path: String) { self.path = FilePath(path) }

  func file(_ name: String) -> FilePath { path.pushing(FilePath(name)) }

  /// What a file is known by between two looks at it.
  static func digest(_ bytes: [UInt8]) -> Data { Data(SHA256.hash(data: bytes)) }

  // MARK: Reading

  /// - Throws: `EngramError.markdown` where there is none, or it has been edited.
  func manifest() throws(EngramError) -> MarkdownManifest {
    let file = file(MarkdownManifest.name)
    guard try asEngramError({
      try Directory.kind(of: file) != .absent && Directory.entry(file) == .file
    }) else {
      throw .markdown(file: file.string, line: 1, reason: "it is missing: this is no export as Markdown")
    }
    return try MarkdownManifest(try contents(MarkdownManifest.name), file: file.string)
  }

  /// Whether a file of the manifest's name is there, and that of a store.
  func isExport(of store: UUID) -> Bool { (try? manifest())?.store == store }

  func contents(_ name: String) throws(EngramError) -> [UInt8] {
    try asEngramError { try File.open(file(name), .read).contents() }
  }

  /// The files of memories, by their paths within the directory.
  ///
  /// Names that begin with a point, and files whose names do not end with `.md`, are somebody else's.
  ///
  /// - Throws: `EngramError.markdown` where one is a link, or two differ by case only.
  func files() throws(EngramError) -> [String] {
    var files: [String] = []
    for folder in [MarkdownPath.current, MarkdownPath.ended] {
      guard try asEngramError({ try Directory.kind(of: file(folder)) }) != .absent else { continue }
      try collect(folder, into: &files)
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func collect(_ name: String, into files: inout [String]) throws(EngramError) {
    func refused(_ reason: String) -> EngramError {
      .markdown(file: file(name).string, line: 1, reason: reason)
    }
    switch try asEngramError({ try Directory.entry(file(name)) }) {
    case .link: throw refused("it is a link, which may lead out of the directory")
    case .other: throw refused("it is no file")
    case .file:
      files.append(name)
    case .directory:
      var folded = Set<String>()
      for child in try asEngramError({ try Directory.names(file(name)) }).sorted() {
        let entry = try asEngramError { try Directory.entry(file("\(name)/\(child)")) }
        if child.hasPrefix(".") || entry == .file && !child.hasSuffix(MarkdownPath.suffix) { continue }
        // `==` takes the forms of an accented letter for one, as some file systems do.
        guard folded.insert(child.lowercased()).inserted else {
          throw .markdown(
            file: file("\(name)/\(child)").string, line: 1,
            reason: "another name differs from it by case only; rename one of them")
        }
        try collect("\(name)/\(child)", into: &files)
      }
    }
  }

  /// Calls `body` with each file of a memory, read and proved, in the order of `files`.
  ///
  /// - Throws: `EngramError.markdown` where one is malformed, or two have one id.
  func eachMemory(
    _ call: LongCall, _ body: (MarkdownMemory.Found, _ digest: Data) throws(EngramError) -> Void
  ) throws(EngramError) {
    let files = try files()
    var paths: [UUID: String] = [:]
    for (number, name) in files.enumerated() {
      try asEngramError { try call.reached(number, of: files.count, .files) }
      let bytes = try contents(name)
      let found = try MarkdownMemory.read(bytes, path: name, file: file(name).string)
      if let id = found.id, let other = paths.updateValue(name, forKey: id) {
        throw .markdown(
          file: file(name).string, line: 1, reason: "\(other) has the same id; to copy a memory leave "
            + "its id and all below the text out")
      }
      try body(found, Self.digest(bytes))
    }
  }

  // MARK: Writing

  /// Writes a file whose directory is nobody's yet.
  func write(_ bytes: [UInt8], to name: String) throws {
    let path = file(name)
    try Directory.create(path.removingLastComponent())
    let file = try File.open(path, .create)
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    try file.synchronise()
  }

  /// Puts a file in the place of the one that is there, if any: afterwards there is the one or the other.
  func replace(_ name: String, with bytes: [UInt8]) throws {
    let path = file(name)
    try Directory.create(path.removingLastComponent())
    try Directory.publish(path) { file throws(StoreError) in
      try Self.write(bytes, to: file)
    }
  }

  private static func write(_ bytes: [UInt8], to file: File) throws(StoreError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(StoreError) in try file.write(buffer, at: 0) }
    }
    try result.get()
  }

  func move(_ name: String, to other: String) throws {
    let folder = file(other).removingLastComponent()
    try Directory.create(folder)
    try Directory.rename(file(name), to: file(other))
    try Directory.synchronise(folder)
    try removeEmptyFolders(above: name)
  }

  /// Removes a file, and the folders above it that hold nothing then.
  func remove(_ name: String) throws {
    try Directory.remove(file(name))
    try removeEmptyFolders(above: name)
  }

  private func removeEmptyFolders(above name: String) throws {
    var folder = FilePath(name).removingLastComponent()
    while folder.components.count > 1 {
      let path = path.pushing(folder)
      guard try Directory.names(path).isEmpty else { return }
      try Directory.removeEmpty(path)
      folder = folder.removingLastComponent()
    }
  }
}
