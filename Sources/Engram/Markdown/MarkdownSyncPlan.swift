import EngramStore
import Foundation

/// What is to be done so that files and store agree.
struct MarkdownSyncPlan: Sendable {
  /// A file as it was read.
  struct File: Sendable {
    var path: String
    var digest: Data
    var content: MarkdownContent
    /// Whether it says its id, and does not only come by one here.
    var isNamed: Bool
    /// Nil for one that a person has made.
    var exported: (change: Int64, ended: Int64?, edits: MarkdownContent.Edits)?
  }

  enum Action: Sendable {
    case add(MarkdownContent)
    case update(MarkdownContent.Edits, of: Int64)
    case delete(of: Int64)
  }

  var files: [UUID: File] = [:]
  var actions: [(id: UUID, action: Action)] = []
  var report = MarkdownSyncReport()
  /// Memories whose files stay as they are.
  private(set) var untouched = Set<UUID>()
  /// Files that a person has made whose memories have theirs: an interrupted sync has not removed them.
  private var leftovers: [UUID: File] = [:]
  private let options: MarkdownSyncOptions
  private let manifest: MarkdownManifest
  private let idsWithoutVersion: Set<UUID>

  init(_ manifest: MarkdownManifest, _ options: MarkdownSyncOptions) throws(EngramError) {
    self.manifest = manifest
    self.options = options
    idsWithoutVersion = try asEngramError { try manifest.idsWithoutVersion() }
  }

  mutating func add(_ found: MarkdownMemory.Found, digest: Data) {
    // The same file has the same id until a sync has gone through: one that was interrupted behind the
    // commit adds nothing twice.
    let id =
      found.id
      ?? UUID(
        named: "\(manifest.store) \(manifest.head) \(digest.hexadecimal) \(found.path)", Scope())
    let file = File(
      path: found.path, digest: digest, content: found.content, isNamed: found.id != nil,
      exported: found.exported.map { ($0.change, $0.ended, $0.edits) })
    if let other = files[id] { leftovers[id] = file.isNamed ? other : file }
    if file.isNamed || files[id] == nil { files[id] = file }
  }

  // MARK: Deciding

  /// Compares files with a store.
  mutating func decide(_ content: Store.Content, in directory: MarkdownDirectory) throws {
    guard try content.header().uuid("store") == manifest.store, try content.follows(manifest.head) else {
      throw EngramError.markdown(
        file: directory.file(MarkdownManifest.name).string, line: 1,
        reason: "it is not of this store, or the store is older than the files; import them to a new one")
    }
    var pending = files
    try content.eachMemory { lines in
      guard !lines.versions.isEmpty else { return }
      let memory = try MarkdownMemory(lines)
      if let file = pending.removeValue(forKey: memory.id) {
        try decide(memory, file, in: directory)
      } else {
        try decideWithoutFile(memory, since: try lines.history[0].int("sequence"))
      }
    }
    for (id, file) in pending.sorted(by: { $0.value.path < $1.value.path }) {
      decideWithoutMemory(id, file)
    }
  }

  private mutating func decide(
    _ memory: MarkdownMemory, _ file: File, in directory: MarkdownDirectory
  ) throws {
    guard let exported = file.exported else {
      // A sync was interrupted before it wrote the file.
      if memory.ended == nil, try file.content.edits(of: memory.content).isEmpty { return }
      throw EngramError.markdown(
        file: directory.file(file.path).string, line: 1,
        reason: "memory \(memory.id.uuidString.lowercased()) is there already, and its history is not in "
          + "the file; leave its id out to add another")
    }
    if exported.edits.isEmpty { return }
    if memory.ended == nil, try file.content.edits(of: memory.content).isEmpty { return }
    let isMoved = memory.change != exported.change || memory.ended != exported.ended
    guard !isMoved || decideConflict(memory.id, file, "it was changed in the file and in the store") else {
      return
    }
    if memory.ended == nil {
      actions.append((memory.id, .update(try file.content.edits(of: memory.content), of: memory.change)))
    } else {
      actions.append((memory.id, .add(file.content)))
    }
  }

  /// - Parameter first: the first change of the memory.
  private mutating func decideWithoutFile(_ memory: MarkdownMemory, since first: Int64) throws {
    // What is new in the store gets a file, and what has ended gets it back.
    guard first <= manifest.head.sequence, !idsWithoutVersion.contains(memory.id), memory.ended == nil
    else { return }
    if options.deletes {
      guard
        memory.change <= manifest.head.sequence
          || decideConflict(memory.id, nil, "its file was removed, and it was changed in the store")
      else { return }
      actions.append((memory.id, .delete(of: memory.change)))
    } else if options.preference != .store {
      report.missing.append(memory.id)
      untouched.insert(memory.id)
    }
  }

  /// The store has no such memory: it is new, or has been erased.
  private mutating func decideWithoutMemory(_ id: UUID, _ file: File) {
    if let exported = file.exported {
      guard !exported.edits.isEmpty,
        decideConflict(id, file, "it was changed in the file and erased in the store")
      else { return }
    }
    actions.append((id, .add(file.content)))
  }

  /// Whether the file counts.
  private mutating func decideConflict(_ id: UUID, _ file: File?, _ reason: String) -> Bool {
    if options.preference == nil {
      report.conflicts.append(.init(memory: id, file: file?.path, reason: reason))
      untouched.insert(id)
    }
    return options.preference == .files
  }

  // MARK: The store

  /// The texts that have no vector yet, in the order of the actions.
  var texts: [String] {
    actions.compactMap { _, action in
      switch action {
      case .add(let content): content.text
      case .update(let edits, _): edits.text
      case .delete: nil
      }
    }
  }

  /// All that is to be done to the store; notes it in the report.
  mutating func batch(_ vectors: [[Float]]) throws(EngramError) -> WriteBatch {
    var batch = WriteBatch()
    var vectors = vectors[...]
    for (id, action) in actions {
      switch action {
      case .add(let content):
        batch.inserts.append(try content.memory(id: id, vector: vectors.popFirst() ?? []))
        report.added.append(id)
      case .update(let edits, let change):
        batch.expected[id] = change
        batch.updates.append(
          (
            id,
            MemoryUpdate(
              text: edits.text, vector: edits.text == nil ? nil : vectors.popFirst(),
              metadata: edits.metadata, categories: edits.categories, importance: edits.importance,
              expiresAt: edits.expiresAt)
          ))
        report.updated.append(id)
      case .delete(let change):
        batch.expected[id] = change
        batch.deletes.append(id)
        report.deleted.append(id)
      }
    }
    return batch
  }

  // MARK: The files

  /// Makes the files what the store says, but for those that stay as they are. The manifest comes last: a
  /// sync that was interrupted goes on from the old one.
  mutating func write(_ content: Store.Content, to directory: MarkdownDirectory) throws {
    // What edits would make of others is not in the store in a dry run.
    let untouched = self.untouched.union(options.isDryRun ? actions.map(\.id) : [])
    let kept = Set(untouched.compactMap { files[$0]?.path })
    var stale = files.filter { !untouched.contains($0.key) }
    let manifest = try content.markdown { memory in
      guard !untouched.contains(memory.id), !kept.contains(memory.path) else {
        stale[memory.id] = nil
        return
      }
      try write(memory, over: stale.removeValue(forKey: memory.id), directory)
    }
    // What has been erased.
    for (id, file) in (stale.map(\.self) + leftovers).sorted(by: { $0.value.path < $1.value.path }) {
      try remove(file, id, directory)
    }
    let bytes = try manifest.bytes
    guard report.conflicts.isEmpty, bytes != (try self.manifest.bytes) else { return }
    report.written.append(MarkdownManifest.name)
    if !options.isDryRun { try directory.replace(MarkdownManifest.name, with: bytes) }
  }

  /// Writes the file of a memory, in the place of one that may lie elsewhere. At no moment is there none,
  /// which would mean that it was removed, or are there two that say the same id.
  private mutating func write(
    _ memory: MarkdownMemory, over file: File?, _ directory: MarkdownDirectory
  ) throws {
    let bytes = memory.bytes
    let isSame = file.map { $0.digest == MarkdownDirectory.digest(bytes) } ?? false
    let old = file.flatMap { $0.path == memory.path ? nil : $0.path }
    if isSame, old == nil { return }
    if let file { guard try isAsRead(file, memory.id, directory) else { return } }
    report.written.append(memory.path)
    if let old { report.removed.append(old) }
    if options.isDryRun { return }
    if let old, file?.isNamed == true { try directory.move(old, to: memory.path) }
    if !isSame { try directory.replace(memory.path, with: bytes) }
    if let old, file?.isNamed == false { try directory.remove(old) }
  }

  private mutating func remove(_ file: File, _ id: UUID, _ directory: MarkdownDirectory) throws {
    guard try isAsRead(file, id, directory) else { return }
    report.removed.append(file.path)
    if !options.isDryRun { try directory.remove(file.path) }
  }

  /// Whether nobody has changed a file since it was read; a conflict where somebody has.
  private mutating func isAsRead(
    _ file: File, _ id: UUID, _ directory: MarkdownDirectory
  ) throws -> Bool {
    if let bytes = try? directory.contents(file.path), MarkdownDirectory.digest(bytes) == file.digest {
      return true
    }
    report.conflicts.append(
      .init(memory: id, file: file.path, reason: "its file was changed during the sync"))
    return false
  }
}
